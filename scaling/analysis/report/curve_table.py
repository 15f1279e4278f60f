"""The fitted curves as a table: curves.parquet."""

from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.claims.claim import covers
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.curves.fit import BEYOND, LEVEL, Curve
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.resamples import fit_curves
from scaling.analysis.scores.rows import keys, passes
from scaling.analysis.scores.schema import Columns, schema

Row = dict[str, Any]
_LINE = 49  # points of a drawn curve
_TEXTS = ["axis", "status", "form", "unit", "noise_from", "covers"]
_COUNTS = ["n_seeds", "n_points", "n_sizes"]
_LISTS = ["line_x", "line", "line_low", "line_high"]


def curve_table(known: Evidence) -> pl.DataFrame:
    """One row a curve: `rows.keys`, axis (the column of the scores that it runs along), status, form, E, A, a, their
    intervals, predictions, n_points, n_seeds, residual, and passes over the data (`rows.passes`).

    Intervals come as columns `<name>_low` and `<name>_high` (level `fit.LEVEL`). Predicted are `at_largest`, `beyond`
    (at `fit.BEYOND` times it) and `held_out`: what the smaller sizes alone predict of the largest. `covered` and
    `covered_stderr` are the share of new observations that such bands held at `beyond` on public curves. What is drawn
    comes as lists: `line_x`, `line`, `line_low`, `line_high` and, one list a law and window of sizes, `windows`.
    What is unknown is null. Along a nominal axis there are no rows.
    """
    design = known.design
    by = keys(design)
    rows = [_row(*one, design.x.column) for one in fit_curves(known.draws, design)]
    table = pl.DataFrame(rows, _schema(design))
    table = table.select(*by, "axis", pl.exclude([*by, "axis"])).with_columns(pl.col(pl.Float64).fill_nan(None))
    return table.join(passes(known.scores, design), on=by, nulls_equal=True, maintain_order="left", how="left")


def _row(described: dict[str, str | int], curve: Curve, held_out: Curve | None, axis: str) -> Row:
    row: Row = {**described, "axis": axis}
    row |= {entry.name: getattr(curve, entry.name) for entry in fields(Curve) if entry.name not in _UNTOLD}
    row["at_largest"] = float(curve.predict(curve.largest))
    row["beyond"] = float(curve.predict(BEYOND * curve.largest))
    row |= _held_out(held_out, curve.largest) | _line(curve)
    cell = curve.coverage(BEYOND * curve.largest)
    row["covered"], row["covered_stderr"] = (cell.covered, cell.stderr) if cell else (np.nan, np.nan)
    for name in ("E", "A", "a"):
        row[f"{name}_low"], row[f"{name}_high"] = getattr(curve, f"{name}_interval")
    for name, pair in (("at_largest", curve.at_largest), ("beyond", curve.beyond)):
        row[f"{name}_low"], row[f"{name}_high"] = pair
    known = np.isfinite(curve.at_largest[0])
    return row | {"level": LEVEL, "covers": covers(int(described["n_seeds"])) if known else "nothing"}


_UNTOLD = ("pool", "parameters", "refits", "level_interval")


def _schema(design: Design) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Types of the columns, so that a table without rows has them too."""
    own: Columns = schema(design)
    numbers = ["E", "A", "a", "at_largest", "beyond", "held_out"]
    numbers = [f"{name}{end}" for name in numbers for end in ("", "_low", "_high")]
    largest = own[design.x.column]
    return {
        **{name: own[name] for name in keys(design)}, **dict.fromkeys(_TEXTS, pl.String),
        **dict.fromkeys(_COUNTS, pl.Int64), "largest": pl.Float64 if largest == pl.String else largest,
        **dict.fromkeys([*numbers, "residual", "covered", "covered_stderr", "level"], pl.Float64),
        **dict.fromkeys(_LISTS, pl.List(pl.Float64)), "windows": pl.List(pl.List(pl.Float64)),
    }  # fmt: skip


def _held_out(curve: Curve | None, size: float) -> Row:
    if curve is None:
        return dict.fromkeys(("held_out", "held_out_low", "held_out_high"), np.nan)
    low, high = curve.interval(size)
    return {"held_out": float(curve.predict(size)), "held_out_low": float(low), "held_out_high": float(high)}


def _line(curve: Curve) -> Row:
    """What is drawn of a curve, from its smallest size to `BEYOND` times its largest; empty where nothing predicts."""
    x = np.empty(0)
    if curve.pool is not None:
        x = np.geomspace(np.exp(curve.pool.first), BEYOND * curve.largest, _LINE)
    low, high = curve.interval(x) if x.size else (x, x)
    windows = [[v if np.isfinite(v) else None for v in line] for line in curve.windows(x).tolist()]
    drawn = {"line_x": x, "line": curve.predict(x) if x.size else x, "line_low": low, "line_high": high}
    return {**{name: values.tolist() for name, values in drawn.items()}, "windows": windows}
