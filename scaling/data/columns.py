"""Clips as columns: what readers find, cleaned line by line and laid down batch by batch.

A batch holds what the catalogue needs of its clips and the key by which each is ranked, so that whoever ranks looks at
keys alone, and gathers the rest last.
"""

import functools
import hashlib
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaling.data.clip import LATEST_START, LONGEST, LONGEST_NAME, REMOTE, Clip, Reject, audio_path, refusal
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
CLIPS = pa.schema(list(SCHEMA)[: len(Clip._fields)])
"""What a `Clip` has of it."""
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

    @functools.cached_property
    def held_out_names(self) -> frozenset[str]:
        """The files' own names, which are looked at first: paths are put together for few."""
        names = {place.rpartition("/")[2] for place in self.held_out}
        return frozenset({*names, *_ABOVE} if names else names)


def audio_place(audio: str, audio_root: str = "") -> str:
    """Where a clip's recording lies, written in one way however its manifest writes it.

    Links are not followed: that would ask the file system about every clip.
    """
    place = audio_path(audio, audio_root)
    if place.startswith(REMOTE):
        return REMOTE + os.path.normpath(place.removeprefix(REMOTE))
    return os.path.normpath(place)


def rank_keys(ids: Iterable[str], salt: str) -> NDArray[np.int64]:
    """The places of clips within their sources before ties: 63-bit keyed hashes of their ids, int64 [ids]."""
    keyed = hashlib.blake2b(key=salt.encode()[:64], digest_size=8)
    digests = []
    for one in ids:
        # To begin from a copy takes half the time of a new one.
        begun = keyed.copy()
        begun.update(one.encode())
        digests.append(begun.digest())
    return (np.frombuffer(b"".join(digests), ">u8") >> 1).astype(np.int64)


@dataclass(frozen=True)
class Batch:
    """Some of the clips of a manifest (`SCHEMA`), and some of its rejects (`REJECTS`)."""

    clips: pa.RecordBatch
    rejects: pa.RecordBatch


def batches(lines: Iterable[Clip | Reject], cleaning: Cleaning, size: int = BATCH) -> Iterator[Batch]:
    """Clean what a reader finds, so many lines at a time. A clip is rejected for one reason, the first that holds: what
    `clip.refusal` finds, then a leak of the labelled clips, then one of a list."""
    coming = iter(lines)
    while some := list(islice(coming, size)):
        yield _cleaned(some, cleaning)


def _cleaned(lines: Sequence[Clip | Reject], cleaning: Cleaning) -> Batch:
    clips = [line for line in lines if isinstance(line, Clip)]
    rejects = [
        (*map(_written, (line.id, line.source, line.audio)), "manifest", _written(line.reason))
        for line in lines
        if isinstance(line, Reject)
    ]
    low, high = cleaning.min_seconds, cleaning.max_seconds
    doubtful: Iterable[int]
    try:
        batch = _columns(clips, cleaning)
        doubtful = _doubtful(batch, low, high)
    except UnicodeEncodeError:
        # There is half a character somewhere, and no column holds that.
        batch, doubtful = None, range(len(clips))
    refused = {row: reason for row in doubtful if (reason := refusal(clips[row], low, high))}
    for row, reason in refused.items():
        rejects.append((_shown(clips[row].id), clips[row].source, _shown(clips[row].audio), "manifest", reason))
    leaks = _leaks(clips, cleaning, refused)
    for row, reason in leaks.items():
        rejects.append((clips[row].id, clips[row].source, clips[row].audio, "manifest", reason))
    if batch is None:
        batch = _columns([clip for row, clip in enumerate(clips) if row not in refused and row not in leaks], cleaning)
    elif refused or leaks:
        stays = np.ones(len(clips), bool)
        stays[[*refused, *leaks]] = False
        batch = batch.filter(pa.array(stays))
    return Batch(batch, pa.record_batch(_arrays(rejects, REJECTS), schema=REJECTS))


def _columns(clips: Sequence[Clip], cleaning: Cleaning) -> pa.RecordBatch:
    """Clips as `SCHEMA` has them. Raises `UnicodeEncodeError` where a text has half a character in it."""
    of_source = {source: (style,) for source, style in cleaning.styles.items()}
    *arrays, styles = _arrays(clips, CLIPS)
    if of_source:
        every = [clip.styles or of_source.get(clip.source, ()) * len(clip.captions) for clip in clips]
        styles = pa.array(every, styles.type)
    keys = rank_keys((clip.id for clip in clips), cleaning.salt)
    return pa.record_batch([*arrays, styles, pa.array(keys)], schema=SCHEMA)


def _arrays(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> list[pa.Array]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    return [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]


def _doubtful(batch: pa.RecordBatch, low: float, high: float) -> list[int]:
    """The rows in which `clip.refusal` may find something: every bound here lies within the true one."""
    texts = {"id": (0, LONGEST["id"]), "domain": (0, LONGEST["domain"]), "audio": (1, LONGEST_NAME)}
    captions = batch.column("captions")
    plain = pc.greater(pc.list_value_length(captions), 0)
    for name, (least, most) in texts.items():
        plain = pc.and_(plain, pc.ascii_is_printable(batch.column(name)))
        plain = pc.and_(plain, _between(pc.binary_length(batch.column(name)), least, most))
    plain = pc.and_(plain, _between(batch.column("seconds"), low, high))
    plain = pc.and_(plain, _between(batch.column("start"), 0.0, LATEST_START))
    long = pc.greater(pc.binary_length(pc.list_flatten(captions)), LONGEST["caption"])
    rows = pc.indices_nonzero(pc.invert(pc.fill_null(plain, False)))
    return [*rows.to_pylist(), *pc.list_parent_indices(captions).filter(long).to_pylist()]


def _between(column: pa.Array, least: float, most: float) -> pa.Array:
    return pc.and_(pc.greater_equal(column, least), pc.less_equal(column, most))


def _leaks(clips: Sequence[Clip], cleaning: Cleaning, but: Container[int]) -> dict[int, str]:
    """The rows of clips of evaluation sets, with the reason; those of `but` are not looked at."""
    found: dict[int, str] = {}
    if not cleaning.held_out and not cleaning.leaks:
        return found
    for row, clip in enumerate(clips):
        if row in but:
            continue
        if (
            clip.audio.rpartition("/")[2] in cleaning.held_out_names
            and audio_place(clip.audio, cleaning.audio_root) in cleaning.held_out
        ):
            found[row] = LEAK
        elif cleaning.leaks and (listed := _listed(clip, cleaning.leaks)):
            found[row] = f"leak: in the list {listed}"
    return found


def _listed(clip: Clip, leaks: Mapping[str, str]) -> str | None:
    return leak(keys_of(clip.id.removeprefix(f"{clip.source}/"), clip.audio, bool(clip.within)), leaks)


def _shown(text: str) -> str:
    """As much of a name that may be anything as can be written down."""
    return _written(text[:200])


def _written(text: str) -> str:
    """A text that can be written down, whatever a manifest has in it."""
    return text.encode(errors="backslashreplace").decode()
