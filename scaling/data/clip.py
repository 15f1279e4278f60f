"""The row that every stage of the data speaks of, and what its manifest may say of it."""

import math
import os
import re
from dataclasses import dataclass
from typing import NamedTuple

SAMPLE_RATE = 16_000
"""Of all that is heard, in hertz."""


STYLES = ("human", "rewritten", "attribute")
"""Of captions: people wrote them; a language model did, from what is known of the clip; they are made of tags."""


class Clip(NamedTuple):
    """A piece of audio with its captions, from one source corpus. (A tuple, as millions of them are made.)

    `audio` says where the samples are: a path, absolute or relative to the corpus's audio root, or, in the embedded
    corpus, `SEED/SPLIT/INDEX`. `within` says which piece of that file the recording is: "" for all of it, `bytes FIRST
    COUNT` of an archive, `row GROUP ROW` of a Parquet file. `start` and `seconds` (None: what is there) cut the clip
    out of a longer recording; `channel` is the place of one of its channels, or None for the mean of all.
    `styles` says how each caption came about (`STYLES`, or "" for nobody knows); none where nothing is said of any.
    """

    id: str
    source: str
    domain: str
    seconds: float | None
    captions: tuple[str, ...]
    audio: str
    start: float = 0.0
    channel: int | None = None
    within: str = ""
    styles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """What a manifest holds and no study can use, with the reason: a clip by its id, any other line by its place."""

    id: str
    source: str
    audio: str
    reason: str


REMOTE = "s3://"
"""What the places in an object store begin with."""


def audio_path(audio: str, audio_root: str = "") -> str:
    """The file, or the object of a store, that a manifest calls `audio`."""
    return audio if audio.startswith(REMOTE) else os.path.join(audio_root, audio)  # noqa: PTH118


class UnusableClipError(Exception):
    """A clip that cannot be used; the message is the reason that is recorded."""


LONGEST = {"id": 1_000, "source": 100, "domain": 100, "label": 1_000, "caption": 10_000}
"""Characters that each of these may have."""
LONGEST_PATH, LONGEST_NAME = 4_096, 255
"""Characters of a path, and bytes of each name in it, as file systems have them."""
LATEST_START = 1e9
"""Seconds into a recording: thirty years."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def refusal(clip: Clip, min_seconds: float, max_seconds: float) -> str | None:
    """The first reason why a clip of the mixture cannot be used, by what its manifest says of it."""
    if found := flaw(clip):
        return found
    if not clip.captions:
        return "no caption"
    if clip.seconds is None:
        # It shows when it is decoded.
        return None
    if math.isnan(clip.seconds) or clip.seconds < min_seconds:
        return f"shorter than {min_seconds:g} s"
    if clip.seconds > max_seconds:
        return f"longer than {max_seconds:g} s"
    return None


def flaw(clip: Clip) -> str | None:
    """What is wrong with a clip, mixture or labelled, whatever is asked of it."""
    for what, name in (("id", clip.id), ("domain", clip.domain)):
        if found := bad_name(what, name):
            return found
    for caption in clip.captions:
        if found := unwritable("caption", caption, LONGEST["caption"]):
            return found
    if not clip.audio or "\0" in clip.audio:
        return "audio is no name that a file can have"
    if found := unwritable("audio", clip.audio, LONGEST_PATH):
        return found
    if (longest := max(len(name.encode()) for name in clip.audio.split("/"))) > LONGEST_NAME:
        return f"audio with a name of {longest:,} bytes: at most {LONGEST_NAME}"
    if not 0 <= clip.start <= LATEST_START:
        return f"starts at {clip.start:g} s"
    return None


def bad_name(what: str, name: str) -> str | None:
    """Why nothing can be called so."""
    if _CONTROL.search(name):
        return f"{what} with a control character in it"
    return unwritable(what, name, LONGEST[what])


def unwritable(what: str, text: str, longest: int) -> str | None:
    """Why a text cannot be written down as one."""
    if len(text) > longest:
        return f"{what} of {len(text):,} characters: at most {longest:,}"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{what} with half a character in it"
    return None
