"""What the clips of a store are, size by size: the numbers of a data card.

The parts are read once, in rank order, and counted as they go by: memory is that of a part, of the words, and of the
pairs of words of the first captions.
"""

import array
import collections
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from scaling.data.description import REJECTS_FILE, intact
from scaling.data.parts import describe
from scaling.data.store import Store
from scaling.data.tokenizer import normalized
from scaling.storage.files import Location
from scaling.storage.tables import read_parquet

FIRST_CAPTIONS = 20_000
"""Captions that distinct-n is taken of, so that sizes can be compared: of more captions it is always less."""
QUANTILES = (0.05, 0.5, 0.95)


@dataclass
class _Counted:
    clips: int = 0
    captions: int = 0
    doubled: int = 0
    seconds: "array.array[float]" = field(default_factory=lambda: array.array("f"))
    lengths: collections.Counter[int] = field(default_factory=collections.Counter)
    words: collections.Counter[str] = field(default_factory=collections.Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    singles: set[str] = field(default_factory=set)
    drawn: list[int] = field(default_factory=lambda: [0, 0])
    domains: collections.Counter[str] = field(default_factory=collections.Counter)
    sources: collections.Counter[str] = field(default_factory=collections.Counter)


@dataclass(frozen=True)
class Card:
    """`sizes`: a row a size. `shares`: a row a size and source or domain (`kind`, `name`, `clips`). `rejects`: how many
    clips were left out by `source`, `stage` and `reason`."""

    sizes: pl.DataFrame
    shares: pl.DataFrame
    rejects: pl.DataFrame


def card(folder: Location, sizes: Sequence[int] = ()) -> Card:
    """The numbers of a prepared store for subsets of these sizes, and for all of its clips.

    Raises `StudyError` where nothing is prepared, or less than a size.
    """
    store = Store(folder)
    for size in sizes:
        store.subset(size)
    wanted = sorted({*sizes, store.available()})
    counted, rows, shares = _Counted(), [], []
    for row in _rows(store):
        _count(counted, row)
        if counted.clips in wanted:
            rows.append(_row(counted))
            shares += _shares(counted)
    rejects = read_parquet(intact(folder, REJECTS_FILE))
    why = rejects.with_columns(pl.col("reason").str.replace(r"(:|\().*", "").str.strip_chars())
    counts = why.group_by("source", "stage", "reason").len("clips")
    return Card(
        pl.DataFrame(rows),
        pl.DataFrame(shares, schema={"size": pl.Int64, "kind": pl.String, "name": pl.String, "clips": pl.Int64}),
        counts.sort("source", "clips", "stage", "reason", descending=[False, True, False, False]),
    )


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    """The clips after the holdout, in rank order."""
    first = store.description.holdout
    part, rows = store.index.part[first:], store.index.row[first:]
    # Parts follow each other in the order of ranks.
    numbers, starts = np.unique(part, return_index=True)
    for number, start, end in zip(numbers.tolist(), starts, [*starts[1:], len(part)], strict=True):
        table, _ = describe(store.folder / store.index.parts[number], ["source", "domain", "seconds", "captions"])
        yield from table[rows[start:end].astype(np.int64)].iter_rows(named=True)


def _count(counted: _Counted, row: dict[str, Any]) -> None:
    captions = [normalized(str(caption)) for caption in row["captions"]]
    counted.clips += 1
    counted.seconds.append(row["seconds"])
    counted.doubled += len(captions) - len(set(captions))
    counted.domains[str(row["domain"])] += 1
    counted.sources[str(row["source"])] += 1
    for caption in captions:
        words = caption.split()
        counted.words.update(words)
        counted.lengths[len(words)] += 1
        if counted.captions < FIRST_CAPTIONS:
            counted.singles.update(words)
            counted.pairs.update(itertools.pairwise(words))
            counted.drawn[0] += len(words)
            counted.drawn[1] += max(len(words) - 1, 0)
        counted.captions += 1


def _row(counted: _Counted) -> dict[str, float]:
    seconds = np.array(counted.seconds)
    low, middle, high = np.quantile(seconds, QUANTILES).tolist()
    lengths = np.repeat(list(counted.lengths), list(counted.lengths.values()))
    shortest, usual, longest = np.quantile(lengths, QUANTILES).tolist()
    return {
        "clips": counted.clips,
        "hours": float(seconds.sum(dtype=np.float64)) / 3600,
        "captions": counted.captions,
        "doubled captions": counted.doubled,
        "words": counted.words.total(),
        "distinct words": len(counted.words),
        "distinct-1": len(counted.singles) / max(counted.drawn[0], 1),
        "distinct-2": len(counted.pairs) / max(counted.drawn[1], 1),
        "words a caption, 5 %": shortest,
        "words a caption, median": usual,
        "words a caption, 95 %": longest,
        "seconds, 5 %": low,
        "seconds, median": middle,
        "seconds, 95 %": high,
    }


def _shares(counted: _Counted) -> list[dict[str, object]]:
    return [
        {"size": counted.clips, "kind": kind, "name": name, "clips": clips}
        for kind, counts in (("source", counted.sources), ("domain", counted.domains))
        for name, clips in sorted(counts.items())
    ]
