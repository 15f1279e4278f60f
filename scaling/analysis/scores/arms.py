"""The arms of a study: what is compared, with one level of every factor each."""

from dataclasses import dataclass

import polars as pl

from scaling.analysis.scores.design import Axis, Design, Factor
from scaling.analysis.scores.words import Value, factor_name, place


@dataclass(frozen=True)
class Arm:
    """One level of every factor.

    Attributes:
        levels: (column of the scores, what stands in it) of each factor, in the design's order.
        labels: (column, the level in words) in the same order, of the factors that are named: not of one that has but
            one level in the whole study.
    """

    levels: tuple[tuple[str, Value], ...]
    labels: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """For people: "contrastive, from scratch"."""
        return self.without("")

    def __getitem__(self, column: str) -> Value:
        """The level of a factor as it stands in the scores."""
        return dict(self.levels)[column]

    def label(self, column: str) -> str:
        """The level of a factor in words."""
        return dict(self.labels)[column]

    def without(self, column: str) -> str:
        """The arm's name without one factor's level; "" if that is all there is."""
        left = [label for name, label in self.labels if name != column]
        return ", ".join(left) if left or column else "all runs"

    def rows(self) -> pl.Expr:
        """Which rows of a table with the arms' columns are this arm's."""
        return pl.all_horizontal(pl.lit(True), *(pl.col(name) == value for name, value in self.levels))


def arm_columns(design: Design) -> list[str]:
    """The columns that tell arms apart: a factor each, and the second axis where there is one."""
    return [*(factor.name for factor in design.factors), *(axis.column for axis in design.axes[1:])]


def arms(table: pl.DataFrame, design: Design) -> list[Arm]:
    """The arms that a table has rows of, in the order of the factors' levels, the first factor's first."""
    columns = arm_columns(design)
    there = table.select(columns).unique().rows() if columns else [()]
    places = [{value: k for k, value in enumerate(_values(table, column, design))} for column in columns]
    axes = {axis.column: axis for axis in design.axes}
    told = [name for name in columns if name not in constants(table, design)] or columns
    found = []
    for levels in sorted(there, key=lambda levels: [at[level] for at, level in zip(places, levels, strict=True)]):
        arm = tuple(zip(columns, levels, strict=True))
        found.append(
            Arm(arm, tuple((name, _label(name, value, axes.get(name))) for name, value in arm if name in told))
        )
    return found


def constants(table: pl.DataFrame, design: Design) -> dict[str, str]:
    """The factors that have one level in the whole study, and that level."""
    single = [factor for factor in design.factors if len(factor.levels) == 1]
    return {one.name: one.levels[0] for one in single if table[one.name].n_unique() == 1}


def compared(table: pl.DataFrame, design: Design) -> list[Factor]:
    """What arms differ in: the design's factors, and a second axis as one more, its smallest value the baseline.

    Levels are in words, those alone that the table has.
    """
    axes = {axis.column: axis for axis in design.axes}
    found = []
    for column in arm_columns(design):
        labels = tuple(_label(column, value, axes.get(column)) for value in _values(table, column, design))
        known = next((factor for factor in design.factors if factor.name == column), None)
        baseline = labels[0] if known is None else known.baseline and _label(column, known.baseline, None)
        found.append(Factor(column, labels, baseline if baseline in labels else None))
    return found


def _values(table: pl.DataFrame, column: str, design: Design) -> list[Value]:
    """The levels in the table, in the order in which they are shown."""
    there: list[Value] = table[column].unique().sort().to_list()
    known = next((list(factor.levels) for factor in design.factors if factor.name == column), [])
    return sorted(there, key=lambda value: known.index(str(value)) if value in known else len(known))


def _label(column: str, value: Value, axis: Axis | None) -> str:
    """A level in words; a bare number says of what it is."""
    if axis is not None:
        return place(axis, value)
    text = str(value)
    return f"{factor_name(column)} {text}" if _is_number(text) or not text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
