"""A catalogue laid down without preparing a clip of it, and what it holds, told a line a source."""

import time
from collections.abc import Iterator

import polars as pl

from scaling.data.corpus import checked_store, ensure_catalogues, open_source
from scaling.data.description import CATALOGUE, MANIFEST_REJECTS, intact
from scaling.driver.display import Display, clock
from scaling.storage.files import Location, check_folder, check_writable
from scaling.storage.lease import Lease
from scaling.study.study import Corpus


def rank_alone(corpus: Corpus, folder: Location, display: Display) -> None:
    """Lay down the catalogue of a corpus, and say what it holds. The audio need not be there.

    Raises `StudyError` where the corpus or the folder cannot be used.
    """
    began = time.monotonic()

    def report(lines: int, files: int) -> None:
        rate = lines / max(time.monotonic() - began, 1e-9)
        display.counting(f"read {lines:,} lines, {rate:,.0f} a second; {files} of {len(source.manifests)} files done")

    source = open_source(corpus)
    check_folder(folder)
    if checked_store(source, folder) is None:
        check_writable(folder)
        with Lease(folder, display.say):
            ensure_catalogues(source, folder, report=report, audio=False)
    display.close()
    for line in contents(folder):
        display.say(line)
    display.say(f"ranked in {clock(time.monotonic() - began)}: {folder}")


def contents(folder: Location) -> Iterator[str]:
    """What the catalogue of a store holds, a line a source, and of the whole."""
    captions = pl.col("captions").list.len().sum().alias("captions")
    counted = [pl.len().alias("clips"), captions, (pl.col("seconds").sum() / 3600).alias("hours")]
    clips = pl.scan_parquet(intact(folder, CATALOGUE)).group_by("source").agg(counted).collect()
    rejects = pl.read_parquet(intact(folder, MANIFEST_REJECTS), columns=["source", "reason"])
    kinds = rejects.with_columns(kind=pl.col("reason").str.replace(r"[:(].*", "")).group_by("source", "kind").len()
    for source in sorted({*clips["source"], *rejects["source"]}):
        [found] = clips.filter(source=source).to_dicts() or [{"clips": 0, "captions": 0, "hours": 0.0}]
        why = [
            f"{row['len']:,} {row['kind']}"
            for row in kinds.filter(source=source).sort("len", "kind", descending=[True, False]).to_dicts()
        ]
        left_out = f"; left out: {', '.join(why[:5])}{', ...' if why[5:] else ''}" if why else ""
        yield f"{source}: {_counts(found)}{left_out}"
    yield f"all: {_counts(clips.select(pl.col('clips', 'captions', 'hours').sum()).to_dicts()[0])}"


def _counts(found: dict[str, float]) -> str:
    return f"{found['clips']:,} clips, {found['captions']:,} captions, {found['hours']:,.1f} h"
