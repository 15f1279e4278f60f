"""Pairs of arms that are compared: two that differ in one factor alone."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from scaling.analysis.scores.arms import Arm, arms, compared
from scaling.analysis.scores.design import Design, Factor

MOST = 200
"""Pairs of a factor that are compared, at most: 20 levels make 190."""


@dataclass(frozen=True)
class Pair:
    """Two arms that differ in `factor` alone (a column of the scores).

    `baseline` is whether `other` has the level that every other one is measured against.
    """

    factor: str
    arm: Arm
    other: Arm
    baseline: bool

    @property
    def labels(self) -> tuple[str, str]:
        """The two levels in words."""
        return self.arm.label(self.factor), self.other.label(self.factor)

    @property
    def held(self) -> str:
        """What both share, in words; "" where arms differ in nothing else."""
        return self.arm.without(self.factor)

    @property
    def name(self) -> str:
        """For people: "contrastive over captioning"."""
        return " over ".join(self.labels)


def pairs(table: pl.DataFrame, design: Design) -> list[Pair]:
    """Every pair that is compared, by factor, by levels, then by what both share.

    Of a factor with a baseline each other level and the baseline, the level first; else every two, in their order. Of a
    factor with more than `MOST` pairs none.
    """
    found: list[Pair] = []
    for factor, by_level in _by_level(table, design):
        if _count(factor, by_level) <= MOST:
            found += _of(factor, by_level)
    return found


def too_many(table: pl.DataFrame, design: Design) -> dict[str, tuple[int, int]]:
    """The factors that are not compared as they have more than `MOST` pairs: how many levels, and how many pairs."""
    counts = [(factor, _count(factor, by_level)) for factor, by_level in _by_level(table, design)]
    return {factor.name: (len(factor.levels), n) for factor, n in counts if n > MOST}


_Held = dict[str, Arm]  # arms of one level by what they share with those of another


def _by_level(table: pl.DataFrame, design: Design) -> list[tuple[Factor, dict[str, _Held]]]:
    """Each factor of which the table has several levels, and the arms of each level."""
    there = arms(table, design)
    found = []
    for factor in compared(table, design):
        if len(factor.levels) > 1:
            by_level: dict[str, _Held] = {level: {} for level in factor.levels}
            for arm in there:
                by_level[arm.label(factor.name)][arm.without(factor.name)] = arm
            found.append((factor, by_level))
    return found


def _count(factor: Factor, by_level: dict[str, _Held]) -> int:
    """How many pairs `_of` gives."""
    levels = Counter(held for those in by_level.values() for held in those)
    if factor.baseline is not None:
        return sum(levels[held] - 1 for held in by_level[factor.baseline])
    return sum(n * (n - 1) // 2 for n in levels.values())


def _of(factor: Factor, by_level: dict[str, _Held]) -> list[Pair]:
    two_levels = list(combinations(factor.levels, 2))
    if factor.baseline is not None:
        two_levels = [(level, factor.baseline) for level in factor.levels if level != factor.baseline]
    return [
        Pair(factor.name, arm, by_level[other][held], factor.baseline is not None)
        for level, other in two_levels
        for held, arm in by_level[level].items()
        if held in by_level[other]
    ]
