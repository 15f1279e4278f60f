"""The catalogue: all clips that may be used, cleaned of what a manifest can tell, in one fixed order.

Within a source, clips are ordered by a keyed hash of their id; sources are then merged in proportion to their
size (clip k of a source of n sorts at (k + 1/2) / n), so that every prefix is within S/2 clips of the whole's
mixture of S sources. The order depends on ids and salt alone: not on file order, shard count or machine.
"""

import functools
import hashlib
import os
from collections.abc import Iterable, Set
from pathlib import Path

import polars as pl
from pyarrow import parquet

from scaling.data.clip import Clip, Reject, refusal
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


def clip_table(clips: Iterable[Clip]) -> pl.DataFrame:
    """One row a clip, the columns of `COLUMNS`."""
    rows = [(c.id, c.source, c.domain, c.seconds, list(c.captions), c.audio, c.start, c.channel) for c in clips]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def write_catalogue(path: Path, ranked: pl.DataFrame, part_clips: int) -> None:
    """Write a catalogue so that the clips of one part can be read without the rest.

    By pyarrow: polars' writer takes time that grows with the square of the row groups.
    """
    table = ranked.to_arrow(compat_level=pl.CompatLevel.oldest())
    parquet.write_table(table, path, row_group_size=GROUP_PARTS * part_clips, compression="zstd")


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


def audio_place(audio: str, audio_root: str = "") -> str:
    """Where a clip's recording lies, written in one way however its manifest writes it.

    Links are not followed: that would ask the file system about every clip.
    """
    return os.path.normpath(os.path.join(audio_root, audio))  # noqa: PTH118


def rank_key(clip_id: str, salt: str) -> int:
    """The place of a clip within its source before ties: a 63-bit keyed hash of its id."""
    digest = hashlib.blake2b(clip_id.encode(), key=salt.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def catalogue(
    lines: Iterable[Clip | Reject],
    *,
    salt: str,
    min_seconds: float,
    max_seconds: float,
    test_audio: Set[str] = frozenset(),
    audio_root: str = "",
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Clean and rank what manifests hold.

    `test_audio` names the recordings of labelled test and validation clips by their `audio_place`: a clip of
    the mixture, under `audio_root`, that plays one of them is a leak. Returns the ranked clips (`rank`, then
    `COLUMNS`) and the rejected ones (`REJECTS`). A clip is rejected for one reason, the first that holds: what
    `clip.refusal` finds, leak, duplicate id.
    """
    clips: list[Clip] = []
    refused: list[Reject] = []
    for line in lines:
        if isinstance(line, Reject):
            refused.append(line)
        elif reason := refusal(line, min_seconds, max_seconds):
            refused.append(Reject(_shown(line.id), line.source, _shown(line.audio), reason))
        elif audio_place(line.audio, audio_root) in test_audio:
            reason = "leak: a recording of the labelled test or validation clips"
            refused.append(Reject(line.id, line.source, line.audio, reason))
        else:
            clips.append(line)
    # Which of two clips of one id stays must not depend on which file was read first.
    kept = clip_table(clips).sort("id", "audio", "start", "seconds", "channel", pl.col("captions").list.join("\n"))
    first = kept["id"].is_first_distinct()
    twins = (
        kept.filter(~first).with_columns(stage=pl.lit("manifest"), reason=pl.lit("duplicate id")).select(list(REJECTS))
    )
    rows = [(one.id, one.source, one.audio, "manifest", one.reason) for one in refused]
    rejects = pl.concat([pl.DataFrame(rows, schema=REJECTS, orient="row"), twins])
    kept = kept.filter(first)
    keys = pl.Series("key", [rank_key(clip_id, salt) for clip_id in kept["id"]], dtype=pl.Int64)
    ranked = (
        kept.with_columns(keys)
        .sort("source", "key", "id")
        .with_columns(place=(pl.int_range(pl.len()).over("source") + 0.5) / pl.len().over("source"))
        .sort("place", "key", "id")
        .drop("place", "key")
        .with_row_index("rank")
        .with_columns(pl.col("rank").cast(pl.Int64))
    )
    return ranked, rejects.sort("id", "reason")


def _shown(text: str) -> str:
    """As much of a name that may be anything as can be written down."""
    return text[:200].encode(errors="backslashreplace").decode()


def check_audio_is_there(ranked: pl.DataFrame, audio_root: str) -> None:
    """Refuse an audio root under which most of the first clips are missing.

    Single missing files are no reason to stop: preparation rejects and counts them.
    """
    wanted = ranked["audio"].head(LOOKED_FOR)
    missing = [audio for audio in wanted if not os.path.isfile(audio_place(audio, audio_root))]  # noqa: PTH113
    if 2 * len(missing) > len(wanted):
        raise StudyError(
            f"{len(missing)} of the first {len(wanted)} recordings are not under the audio root "
            f"{audio_root or '(none given)'}, such as {missing[0]}: name the folder that the manifests' paths "
            "start from with --audio-root"
        )
