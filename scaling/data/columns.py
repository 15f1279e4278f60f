"""Clips as columns: what readers find, cleaned line by line and laid down batch by batch.

A batch holds what the catalogue needs of its clips and the key by which each is ranked, so that whoever ranks looks at
keys alone, and gathers the rest last.
"""

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from scaling.data.clip import REMOTE, Clip, Reject, audio_path, is_plain, refusal
from scaling.data.leaks import keys_of, leak

SCHEMA = pa.schema(
    [
        ("id", pa.large_string()),
        ("source", pa.large_string()),
        ("domain", pa.large_string()),
        ("seconds", pa.float64()),
        ("captions", pa.large_list(pa.large_string())),
        ("audio", pa.large_string()),
        ("start", pa.float64()),
        ("channel", pa.int64()),
        ("within", pa.large_string()),
        ("styles", pa.large_list(pa.large_string())),
        ("key", pa.int64()),
    ]
)
REJECTS = pa.schema([(name, pa.large_string()) for name in ("id", "source", "audio", "stage", "reason")])
BATCH = 2**15
"""Clips of a batch: some ten megabytes."""
LEAK = "leak: a recording of the labelled test or validation clips"
_ABOVE = ("", ".", "..")


@dataclass(frozen=True)
class Cleaning:
    """What a clip must be, by what its manifest says of it, and what it is ranked by.

    salt: keys the ranking. min_seconds, max_seconds: bounds of a clip's duration. audio_root: the folder that relative
    paths start from. held_out: recordings of labelled test and validation clips, by their `audio_place`; a clip that
    plays one of them is a leak. leaks: what clips of evaluation lists are known by, and the list's name (`leaks.py`).
    styles: of the captions of sources whose manifests do not say it.
    """

    salt: str
    min_seconds: float
    max_seconds: float
    audio_root: str = ""
    held_out: frozenset[str] = frozenset()
    leaks: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, str] = field(default_factory=dict)


def audio_place(audio: str, audio_root: str = "") -> str:
    """Where a clip's recording lies, written in one way however its manifest writes it.

    Links are not followed: that would ask the file system about every clip.
    """
    place = audio_path(audio, audio_root)
    if place.startswith(REMOTE):
        return REMOTE + os.path.normpath(place.removeprefix(REMOTE))
    return os.path.normpath(place)


def rank_key(clip_id: str, salt: str) -> int:
    """The place of a clip within its source before ties: a 63-bit keyed hash of its id."""
    begun = _keyed(salt).copy()
    begun.update(clip_id.encode())
    return int.from_bytes(begun.digest(), "big") >> 1


@functools.lru_cache(maxsize=4)
def _keyed(salt: str) -> "hashlib.blake2b":
    """To begin from a copy takes half the time of a new one."""
    return hashlib.blake2b(key=salt.encode()[:64], digest_size=8)


@dataclass(frozen=True)
class Batch:
    """Some of the clips of a manifest (`SCHEMA`), and some of its rejects (`REJECTS`)."""

    clips: pa.RecordBatch
    rejects: pa.RecordBatch


def batches(lines: Iterable[Clip | Reject], cleaning: Cleaning, size: int = BATCH) -> Iterator[Batch]:
    """Clean what a reader finds. A clip is rejected for one reason, the first that holds: what `clip.refusal` finds,
    then a leak of the labelled clips, then one of a list."""
    low, high, salt = cleaning.min_seconds, cleaning.max_seconds, cleaning.salt
    # A file's own name is looked at first: paths are put together for few.
    names = {place.rpartition("/")[2] for place in cleaning.held_out}
    names.update(_ABOVE if names else ())
    clips: list[tuple[Any, ...]] = []
    rejects: list[tuple[str, ...]] = []
    for line in lines:
        if isinstance(line, Reject):
            rejects.append((*map(_written, (line.id, line.source, line.audio)), "manifest", _written(line.reason)))
        elif not is_plain(line, low, high) and (reason := refusal(line, low, high)):
            rejects.append((_shown(line.id), line.source, _shown(line.audio), "manifest", reason))
        elif (
            names
            and line.audio.rpartition("/")[2] in names
            and audio_place(line.audio, cleaning.audio_root) in cleaning.held_out
        ):
            rejects.append((line.id, line.source, line.audio, "manifest", LEAK))
        elif cleaning.leaks and (listed := _listed(line, cleaning.leaks)):
            rejects.append((line.id, line.source, line.audio, "manifest", f"leak: in the list {listed}"))
        else:
            if not line.styles and line.source in cleaning.styles:
                line = line._replace(styles=(cleaning.styles[line.source],) * len(line.captions))
            clips.append((*line, rank_key(line.id, salt)))
        if len(clips) + len(rejects) >= size:
            yield Batch(_batch(clips, SCHEMA), _batch(rejects, REJECTS))
            clips, rejects = [], []
    yield Batch(_batch(clips, SCHEMA), _batch(rejects, REJECTS))


def _listed(clip: Clip, leaks: Mapping[str, str]) -> str | None:
    return leak(keys_of(clip.id.removeprefix(f"{clip.source}/"), clip.audio, bool(clip.within)), leaks)


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _shown(text: str) -> str:
    """As much of a name that may be anything as can be written down."""
    return _written(text[:200])


def _written(text: str) -> str:
    """A text that can be written down, whatever a manifest has in it."""
    return text.encode(errors="backslashreplace").decode()
