"""The laws fitted over two axes as a table: surfaces.parquet."""

from typing import Any, Literal

import polars as pl

from scaling.analysis.claims.two_axes import Plane
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval
from scaling.analysis.curves.repetition import Repetition
from scaling.analysis.curves.surface import Surface
from scaling.analysis.scores.design import Design

_SURFACE: tuple[Literal["E", "A", "B", "a", "b"], ...] = ("E", "A", "B", "a", "b")
_REPETITION: tuple[Literal["E", "B", "b", "R"], ...] = ("E", "B", "b", "R")
_PARAMETERS = ("E", "A", "B", "a", "b", "R")


def surface_table(found: list[Plane], design: Design) -> pl.DataFrame:
    """One row a surface, in the order of the arms.

    Columns: a factor's level each; size and data, the columns of the scores that N and D stand for; form, status (of a
    fit, or why there is none), E, A, B, a, b (of the form, see `curves.surface` and `curves.repetition`) and R with
    their intervals (`<name>_low`, `<name>_high`, of level `level`), loss, residual (standard deviation of ln error
    about the law), q (flops grow as D^q), n_points, n_seeds, tasks, covers. What is unknown is null.
    """
    rows = [_row(one) for one in found]
    texts = [*(factor.name for factor in design.factors), "size", "data", "form", "status"]
    numbers = [name + end for name in _PARAMETERS for end in ("", "_low", "_high")]
    schema = {
        **dict.fromkeys(texts, pl.String), **dict.fromkeys([*numbers, "level", "loss", "residual", "q"], pl.Float64),
        **dict.fromkeys(["n_points", "n_seeds", "tasks"], pl.Int64), "covers": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema).with_columns(pl.col(pl.Float64).fill_nan(None))


def _row(one: Plane) -> dict[str, Any]:
    row: dict[str, Any] = {
        **dict(one.arm.levels), "size": one.size.column, "data": one.data.column, "form": _form(one),
        "status": one.why, "level": LEVEL, "n_points": one.error.size, "n_seeds": one.n_seeds, "tasks": one.tasks,
        "covers": one.covers, "q": None if one.cost is None else one.cost.q,
    }  # fmt: skip
    if one.law is None:
        return row
    if isinstance(one.law, Surface):
        intervals: dict[str, Interval] = {name: one.law.parameter_interval(name) for name in _SURFACE}
    else:
        intervals = {name: one.law.parameter_interval(name) for name in _REPETITION}
    row |= {"status": one.law.status, "loss": one.law.loss, "residual": one.residual}
    for name in _PARAMETERS:
        row[name] = getattr(one.law, name, None)
        row[f"{name}_low"], row[f"{name}_high"] = intervals.get(name, NOWHERE)
    return row


def _form(one: Plane) -> str | None:
    if one.law is None:
        return None
    return "E + B D'^-b" if isinstance(one.law, Repetition) else "E + A N^-a + B D^-b"
