"""A part of the store: consecutive clips by rank as an Arrow IPC file, whole or absent.

A part holds the usable clips of its ranks, with a column for each format in which they are heard, and, in its schema's
metadata, the ones that decoding rejected, so that nothing is lost with a preparation that is interrupted. Its name,
`part-<number>-<digest>.arrow`, ends with the digest of its bytes.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import xxhash
from numpy.typing import NDArray
from pyarrow import ipc

from scaling.data.catalogue import REJECTS
from scaling.data.clip import UnusableClipError
from scaling.data.description import Limits
from scaling.data.features import LOG_MEL, Cut, log_mel, waveforms
from scaling.data.flac import flac, flac_samples
from scaling.data.tokenizer import Tokenizer, caption_number, normalized
from scaling.errors import StudyError
from scaling.models.formats import FRAMES_A_SECOND, Format, LogMel, Waveform
from scaling.storage.arrow import DIGEST, changed, check_named, read_named, write_named
from scaling.storage.files import Location, names, on_disk, opened

if TYPE_CHECKING:
    import torch

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
        # Of each caption, normalized once and for all: its text, the numbers of its words, and `caption_number`.
        ("normalized", pa.list_(pa.string())),
        ("words", pa.list_(pa.list_(pa.uint16()))),
        ("numbers", pa.list_(pa.int64())),
    ]
)
"""Of what describes the clips; after it comes what is heard of them, a column for each format (`part_schema`)."""
DESCRIBING = SCHEMA.names[:-3]
STYLES = pa.field("styles", pa.list_(pa.string()))
"""Of each caption, in parts of catalogues that know it; last, so that all else lies where it does in other parts."""
_REJECTS = b"rejects"
PART = rf"part-(\d{{6,}})-{DIGEST}\.arrow"
"""The full name of a part, as a regular expression."""
DESCRIBED_BYTES = 2**18
"""Fetched at once from an object store; what describes the clips of a part lies together, before the features."""


def part_schema(formats: Sequence[Format]) -> pa.Schema:
    """The columns of a part that holds its clips in these formats."""
    return pa.schema([*SCHEMA, *((str(one), pa.large_binary()) for one in formats)])


def prepared_parts(folder: Location) -> dict[int, list[str]]:
    """The names of the parts that are there by their numbers, in order; of one number mostly one."""
    found: dict[int, list[str]] = {}
    for name in names(folder):
        if match := re.fullmatch(PART, name):
            found.setdefault(int(match[1]), []).append(name)
    return dict(sorted(found.items()))


def write_part(
    rows: pl.DataFrame,
    folder: Location,
    number: int,
    tokenizer: Tokenizer,
    audio_root: str,
    limits: Limits,
    formats: Sequence[Format] = (LOG_MEL,),
) -> str:
    """Decode the clips of `rows` (ranked catalogue rows), make what is heard of them and write them as the part of this
    number of a store; returns its name. The formats are of one rate.

    A clip that cannot be used is recorded with its reason and left out. The file depends on the rows, the tokenizer and
    the audio alone, to the byte.
    """
    _keep_memory()
    schema, rate = part_schema(formats), formats[0].rate
    if "styles" in rows.columns:
        schema = schema.append(STYLES)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    rejects = []
    inside = ["within"] if "within" in rows.columns else []
    cuts = starmap(Cut, rows.select("audio", "start", "seconds", "channel", *inside).iter_rows())
    bounds: dict[str, Any] = {"min_seconds": limits.min_seconds, "max_seconds": limits.max_seconds, "rate": rate}
    for row, samples in zip(rows.iter_rows(named=True), waveforms(cuts, audio_root, **bounds), strict=True):
        if isinstance(samples, UnusableClipError):
            named = {key: row[key] for key in ("id", "source", "audio")}
            rejects.append({**named, "stage": "audio", "reason": str(samples)})
            continue
        for name in ("rank", "id", "source", "domain", "audio", "captions"):
            columns[name].append(row[name])
        texts = [normalized(caption) for caption in row["captions"]]
        columns["normalized"].append(texts)
        columns["words"].append([tokenizer.words_of(text) for text in texts])
        columns["numbers"].append([caption_number(text) for text in texts])
        columns["seconds"].append(samples.numel() / rate)
        columns["frames"].append(1 + samples.numel() // (rate // FRAMES_A_SECOND))
        columns["audio_hash"].append(audio_hash(samples))
        for one in formats:
            columns[str(one)].append(_heard(samples, one))
        if "styles" in columns:
            columns["styles"].append(row["styles"])
    batch = pa.record_batch(columns, schema=schema.with_metadata({_REJECTS: json.dumps(rejects).encode()}))
    columns.clear()
    return write_named(folder, f"part-{number:06d}", batch)


@cache
def _keep_memory() -> None:
    """Else glibc hands what each clip took back to the kernel and asks for it anew, a tenth of the time of a process's
    first part: only a large block that was freed tells it to keep some (mallopt(3), M_TRIM_THRESHOLD)."""
    np.empty(2**25 - 2**16, np.uint8)


def audio_hash(samples: "torch.Tensor") -> bytes:
    """What tells equal samples, 16 bytes: the XXH3 digest of them as float32."""
    return xxhash.xxh3_128_digest(samples.numpy().data)


def _heard(samples: "torch.Tensor", of: Format) -> bytes:
    """What is kept of samples in a format."""
    if isinstance(of, Waveform):
        return flac(samples.numpy(), of.rate)
    return log_mel(samples, of).half().numpy().tobytes()


def describe(path: Location, columns: Sequence[str] = DESCRIBING) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Some columns of a part, and the clips of its ranks that decoding rejected.

    Styles are left out where it has none. Of a part in an object store the features, nearly all of its bytes, are not
    read; its digest is then looked at by those who fetch it. Raises `StudyError` where it is damaged.
    """
    if on_disk(path):
        check_named(path, path)
    with opened(path, DESCRIBED_BYTES) as file:
        try:
            with ipc.open_file(file) as reader:
                there = reader.schema.names
            columns = [name for name in columns if name in there or name in SCHEMA.names]
            options = ipc.IpcReadOptions(included_fields=[there.index(name) for name in columns])
            file.seek(0)
            with ipc.open_file(file, options=options) as reader:
                rejects = json.loads(reader.schema.metadata[_REJECTS])
                table = pl.DataFrame(pl.from_arrow(reader.get_batch(0)))
        except (pa.ArrowInvalid, ValueError):
            raise changed(path) from None
    return table.select(columns), pl.DataFrame(rejects, schema=REJECTS)


class Part:
    """One part, memory-mapped: what is heard of its clips, in these formats, is never copied until a batch is made.

    Raises `StudyError` where it is damaged or gone.
    """

    def __init__(self, path: Location, formats: Sequence[Format] = (LOG_MEL,)) -> None:
        try:
            batch = read_named(path)
        except FileNotFoundError:
            raise StudyError(f"{path} is gone: the same command prepares it again") from None
        self._heard: dict[Format, tuple[NDArray[np.int64], NDArray[np.uint8]]] = {}
        for one in formats:
            _, offsets, content = batch.column(str(one)).buffers()
            self._heard[one] = np.frombuffer(offsets, np.int64), np.frombuffer(content or b"", np.uint8)
        words = batch.column("words")
        self._ids, self._captions, self._normalized = (batch.column(of) for of in ("id", "captions", "normalized"))
        self._captions_from = _numbers(words.offsets, np.int32)
        self._words_from = _numbers(words.values.offsets, np.int32)
        self._words = _numbers(words.values.values, np.uint16)
        self._numbers = _numbers(batch.column("numbers").values, np.int64)
        styled = batch.schema.get_field_index("styles") >= 0
        self._styles = np.array(batch.column("styles").values.to_pylist() if styled else [])
        self._styles_from = _numbers(batch.column("styles").offsets, np.int32) if styled else None

    def log_mel(self, row: int, of: LogMel) -> NDArray[np.float16]:
        """float16 [frames, bins], read-only, straight from the file."""
        offsets, content = self._heard[of]
        frames: NDArray[np.float16] = content[offsets[row] : offsets[row + 1]].view(np.float16).reshape(-1, of.bins)
        return frames

    def waveform(self, row: int, of: Waveform, start: int = 0, count: int = -1) -> NDArray[np.float32]:
        """At most `count` samples (-1: all) from `start` on, float32 [samples]."""
        offsets, content = self._heard[of]
        return flac_samples(content[offsets[row] : offsets[row + 1]].data, start, count)

    def clip_id(self, row: int) -> str:
        """The id of a clip."""
        return str(self._ids[row])

    def captions(self, row: int) -> list[str]:
        """The captions of a clip, as they were written."""
        captions: list[str] = self._captions[row].as_py()
        return captions

    def normalized(self, row: int, draw: float, style: str = "") -> str:
        """The same caption as `caption` draws, as text."""
        return str(self._normalized[row][self._drawn(row, draw, style)])

    def caption(self, row: int, draw: float, style: str = "") -> tuple[NDArray[np.uint16], int]:
        """The words of one of a clip's captions, by a number from 0 to below 1, and its `caption_number`; of one of
        this style, where there is one."""
        number = int(self._captions_from[row]) + self._drawn(row, draw, style)
        return self._words[self._words_from[number] : self._words_from[number + 1]], int(self._numbers[number])

    def _drawn(self, row: int, draw: float, style: str) -> int:
        """The place of a caption among those of its clip."""
        if style and self._styles_from is not None:
            styles = self._styles[self._styles_from[row] : self._styles_from[row + 1]]
            if len(fitting := np.flatnonzero(styles == style)):
                return int(fitting[int(draw * len(fitting))])
        return int(draw * int(self._captions_from[row + 1] - self._captions_from[row]))


def _numbers(column: pa.Array, dtype: type[Any]) -> NDArray[Any]:
    return np.frombuffer(column.buffers()[1] or b"", dtype)[: len(column)]
