"""A catalogue laid down without preparing a clip of it, and what it holds, told a line a source."""

import time
from collections.abc import Iterator, Sequence, Set
from typing import Any

import polars as pl

from scaling.data.corpus import checked_store, ensure_catalogues, open_source
from scaling.data.description import CATALOGUE, MANIFEST_REJECTS, intact
from scaling.data.leaks import read_lists
from scaling.data.sources.known import known_source
from scaling.driver.display import Display, clock
from scaling.storage.files import Location, check_folder, check_writable, local
from scaling.storage.lease import Lease
from scaling.study.encoders import formats_of
from scaling.study.study import Corpus


def rank_alone(corpus: Corpus, encoders: Sequence[str], folder: Location, display: Display) -> None:
    """Lay down the catalogue of a corpus, and say what it holds. The audio need not be there.

    Raises `StudyError` where the corpus or the folder cannot be used.
    """
    began = time.monotonic()

    def report(lines: int, files: int) -> None:
        rate = lines / max(time.monotonic() - began, 1e-9)
        display.counting(f"read {lines:,} lines, {rate:,.0f} a second; {files} of {len(source.manifests)} files done")

    source = open_source(corpus, formats_of(encoders))
    check_folder(folder)
    if checked_store(source, folder) is None:
        check_writable(folder)
        with Lease(folder, display.say):
            ensure_catalogues(source, folder, report=report, audio=False)
    display.close()
    lists = set(read_lists([local(path) for path in corpus.leaks]).values())
    for line in contents(folder, lists):
        display.say(line)
    display.say(f"ranked in {clock(time.monotonic() - began)}: {folder}")


def contents(folder: Location, lists: Set[str] = frozenset()) -> Iterator[str]:
    """What the catalogue of a store holds, a line a source, and of the whole; and what is doubtful of a known source.

    `lists` names the lists of evaluation clips that were kept out.
    """
    captions = pl.col("captions").list.len().sum().alias("captions")
    counted = [pl.len().alias("clips"), captions, (pl.col("seconds").sum() / 3600).alias("hours")]
    counted += [pl.col("seconds").min().alias("shortest"), pl.col("seconds").max().alias("longest")]
    several = pl.col("captions").list.len()
    counted += [several.min().alias("fewest"), several.max().alias("most")]
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
        known = known_source(source)
        if known is not None and found["clips"]:
            span = (found["shortest"] or 0.0, found["longest"] or 0.0)
            for doubt in known.doubts(found["clips"], found["hours"], *span, (found["fewest"], found["most"])):
                yield f"{source} may be another version of {known.title}: {doubt}"
            if lacking := [name for name in known.leaks if name not in lists]:
                wanted = ", ".join(lacking)
                yield f"{source} may have clips of evaluation sets in it: give the lists of {wanted} (--leaks)"
    yield f"all: {_counts(clips.select(pl.col('clips', 'captions', 'hours').sum()).to_dicts()[0])}"


def _counts(found: dict[str, Any]) -> str:
    return f"{found['clips']:,} clips, {found['captions']:,} captions, {found['hours']:,.1f} h"
