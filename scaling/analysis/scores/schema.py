"""The columns of a table of scores, for what writes `scores.parquet` and for what reads it."""

import polars as pl

from scaling.analysis.scores.design import Design

Columns = dict[str, type[pl.DataType]]

# Those of every study, whatever it varies; `reference` is "" for a run under study, else the reference's name.
FIXED: Columns = {
    "study": pl.String, "run": pl.String, "reference": pl.String, "protocol": pl.String, "clips": pl.Int64,
    "captions": pl.Int64, "hours": pl.Float64, "samples_seen": pl.Int64, "epochs": pl.Float64, "parameters": pl.Int64,
    "flops": pl.Float64, "holdout_loss": pl.Float64, "seed": pl.Int64, "task": pl.String, "domain": pl.String,
    "pooling": pl.String, "metric": pl.String, "value": pl.Float64, "stderr": pl.Float64, "n_test": pl.Int64,
    "note": pl.String, "excluded": pl.Boolean, "reason": pl.String, "mlflow_run_id": pl.String,
}  # fmt: skip
AMOUNTS = ("clips", "captions", "hours", "samples_seen", "epochs", "parameters", "flops")
"""The columns that count what a run was given: an axis may run along them."""
LATER = ("holdout_loss",)
"""Columns that tables of studies made by earlier versions lack: read as unknown."""
_HEAD = 3  # columns before the study's own


def schema(design: Design) -> Columns:
    """All columns that a study's scores must have, in order: the fixed ones, a String one a factor, and its axes.

    An axis that is none of the fixed columns holds numbers where a law is fitted along it, else names. Further columns
    (fields of the runs) may follow; they are carried along and not looked at.
    """
    own: Columns = {factor.name: pl.String for factor in design.factors}
    for axis in design.axes:
        own[axis.column] = FIXED.get(axis.column, pl.Float64 if axis.scale == "log" else pl.String)
    fixed = list(FIXED.items())
    return {**dict(fixed[:_HEAD]), **own, **dict(fixed[_HEAD:])}
