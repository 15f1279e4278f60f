"""The index of a store: its usable clips in rank order and where they lie, a few bytes each.

`index-<digest>.arrow` is memory-mapped, and so shared by all workers of a node. It names the parts that it was made of,
so that a store which grows indexes only what is new. Which file it is says `store.json`, written last: whoever reads
the store sees the old index or the new one, and a process that is killed in between leaves the old.
"""

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from scaling.data.catalogue import REJECTS
from scaling.data.clip import STYLES
from scaling.data.description import (
    MANIFEST_REJECTS,
    REJECTS_FILE,
    TASKS,
    StoreFile,
    intact,
    read_store_file,
    seal,
)
from scaling.data.parts import describe, prepared_parts
from scaling.errors import StudyError
from scaling.storage.arrow import DIGEST, read_named, write_named
from scaling.storage.digest import bytes_digest
from scaling.storage.files import Location, names, on_disk, read_bytes, remove
from scaling.storage.tables import read_parquet, write_parquet

SAME_AUDIO = "same audio as an earlier clip"
"""The reason of what is left out though nothing is wrong with it."""
SCHEMA = pa.schema(
    [
        ("place", pa.int32()),
        ("part", pa.int32()),
        ("row", pa.uint8()),
        ("frames", pa.int32()),
        ("captions", pa.int32()),
        ("source", pa.int32()),
        ("seconds", pa.float32()),
        ("audio_hash", pa.binary(16)),
        ("styles", pa.uint8()),
    ]
)


NEEDED: dict[str, Any] = {
    "id": pl.String,
    "source": pl.String,
    "audio": pl.String,
    "seconds": pl.Float32,
    "frames": pl.Int32,
    "audio_hash": pl.Binary,
    "numbers": pl.List(pl.Int64),
}
"""Of a part, to index it."""
FOUND: dict[str, Any] = {**NEEDED, "part": pl.Int32, "row": pl.UInt8, "styles": pl.UInt8}


class Index:
    """The usable clips of a store in rank order, read-only, straight from the file.

    Attributes:
        place: 0, 1, 2, …: a prefix of it is a subset, and no worker of a node has one of its own: int32 [clips].
        part, row: where each clip lies: int32 and uint8 [clips].
        frames, seconds: how long it is: int32 and float32 [clips].
        captions: how many it has: int32 [clips].
        source: the number of its source among `sources`: int32 [clips].
        styles: a bit for each of `STYLES` that it has a caption of: uint8 [clips].
        parts: the names of the parts, by their numbers.
        leaks: a digest of the audio that was kept out.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        if "styles" not in batch.schema.names:
            # An index of before there were any.
            batch = batch.append_column("styles", pa.array(np.zeros(len(batch), np.uint8)))
        self.batch = batch
        metadata = batch.schema.metadata or {}
        self.parts: tuple[str, ...] = tuple(json.loads(metadata.get(b"parts", b"[]")))
        self.sources: tuple[str, ...] = tuple(json.loads(metadata.get(b"sources", b"[]")))
        self.leaks: str = metadata.get(b"leaks", b"").decode()
        self.place, self.part, self.row, self.frames, self.captions, self.source, self.seconds = (
            self._column(name) for name in SCHEMA.names[:-2]
        )
        self.styles = self._column("styles")

    def __len__(self) -> int:
        return len(self.batch)

    def _column(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self.batch.column(name).to_numpy()
        return column


def read_index(folder: Location) -> tuple[StoreFile, Index]:
    """What a store holds, and its index.

    Raises `StudyError` where nothing is prepared there, or where it is damaged.
    """
    while True:
        there = read_store_file(folder)
        if there is None or not there.index:
            raise StudyError(f"no prepared store in {folder}: start the study again, it prepares one")
        try:
            return there, Index(read_named(folder / there.index))
        except FileNotFoundError:
            # Another study has let the store grow since.
            if read_store_file(folder) == there:
                raise StudyError(f"{folder / there.index} is gone: the same command prepares it again") from None


def indexed_parts(folder: Location) -> int:
    """How many parts the index of a store is made of; none where it is damaged or not there."""
    try:
        return len(read_index(folder)[1].parts)
    except StudyError:
        return 0


def indexed(folder: Location, test_hashes: Iterable[bytes] = ()) -> int | None:
    """How many usable clips an index has that `write_index` would leave as it is; None where it would write one."""
    index, _, new = _gone_on_from(folder, test_hashes)
    return len(index) if index.leaks and not new else None


def write_index(folder: Location, test_hashes: Iterable[bytes] = ()) -> int:
    """Index the usable clips of the parts that are there, and write down every rejected one.

    Only parts without a gap before them count: a prefix has no holes. A clip that plays the same samples as
    an earlier one, or as a labelled test clip, is rejected here; of a store of labelled clips every one stays, as two
    tasks may know one recording, each by its own file. Parts that are indexed already are not read again, unless what
    they were indexed into is damaged. Returns the number of usable clips.
    """
    index, rejects, new = _gone_on_from(folder, test_hashes)
    if new or not index.leaks:
        kept_out = sorted(set(test_hashes))
        table, rejected, sources = _described(folder, new, index, kept_out)
        batch = pa.concat_batches([index.batch.cast(table.schema), table]) if len(index) else table
        parts = [*index.parts, *new]
        metadata = {"parts": json.dumps(parts), "sources": json.dumps(sources), "leaks": _leaks(kept_out)}
        name = write_named(folder, "index", batch.replace_schema_metadata(metadata))
        write_parquet(folder / REJECTS_FILE, pl.concat([rejects, rejected]))
        digest = bytes_digest(read_bytes(folder / REJECTS_FILE))
        # From here on readers see it; what it replaces goes when none asks for it any more.
        seal(folder, {REJECTS_FILE: digest}, name)
        _remove_superseded(folder, name, parts)
        return len(batch)
    return len(index)


def _leaks(test_hashes: Iterable[bytes]) -> str:
    return bytes_digest(b"".join(sorted(set(test_hashes))))


def _gone_on_from(folder: Location, test_hashes: Iterable[bytes]) -> tuple[Index, pl.DataFrame, list[str]]:
    """What is indexed already, the rejected clips, and the parts that are not indexed yet."""
    there = prepared_parts(folder)
    index, rejects = _so_far(folder, _leaks(test_hashes), {name for some in there.values() for name in some})
    return index, rejects, [there[number][0] for number in takewhile(there.__contains__, count(len(index.parts)))]


def _so_far(folder: Location, leaks: str, there: set[str]) -> tuple[Index, pl.DataFrame]:
    """What is indexed already, and the rejected clips; what cannot be gone on from is begun again."""
    try:
        _, index = read_index(folder)
        rejects = read_parquet(intact(folder, REJECTS_FILE))
        # Labelled clips were once rejected by what they play.
        once = _is_labelled(folder) and (rejects["reason"] == SAME_AUDIO).any()
        if index.leaks == leaks and there.issuperset(index.parts) and not once:
            return index, rejects
    except StudyError:
        # There is none yet, a bit has turned, or a start was killed between the two.
        pass
    return Index(pa.RecordBatch.from_pylist([], SCHEMA)), read_parquet(intact(folder, MANIFEST_REJECTS))


def _is_labelled(folder: Location) -> bool:
    """Whether it is a store of labelled clips."""
    there = read_store_file(folder)
    return there is not None and TASKS in there.files


def _described(
    folder: Location, new: list[str], index: Index, kept_out: list[bytes]
) -> tuple[pa.RecordBatch, pl.DataFrame, list[str]]:
    """The usable clips of parts that are not in the index yet, their rejected ones, and the sources of all."""
    tables = [pl.DataFrame(schema=FOUND)]
    rejects = [pl.DataFrame(schema={**REJECTS, "part": pl.Int32})]
    # Object stores take their time for each part, and their client's retries are for all threads together.
    with ThreadPoolExecutor(1 if on_disk(folder) else 4) as several:
        described = several.map(lambda name: describe(folder / name, [*NEEDED, "styles"]), new)
        for number, (table, rejected) in enumerate(described, start=len(index.parts)):
            place = {"part": pl.lit(number, pl.Int32), "row": pl.int_range(len(table)).cast(pl.UInt8)}
            tables.append(table.with_columns(**place, styles=_styles(table)).select(list(FOUND)))
            rejects.append(rejected.with_columns(part=pl.lit(number, pl.Int32)))
    clips = pl.concat(tables)
    earlier = pl.Series("audio_hash", pl.from_arrow(index.batch.column("audio_hash")), pl.Binary)
    again = ~pl.col("audio_hash").is_first_distinct() | pl.col("audio_hash").is_in(earlier.implode())
    reason = (
        pl.when(pl.col("audio_hash").is_in(kept_out))
        .then(pl.lit("leak: same audio as a labelled test or validation clip"))
        .when(again & pl.lit(not _is_labelled(folder)))
        .then(pl.lit(SAME_AUDIO))
    )
    clips = clips.with_columns(reason=reason, stage=pl.lit("audio"))
    rejects.append(clips.filter(pl.col("reason").is_not_null()).select(rejects[0].columns))
    usable = clips.filter(pl.col("reason").is_null())
    sources = list(dict.fromkeys([*index.sources, *usable["source"].unique(maintain_order=True)]))
    numbers = {source: number for number, source in enumerate(sources)}
    columns = usable.select(
        pl.int_range(len(index), len(index) + pl.len(), dtype=pl.Int32).alias("place"),
        "part",
        "row",
        "frames",
        pl.col("numbers").list.len().cast(pl.Int32).alias("captions"),
        pl.col("source").replace_strict(numbers, return_dtype=pl.Int32),
        "seconds",
        "audio_hash",
        "styles",
    )
    arrays = [columns[name].to_arrow().cast(SCHEMA.field(name).type) for name in SCHEMA.names]
    return (
        pa.record_batch(arrays, schema=SCHEMA),
        pl.concat(rejects).sort("part", maintain_order=True).drop("part"),
        sources,
    )


def _styles(table: pl.DataFrame) -> pl.Expr:
    """The bits of `Index.styles`."""
    found = pl.lit(0, pl.UInt8)
    if "styles" in table.columns:
        for number, style in enumerate(STYLES):
            has = pl.col("styles").list.contains(style).fill_null(False)
            found = found | (has.cast(pl.UInt8) * 2**number).cast(pl.UInt8)
    return found


def _remove_superseded(folder: Location, index: str, parts: list[str]) -> None:
    """Remove other indexes, and other parts of a number that is indexed: audio that has changed since, say."""
    for name in names(folder):
        if re.fullmatch(rf"index-{DIGEST}\.arrow", name) and name != index:
            remove(folder / name)
    for number, some in prepared_parts(folder).items():
        for name in some:
            if number < len(parts) and name != parts[number]:
                remove(folder / name)
