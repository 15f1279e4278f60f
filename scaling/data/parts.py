"""A part of the store: consecutive clips by rank as an Arrow IPC file, whole or absent.

A part holds the usable clips of its ranks and, in its schema's metadata, the ones that decoding rejected, so
that nothing is lost with a preparation that is interrupted. Its name, `part-<number>-<digest>.arrow`, ends with the
digest of its bytes.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import starmap
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from scaling.data.catalogue import REJECTS
from scaling.data.clip import UnusableClipError
from scaling.data.description import Limits
from scaling.data.features import MEL_BINS, SAMPLE_RATE, Cut, log_mel, waveforms
from scaling.data.tokenizer import Tokenizer, caption_number, normalized
from scaling.errors import StudyError
from scaling.storage.arrow import DIGEST, changed, check_named, read_named, write_named
from scaling.storage.files import Location, names, on_disk, opened

SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("domain", pa.string()),
        ("audio", pa.string()),
        ("seconds", pa.float32()),
        ("captions", pa.list_(pa.string())),
        ("frames", pa.int32()),
        ("audio_hash", pa.binary(16)),
        # Of each caption, normalized once and for all: the numbers of its words, and `caption_number`.
        ("words", pa.list_(pa.list_(pa.uint16()))),
        ("numbers", pa.list_(pa.int64())),
        ("features", pa.large_binary()),
    ]
)
DESCRIBING = SCHEMA.names[:-3]
_REJECTS = b"rejects"
PART = rf"part-(\d{{6,}})-{DIGEST}\.arrow"
"""The full name of a part, as a regular expression."""
DESCRIBED_BYTES = 2**18
"""Fetched at once from an object store; what describes the clips of a part lies together, before the features."""


def prepared_parts(folder: Location) -> dict[int, list[str]]:
    """The names of the parts that are there by their numbers, in order; of one number mostly one."""
    found: dict[int, list[str]] = {}
    for name in names(folder):
        if match := re.fullmatch(PART, name):
            found.setdefault(int(match[1]), []).append(name)
    return dict(sorted(found.items()))


def write_part(
    rows: pl.DataFrame, folder: Location, number: int, tokenizer: Tokenizer, audio_root: str, limits: Limits
) -> str:
    """Decode the clips of `rows` (ranked catalogue rows), make their log-mels and write them as the part of this number
    of a store; returns its name.

    A clip that cannot be used is recorded with its reason and left out. The file depends on the rows, the tokenizer and
    the audio alone, to the byte.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    rejects = []
    cuts = starmap(Cut, rows.select("audio", "start", "seconds", "channel").iter_rows())
    bounds = {"min_seconds": limits.min_seconds, "max_seconds": limits.max_seconds}
    for row, samples in zip(rows.iter_rows(named=True), waveforms(cuts, audio_root, **bounds), strict=True):
        if isinstance(samples, UnusableClipError):
            named = {key: row[key] for key in ("id", "source", "audio")}
            rejects.append({**named, "stage": "audio", "reason": str(samples)})
            continue
        frames = log_mel(samples).numpy().astype(np.float16)
        for name in ("rank", "id", "source", "domain", "audio", "captions"):
            columns[name].append(row[name])
        texts = [normalized(caption) for caption in row["captions"]]
        columns["words"].append([tokenizer.words_of(text) for text in texts])
        columns["numbers"].append([caption_number(text) for text in texts])
        columns["seconds"].append(samples.numel() / SAMPLE_RATE)
        columns["frames"].append(len(frames))
        columns["audio_hash"].append(hashlib.blake2b(samples.numpy().tobytes(), digest_size=16).digest())
        columns["features"].append(frames.tobytes())
    schema = SCHEMA.with_metadata({_REJECTS: json.dumps(rejects).encode()})
    batch = pa.record_batch(columns, schema=schema)
    columns.clear()
    return write_named(folder, f"part-{number:06d}", batch)


def describe(path: Location, columns: Sequence[str] = DESCRIBING) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Some columns of a part, and the clips of its ranks that decoding rejected.

    Of a part in an object store the features, nearly all of its bytes, are not read; its digest is then looked at by
    those who fetch it. Raises `StudyError` where it is damaged.
    """
    if on_disk(path):
        check_named(path, path)
    options = ipc.IpcReadOptions(included_fields=[SCHEMA.get_field_index(name) for name in columns])
    with opened(path, DESCRIBED_BYTES) as file:
        try:
            with ipc.open_file(file, options=options) as reader:
                rejects = json.loads(reader.schema.metadata[_REJECTS])
                table = pl.DataFrame(pl.from_arrow(reader.get_batch(0)))
        except pa.ArrowInvalid:
            raise changed(path) from None
    return table.select(columns), pl.DataFrame(rejects, schema=REJECTS)


class Part:
    """One part, memory-mapped: its features are never copied until a batch is made of them.

    Raises `StudyError` where it is damaged or gone.
    """

    def __init__(self, path: Location) -> None:
        try:
            batch = read_named(path)
        except FileNotFoundError:
            raise StudyError(f"{path} is gone: the same command prepares it again") from None
        _, offsets, features = batch.column("features").buffers()
        self._offsets = np.frombuffer(offsets, np.int64)
        self._features = np.frombuffer(features or b"", np.float16)
        words = batch.column("words")
        self._ids, self._captions = batch.column("id"), batch.column("captions")
        self._captions_from = _numbers(words.offsets, np.int32)
        self._words_from = _numbers(words.values.offsets, np.int32)
        self._words = _numbers(words.values.values, np.uint16)
        self._numbers = _numbers(batch.column("numbers").values, np.int64)

    def log_mel(self, row: int) -> NDArray[np.float16]:
        """float16 [frames, 80], read-only, straight from the file."""
        start, stop = self._offsets[row] // 2, self._offsets[row + 1] // 2
        frames: NDArray[np.float16] = self._features[start:stop].reshape(-1, MEL_BINS)
        return frames

    def clip_id(self, row: int) -> str:
        """The id of a clip."""
        return str(self._ids[row])

    def captions(self, row: int) -> list[str]:
        """The captions of a clip, as they were written."""
        captions: list[str] = self._captions[row].as_py()
        return captions

    def caption(self, row: int, draw: float) -> tuple[NDArray[np.uint16], int]:
        """The words of one of a clip's captions, by a number from 0 to below 1, and its `caption_number`."""
        first, beyond = int(self._captions_from[row]), int(self._captions_from[row + 1])
        number = first + int(draw * (beyond - first))
        return self._words[self._words_from[number] : self._words_from[number + 1]], int(self._numbers[number])


def _numbers(column: pa.Array, dtype: type[Any]) -> NDArray[Any]:
    return np.frombuffer(column.buffers()[1] or b"", dtype)[: len(column)]
