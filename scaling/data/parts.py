"""A part of the store: consecutive clips by rank as an Arrow IPC file, whole or absent.

A part holds the usable clips of its ranks and, in its schema's metadata, the ones that decoding rejected, so
that nothing is lost with a preparation that is interrupted.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from scaling.data.catalogue import REJECTS
from scaling.data.features import MEL_BINS, SAMPLE_RATE, UnusableClipError, log_mel, waveform
from scaling.errors import StudyError
from scaling.storage.files import Location, opened, replacing

SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("domain", pa.string()),
        ("seconds", pa.float32()),
        ("captions", pa.list_(pa.string())),
        ("frames", pa.int32()),
        ("audio_hash", pa.binary(16)),
        ("features", pa.large_binary()),
    ]
)
DESCRIBING = [name for name in SCHEMA.names if name != "features"]
_REJECTS = b"rejects"
DESCRIBED_BYTES = 2**18
"""Fetched at once from an object store; what describes the clips of a part lies together, before the features."""


@dataclass(frozen=True)
class Limits:
    """Seconds that a decoded clip may last; the same rule as the catalogue's, applied to what is really
    there."""

    min_seconds: float
    max_seconds: float


def part_name(number: int) -> str:
    return f"part-{number:06d}.arrow"


def write_part(rows: pl.DataFrame, path: Location, audio_root: str, limits: Limits) -> None:
    """Decode the clips of `rows` (ranked catalogue rows), make their log-mels and write them as one part.

    A clip that cannot be used is recorded with its reason and left out. The file depends on the rows and the
    audio alone, to the byte.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    rejects = []
    for row in rows.iter_rows(named=True):
        try:
            samples = waveform(row["audio"], audio_root, row["start"], row["seconds"])
            seconds = samples.numel() / SAMPLE_RATE
            _check_length(seconds, limits)
        except UnusableClipError as error:
            rejects.append(
                {
                    **{key: row[key] for key in ("id", "source", "audio")},
                    "stage": "audio",
                    "reason": str(error),
                }
            )
            continue
        frames = log_mel(samples).numpy().astype(np.float16)
        for name in ("rank", "id", "source", "domain", "captions"):
            columns[name].append(row[name])
        columns["seconds"].append(seconds)
        columns["frames"].append(len(frames))
        columns["audio_hash"].append(hashlib.blake2b(samples.numpy().tobytes(), digest_size=16).digest())
        columns["features"].append(frames.tobytes())
    schema = SCHEMA.with_metadata({_REJECTS: json.dumps(rejects).encode()})
    with (
        replacing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(columns, schema=schema))


def _check_length(seconds: float, limits: Limits) -> None:
    # Rounding to whole samples must not reject a clip that the catalogue let pass.
    if seconds < limits.min_seconds - 1e-3:
        raise UnusableClipError(f"audio shorter than {limits.min_seconds:g} s when decoded")
    if seconds > limits.max_seconds + 1e-3:
        raise UnusableClipError(f"audio longer than {limits.max_seconds:g} s when decoded")


def describe(path: Location) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clips of a part without their features, and the clips of its ranks that decoding rejected.

    The features, nearly all of its bytes, are not read.
    """
    options = ipc.IpcReadOptions(included_fields=[SCHEMA.get_field_index(name) for name in DESCRIBING])
    with opened(path, DESCRIBED_BYTES) as file:
        try:
            with ipc.open_file(file, options=options) as reader:
                rejects = json.loads(reader.schema.metadata[_REJECTS])
                return pl.DataFrame(pl.from_arrow(reader.get_batch(0))), pl.DataFrame(rejects, schema=REJECTS)
        except pa.ArrowInvalid:
            raise _damaged(path) from None


def _damaged(path: Location) -> StudyError:
    return StudyError(f"{path} is damaged: delete it, and the same command prepares it again")


class Part:
    """One part, memory-mapped: its features are never copied until a batch is made of them."""

    def __init__(self, path: Path) -> None:
        try:
            with ipc.open_file(pa.memory_map(str(path))) as reader:
                features = reader.get_batch(0).column("features")
        except pa.ArrowInvalid:
            raise _damaged(path) from None
        _, offsets, data = features.buffers()
        self._offsets = np.frombuffer(offsets, dtype=np.int64)[features.offset :]
        self._data = np.frombuffer(data, dtype=np.float16) if data is not None else np.empty(0, np.float16)

    def log_mel(self, row: int) -> NDArray[np.float16]:
        """float16 [frames, 80], read-only, straight from the file."""
        start, stop = self._offsets[row] // 2, self._offsets[row + 1] // 2
        frames: NDArray[np.float16] = self._data[start:stop].reshape(-1, MEL_BINS)
        return frames
