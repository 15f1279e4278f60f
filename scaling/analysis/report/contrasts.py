"""What the panels of differences contrast: two levels, or several levels with their baseline."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from scaling.analysis.claims.pairs import Pair


@dataclass(frozen=True)
class Contrast:
    """The pairs of one panel, a series each.

    Attributes:
        levels: whether the series are levels of the factor beside its baseline; else what the arms of two levels share.
        pairs: in the order in which they are shown.
    """

    levels: bool
    pairs: tuple[Pair, ...]

    @property
    def factor(self) -> str:
        """The column of the scores that differs."""
        return self.pairs[0].factor

    @property
    def name(self) -> str:
        """For people: "contrastive over captioning", "over all sources (contrastive)"."""
        first = self.pairs[0]
        if not self.levels:
            return first.name
        return f"over {first.labels[1]}{f' ({first.held})' if first.held else ''}"

    def series(self, pair: Pair) -> str:
        """What a series is called; "" for one that needs no name."""
        return pair.labels[0] if self.levels else pair.held

    def rows(self, table: pl.DataFrame) -> pl.DataFrame:
        """The rows of `Differences.table` of these pairs."""
        return pl.concat([table.filter(of_pair(pair)) for pair in self.pairs])


def of_pair(pair: Pair) -> pl.Expr:
    """Which rows of `Differences.table` are a pair's."""
    arm, other = pair.labels
    wanted = {"factor": pair.factor, "arm": arm, "other": other, "held": pair.held}
    return pl.all_horizontal(pl.col(name) == value for name, value in wanted.items())


def contrasts(pairs: list[Pair]) -> list[Contrast]:
    """Every pair in one panel, by factor.

    Many levels beside a baseline are shown together, a panel for what their arms share; else a panel a pair of levels.
    """
    found = []
    for factor in dict.fromkeys(pair.factor for pair in pairs):
        mine = [pair for pair in pairs if pair.factor == factor]
        by_levels, by_held = (_grouped(mine, key) for key in (lambda pair: pair.name, lambda pair: pair.held))
        levels = mine[0].baseline and len(by_levels) > max(len(by_held), 1)
        found += [Contrast(levels, group) for group in (by_held if levels else by_levels)]
    return found


def _grouped(pairs: list[Pair], key: Callable[[Pair], str]) -> list[tuple[Pair, ...]]:
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return [tuple(group) for group in groups.values()]
