"""Lhotse CutSet manifests (`jsonl.gz` or `jsonl`), the form in which CaptionStew is distributed.

A line is read as Lhotse's `MonoCut.load_audio` would read it, or refused: what is not known here may mean something.

A line that is as most are is decoded by msgspec, in a tenth of the time. Any other goes to pydantic, which says what is
wrong with it; what msgspec takes, pydantic takes, and both read the same from it (the tests hold that).
"""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NotRequired

import msgspec
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from scaling.data.clip import SAMPLE_RATE, Clip, Reject, UnusableClipError
from scaling.data.readers.lines import LONGEST_LINE, numbered_lines
from scaling.data.styles import styles_of
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError
from scaling.storage.files import Location, on_disk, opened

READ_BYTES = 2**20
NO_CUT = "not a Lhotse MonoCut with one audio file"


def read(file: Location, source: str, root: str) -> Iterator[Clip | Reject]:
    """See `read_manifest`: paths are left as they are, relative to the audio root."""
    return read_manifest(file, source)


def digest(file: Location) -> str:
    """A digest of a manifest's bytes."""
    try:
        with opened(file, READ_BYTES) as content:
            whole = hashlib.blake2b(digest_size=16)
            while piece := content.read(READ_BYTES):
                whole.update(piece)
            return whole.hexdigest()
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except OSError as error:
        if not on_disk(file):
            raise
        raise StudyError(f"the manifest {file} cannot be read: {error.strerror}") from None


def read_manifest(file: Location, source: str | None = None) -> Iterator[Clip | Reject]:
    """The clips of one manifest, lazily, in file order; captions come from `custom.caption` of its supervisions,
    the domain from the first.

    `source` is the corpus that it belongs to; without one, what its name has before the first dot. A line that is no
    cut of one channel of one audio file is a reject, and so is one that is not JSON. Raises `StudyError`, naming file
    and line, where the file is not whole gzip, or where most of its lines are such.
    """
    source = file.name.split(".")[0] if source is None else source
    lines = refused = 0
    first = ""
    for number, line in numbered_lines(file, "Lhotse CutSets in .jsonl.gz"):
        lines += 1
        try:
            yield _plain_clip(line, source) or _checked_clip(line, source)
        except UnusableClipError as error:
            refused += 1
            first = first or f"line {number} is {error}"
            yield Reject(f"{file} line {number}", source, "", str(error))
    if 2 * refused > lines:
        raise StudyError(f"{file} {first}; {refused:,} of its {lines:,} lines cannot be used")


# What may stand in a field that nobody looks at; its depth has an end, as pydantic goes 200 deep and msgspec further.
_Word = None | bool | int | float | str
_Flat = _Word | list[_Word] | dict[str, _Word]
_Table = _Word | list[_Flat] | dict[str, _Flat]
_Nested = _Word | list[_Table] | dict[str, _Table]


class _PlainSource(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["file"]
    channels: list[int]
    source: str
    video: None = None


class _PlainRecording(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    sources: list[_PlainSource]
    id: _Nested = None
    sampling_rate: _Nested = None
    num_samples: _Nested = None
    duration: _Nested = None
    channel_ids: list[int] | None = None
    transforms: list[dict[str, _Nested]] | None = None


class _PlainSupervision(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: _Nested = None
    recording_id: _Nested = None
    start: _Nested = None
    duration: _Nested = None
    channel: _Nested = None
    text: _Nested = None
    language: _Nested = None
    speaker: _Nested = None
    gender: _Nested = None
    alignment: _Nested = None
    custom: dict[str, _Nested] | None = None


class _PlainCut(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A cut as most are. No field is skipped, as msgspec does not look into what it skips."""

    type: Literal["MonoCut"]
    id: str
    start: float
    duration: float
    channel: int
    recording: _PlainRecording
    supervisions: list[_PlainSupervision] | None = None
    features: _Nested = None
    custom: _Nested = None


_decoded = msgspec.json.Decoder(_PlainCut).decode


def _plain_clip(line: bytes, source: str) -> Clip | None:
    """A line that is as most are; None for any other, bad or only rare."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        cut = _decoded(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    recording, channel = cut.recording, cut.channel
    sources = recording.sources
    if (
        not cut.id
        or len(sources) != 1
        or sources[0].channels != [channel]
        or (recording.channel_ids and channel not in recording.channel_ids)
    ):
        return None
    try:
        for transform in recording.transforms or ():
            _check_transform(transform)
    except UnusableClipError:
        return None
    customs = [one.custom for one in cut.supervisions or () if one.custom]
    return _made(cut.id, source, cut.duration, customs, sources[0].source, cut.start, None)


def _made(
    name: str | int,
    source: str,
    seconds: float,
    customs: list[dict[str, Any]],
    audio: str,
    start: float,
    channel: int | None,
) -> Clip:
    """A clip; `customs` is what its supervisions have as custom."""
    domain = str((customs[0].get("domain") if customs else None) or source)
    captions, styles = _captions(customs[0] if customs else {})
    for custom in customs[1:]:
        more, theirs = _captions(custom)
        if styles or theirs:
            styles = (*(styles or ("",) * len(captions)), *(theirs or ("",) * len(more)))
        captions += more
    return Clip._make((f"{source}/{name}", source, domain, seconds, captions, audio, start, channel, "", styles))


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Source(TypedDict):
    type: Literal["file"]
    channels: list[int]
    source: str
    video: NotRequired[None]


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Recording(TypedDict):
    id: NotRequired[Any]
    sources: list[_Source]
    sampling_rate: NotRequired[Any]
    num_samples: NotRequired[Any]
    duration: NotRequired[Any]
    channel_ids: NotRequired[list[int] | None]
    transforms: NotRequired[list[dict[str, Any]] | None]


@with_config(ConfigDict(strict=True))
class _Supervision(TypedDict):
    custom: NotRequired[dict[str, Any] | None]


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Cut(TypedDict):
    type: Literal["MonoCut"]
    id: Annotated[str, Field(min_length=1)] | int
    start: float
    duration: float
    channel: int
    recording: _Recording
    supervisions: NotRequired[list[_Supervision] | None]
    features: NotRequired[Any]
    custom: NotRequired[Any]


_CUT = TypeAdapter(_Cut)


def _checked_clip(line: bytes, source: str) -> Clip:
    """Any line. Raises `UnusableClipError`."""
    if len(line) > LONGEST_LINE:
        raise UnusableClipError(f"not a cut: it has more than {LONGEST_LINE:,} bytes")
    try:
        cut = _CUT.validate_json(line)
    except ValidationError as error:
        raise UnusableClipError(_cause(error)) from None
    recording, channel = cut["recording"], cut["channel"]
    holding = [part for part in recording["sources"] if channel in part["channels"]]
    if len(holding) != 1 or channel not in (recording.get("channel_ids") or [channel]):
        raise UnusableClipError(f"{NO_CUT}: its channel is {channel}, and its recording has {_channels(recording)}")
    for transform in recording.get("transforms") or ():
        _check_transform(transform)
    [audio] = holding
    # Where the manifest knows of one channel and the file has more, they are taken for one sound.
    place = audio["channels"].index(channel) if len(audio["channels"]) > 1 else None
    customs = [custom for one in cut.get("supervisions") or () if (custom := one.get("custom"))]
    return _made(cut["id"], source, cut["duration"], customs, audio["source"], cut["start"], place)


def _channels(recording: _Recording) -> str:
    return ", ".join(str(part["channels"])[:50] for part in recording["sources"]) or "none"


def _check_transform(transform: dict[str, Any]) -> None:
    """Resampling to 16 kHz or more is what is done anyway; nothing else is done to a recording."""
    name, arguments = transform.get("name"), transform.get("kwargs")
    if name == "Resample" and isinstance(arguments, dict):
        rate = arguments.get("target_sampling_rate")
        if isinstance(rate, int) and rate >= SAMPLE_RATE:
            return
    raise UnusableClipError(f"{NO_CUT}: its recording is changed by {str(name)[:50]!r}")


def _cause(error: ValidationError) -> str:
    """Where a line is no cut, and why."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return f"not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    where = "".join(f"{step}: " for step in [".".join(map(str, first["loc"]))] if step)
    found = f", not {str(first['input'])[:50]!r}" if first["type"] == "literal_error" else ""
    return f"{NO_CUT}: {where}{first['msg']}{found}"


def _captions(custom: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The captions of a supervision and their styles. What is no text, or text without a word, is no caption."""
    found = custom.get("caption")
    captions = []
    for text in found if isinstance(found, list) else [found]:
        # A text that begins with a letter has a word: no need to take it apart.
        if isinstance(text, str) and (text[:1].isalnum() or normalized(text)):
            captions.append(text.strip())
    styles = styles_of(custom["caption_style"], found, tuple(captions)) if "caption_style" in custom else ()
    return tuple(captions), styles
