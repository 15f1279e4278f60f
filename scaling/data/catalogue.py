"""The catalogue: all clips that may be used, cleaned of what a manifest can tell, in one fixed order.

Within a source, clips are ordered by a keyed hash of their id; sources are then merged in proportion to their
size (clip k of a source of n sorts at (k + 1/2) / n), so that every prefix is within S/2 clips of the whole's
mixture of S sources. The order depends on ids and salt alone: not on file order, shard count or machine.
"""

import functools
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from scaling.data.clip import Clip, Reject
from scaling.data.columns import Cleaning, audio_place, batches
from scaling.data.fetching import exists
from scaling.data.reading import Tables, tables
from scaling.errors import StudyError

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "source": pl.String,
    "domain": pl.String,
    "seconds": pl.Float64,
    "captions": pl.List(pl.String),
    "audio": pl.String,
    "start": pl.Float64,
    "channel": pl.Int64,
}
REJECTS = {"id": pl.String, "source": pl.String, "audio": pl.String, "stage": pl.String, "reason": pl.String}

GROUP_PARTS = 64
"""Parts whose clips stand in one row group of the catalogue's file."""
# A folder of which this many of the first clips are asked for, and most are missing, is the wrong folder.
LOOKED_FOR = 200
LOOKING = 8


def clip_table(clips: Iterable[Clip]) -> pl.DataFrame:
    """One row a clip, the columns of `COLUMNS`."""
    rows = [(*c[:4], list(c.captions), c.audio, c.start, c.channel) for c in clips]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def write_catalogue(path: Path, ranked: pl.DataFrame, part_clips: int) -> None:
    """Write a catalogue so that the clips of one part can be read without the rest.

    By pyarrow: polars' writer takes time that grows with the square of the row groups.
    """
    clips = GROUP_PARTS * part_clips
    schema = _for_parquet(ranked.head(0)).schema
    # Of few words; texts that are all different are tried in vain.
    repeated = ["source", "domain"]
    with (
        ThreadPoolExecutor(1) as ahead,
        parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated) as writer,
    ):
        # One group is laid out while the one before it is packed.
        coming = ahead.submit(_for_parquet, ranked[:clips])
        for first in range(clips, len(ranked) + clips, clips):
            group, coming = coming.result(), ahead.submit(_for_parquet, ranked[first : first + clips])
            writer.write_table(group)


def _for_parquet(rows: pl.DataFrame) -> pa.Table:
    """A copy of some rows as pyarrow writes them."""
    # A slice of lists has those of the whole table behind it, and all of them would be laid out.
    own = rows.select(pl.all().gather(pl.int_range(pl.len())))
    return own.to_arrow(compat_level=pl.CompatLevel.oldest())


def read_catalogue(path: Path, part: int, part_clips: int) -> pl.DataFrame:
    """The clips of one part of a catalogue that `write_catalogue` wrote."""
    group, within = divmod(part, GROUP_PARTS)
    return _row_group(path, path.stat().st_mtime_ns, group).slice(within * part_clips, part_clips)


@functools.lru_cache(maxsize=1)
def _row_group(path: Path, written: int, group: int) -> pl.DataFrame:
    with parquet.ParquetFile(path) as file:
        if group >= file.num_row_groups:
            return pl.DataFrame(pl.from_arrow(file.schema_arrow.empty_table()))
        return pl.DataFrame(pl.from_arrow(file.read_row_group(group)))


def catalogue(
    lines: Iterable[Clip | Reject],
    *,
    salt: str,
    min_seconds: float,
    max_seconds: float,
    test_audio: Set[str] = frozenset(),
    audio_root: str = "",
) -> Tables:
    """Clean and rank what readers find.

    `test_audio` names the recordings of labelled test and validation clips by their `audio_place`: a clip of
    the mixture, under `audio_root`, that plays one of them is a leak. Returns the ranked clips (`rank`, then
    `COLUMNS`) and the rejected ones (`REJECTS`). A clip is rejected for one reason, the first that holds: what
    `clip.refusal` finds, leak, duplicate id.
    """
    cleaning = Cleaning(salt, min_seconds, max_seconds, audio_root, frozenset(test_audio))
    return ranked(*tables(list(batches(lines, cleaning))))


def ranked(clips: pl.DataFrame, rejects: pl.DataFrame, weights: Mapping[str, float] | None = None) -> Tables:
    """Rank what was read and cleaned, whatever the order in which it was read; see `catalogue`.

    A source of weight w stands w times as dense: clip k of its n sorts at (k + 1/2) / (n w). Raises `StudyError` for
    the weight of a source that is not there.

    Keys are looked at and nothing else, but where two are equal: the clips are gathered last, in one go. Numbers of
    `clips` (its rows) stand for clips until then.
    """
    keys = clips.select("source", "key").with_row_index("row")
    sources = keys["source"].unique().sort()
    if unknown := set(weights or ()) - set(sources):
        raise StudyError(f"no clips of source {', '.join(sorted(unknown))} to weigh: there are {', '.join(sources)}")
    keys = keys.with_columns(pl.col("source").cast(pl.Enum(sources)))
    twins, ties = _same_key(clips, keys.filter(pl.col("key").is_duplicated())["row"])
    order = (
        keys.join(twins.select("row"), on="row", how="anti")
        .join(ties, on="row", how="left")
        .with_columns(pl.col("tie").fill_null(0))
        .sort("source", "key", "tie")
        .with_columns(place=(pl.int_range(pl.len()).over("source") + 0.5) / pl.len().over("source"))
        .with_columns(pl.col("place") / _weight(weights or {}))
        .sort("place", "key", "tie")["row"]
    )
    # Files of their own need no place in a file, and of most captions nothing is said.
    more = ["within"] if (clips["within"] != "").any() else []
    more += ["styles"] if (clips["styles"].list.len() > 0).any() else []
    taken = clips.select(*COLUMNS, *more)[order].with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))
    doubled = twins.with_columns(stage=pl.lit("manifest"), reason=pl.lit("duplicate id")).select(list(REJECTS))
    return taken, pl.concat([rejects, doubled]).sort("id", "reason", "source", "audio")


def _weight(weights: Mapping[str, float]) -> pl.Expr:
    found = pl.lit(1.0)
    for source, weight in weights.items():
        found = pl.when(pl.col("source") == source).then(pl.lit(float(weight))).otherwise(found)
    return found


def _same_key(clips: pl.DataFrame, rows: pl.Series) -> Tables:
    """Of the clips in these rows, which share their keys, those that have the id of another and are left out; and of
    all the order of their ids (`row`, `tie`).

    Which of two clips of one id stays must not depend on which file was read first.
    """
    among = clips[rows].with_columns(row=rows)
    among = among.sort("id", "audio", "within", "start", "seconds", "channel", pl.col("captions").list.join("\n"))
    twins = among.filter(~among["id"].is_first_distinct())
    return twins, among.select("row", tie=pl.int_range(pl.len(), dtype=pl.UInt32) + 1)


def check_audio_is_there(ranked: pl.DataFrame, audio_root: str) -> None:
    """Refuse an audio root under which most of the first clips are missing.

    Single missing files are no reason to stop: preparation rejects and counts them.
    """
    wanted = ranked["audio"].head(LOOKED_FOR)
    with ThreadPoolExecutor(LOOKING) as several:
        there = several.map(exists, (audio_place(audio, audio_root) for audio in wanted))
        missing = [audio for audio, found in zip(wanted, there, strict=True) if not found]
    if 2 * len(missing) > len(wanted):
        raise StudyError(
            f"{len(missing)} of the first {len(wanted)} recordings are not under the audio root "
            f"{audio_root or '(none given)'}, such as {missing[0]}: name the folder that the manifests' paths "
            "start from with --audio-root"
        )
