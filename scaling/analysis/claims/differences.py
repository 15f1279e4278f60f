"""Paired differences: a level of a factor against another, at each place on the axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.claims.claim import ALL_TASKS
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.curves.fit import Floats, interval
from scaling.analysis.scores.metrics import evaluation_axis, headline, primary
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.rows import MEASURE, domains, is_question, is_retrieval

PAIR = ["factor", "arm", "other", "held"]
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys([*PAIR, "kind", "scope", *MEASURE[1:]], pl.String),
    **dict.fromkeys(["n_tasks", "n_seeds"], pl.Int64),
    **dict.fromkeys(["error_arm", "error_other", "difference", "low", "high", "probability"], pl.Float64),
    "runs": pl.List(pl.String),
}

KINDS = {
    "classification": evaluation_axis() == "classification",
    "event detection": evaluation_axis() == "event detection",
    "retrieval": is_retrieval(),
    "captioning": (evaluation_axis() == "audio-language") & ~is_retrieval() & ~is_question(),
    "questions": is_question(),
    "audio-language": evaluation_axis() == "audio-language",
}
"""Averages beside those of all tasks: of what is not in the first axis of evaluation."""


@dataclass(frozen=True)
class Differences:
    """Error of `other` minus error of `arm`: above 0 where `arm` is better.

    Attributes:
        table: one row a pair of arms, scope and place on the axis, with columns factor (the column of the scores that
            differs), arm, other (its levels in words), held (what both share), kind ("task" | "average"), scope (the
            task, or "all tasks", a domain, or one of `KINDS`), domain, pooling, metric, n_tasks, n_seeds, error_arm,
            error_other, difference (shares, not points), low, high (level `fit.LEVEL`), probability (that `arm` is
            better), runs (sorted), x and row.
        arm_draws, other_draws: the two errors of a row, resampled together, (resamples,); of the rows of all tasks.
    """

    table: pl.DataFrame
    arm_draws: dict[int, Floats]
    other_draws: dict[int, Floats]


def better(draws: Floats) -> float:
    """Share of resampled differences above 0 (ties count half), never exactly 0 or 1; NaN if unknown."""
    if draws.size == 0 or not np.isfinite(draws).all():
        return float("nan")
    above = float((draws > 0).sum() + 0.5 * (draws == 0).sum())
    return (above + 0.5) / (draws.size + 1)


def differences(draws: Draws, compared: list[Pair]) -> Differences:
    """Every paired difference, by task and averaged.

    Averages run over the tasks' primary metrics within one axis of evaluation, each task with equal weight: "all tasks"
    and domains over the first axis (`metrics.headline`), and the others have their own. A task counts at a size only
    where both arms have predictions for it. Errors are 1 - value without the rule for zero errors, which only
    logarithms need.
    """
    cells = draws.cells
    rows: list[dict[str, object]] = []
    left: dict[int, Floats] = {}
    right: dict[int, Floats] = {}
    for two in compared:
        on = list(dict.fromkeys([*MEASURE, "protocol", "x"]))
        one, other = (cells.filter(arm.rows()) for arm in (two.arm, two.other))
        both = one.join(other, on=[name for name in on if name != two.factor], suffix="_other")
        for row, x, y in _of_pair(both, draws.errors):
            if row["kind"] == "average" and row["scope"] == ALL_TASKS:
                left[len(rows)], right[len(rows)] = x, y
            rows.append({**dict(zip(PAIR, (two.factor, *two.labels, two.held), strict=True)), **row})
    table = pl.DataFrame(rows, schema={**SCHEMA, "x": cells.schema["x"]})
    return Differences(table.with_row_index("row"), left, right)


def _of_pair(pair: pl.DataFrame, errors: Floats) -> list[tuple[dict[str, object], Floats, Floats]]:
    """Rows and draws of one pair of arms: tasks first, then averages."""
    pair = pair.sort("x", *MEASURE)
    found = []
    for row in pair.iter_rows(named=True):
        scope = {"kind": "task", "scope": row["task"], **{key: row[key] for key in MEASURE[1:]}}
        found.append(_of_tasks(scope, [row], errors))
    main, first = pair.filter(primary()), headline(pair)
    others = main.join(first, on="row", how="anti")
    named = domains(main)
    scopes: list[tuple[str, pl.DataFrame]] = [(ALL_TASKS, first)]
    scopes += [(domain, first.filter(pl.col("domain") == domain)) for domain in domains(first)]
    for name, where in KINDS.items():
        # A domain that is called as a kind of task is keeps its name: one average a name.
        if name not in named:
            scopes.append((name, others.filter(where)))
    for place in main["x"].unique().sort():
        told: list[list[int]] = []
        for name, table in scopes:
            tasks = table.filter(pl.col("x") == place).rows(named=True)
            known = [row for row in tasks if np.isfinite(errors[[row["row"], row["row_other"]]]).all()]
            scope = {"kind": "average", "scope": name, "domain": name, "pooling": "mean", "metric": "primary"}
            # The same tasks would say the same again.
            if tasks and (mine := [row["row"] for row in tasks]) not in told:
                told.append(mine)
                found.append(_of_tasks(scope, known or tasks, errors))
    return found


def _of_tasks(
    scope: dict[str, str], tasks: list[dict[str, Any]], errors: Floats
) -> tuple[dict[str, object], Floats, Floats]:
    x = errors[[row["row"] for row in tasks]].mean(axis=0)
    y = errors[[row["row_other"] for row in tasks]].mean(axis=0)
    arm, other = (float(np.mean([row[key] for row in tasks])) for key in ("raw", "raw_other"))
    low, high = interval(y - x)
    runs = sorted({run for row in tasks for run in (*row["runs"], *row["runs_other"])})
    row = {
        **scope, "x": tasks[0]["x"], "n_tasks": len(tasks),
        "n_seeds": min(row[key] for row in tasks for key in ("n_seeds", "n_seeds_other")),
        "error_arm": arm, "error_other": other, "difference": other - arm,
        "low": low, "high": high, "probability": better(y - x), "runs": runs,
    }  # fmt: skip
    return row, x, y
