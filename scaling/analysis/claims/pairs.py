"""Pairs of arms that are compared: two that differ in one factor alone."""

from dataclasses import dataclass
from itertools import combinations

import polars as pl

from scaling.analysis.scores.arms import Arm, arms, compared
from scaling.analysis.scores.design import Design


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

    Of a factor with a baseline each other level and the baseline, the level first; else every two, in their order.
    """
    there = arms(table, design)
    found = []
    for factor in compared(table, design):
        two_levels = list(combinations(factor.levels, 2))
        if factor.baseline is not None:
            two_levels = [(level, factor.baseline) for level in factor.levels if level != factor.baseline]
        for level, other in two_levels:
            left, right = ([arm for arm in there if arm.label(factor.name) == label] for label in (level, other))
            shared = {arm.without(factor.name): arm for arm in right}
            found += [
                Pair(factor.name, arm, shared[held], factor.baseline is not None)
                for arm in left
                if (held := arm.without(factor.name)) in shared
            ]
    return found
