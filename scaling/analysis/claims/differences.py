"""Paired differences: objective against objective, and an initialization against none, at each size."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import polars as pl

from scaling.analysis.curves.fit import Floats, interval
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.scores import (
    ARM,
    MEASURE,
    arm_names,
    domains,
    init_name,
    is_retrieval,
    primary,
    text_is_coupled,
)

ALL_TASKS = "all tasks"
PAIR = ["contrast", "arm", "other", "held"]
SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys([*PAIR, "kind", "scope", *MEASURE[1:]], pl.String),
    **dict.fromkeys(["clips", "n_tasks", "n_seeds"], pl.Int64),
    **dict.fromkeys(["error_arm", "error_other", "difference", "low", "high", "probability"], pl.Float64),
    "runs": pl.String,
}


@dataclass(frozen=True)
class Differences:
    """Error of `other` minus error of `arm`: above 0 where `arm` is better.

    Attributes:
        table: one row a contrast, pair of arms, scope and size, with columns contrast ("objective" |
            "initialization"), arm, other, held (what both share), kind ("task" | "average"), scope (the task, or
            "all tasks", a domain, "classification", "retrieval"), domain, pooling, metric, clips, n_tasks,
            n_seeds, error_arm, error_other, difference (shares, not points), low, high (level `fit.LEVEL`),
            probability (that `arm` is better), runs (space-separated) and row.
        arm_draws, other_draws: (rows, resamples) the two errors, resampled together.
    """

    table: pl.DataFrame
    arm_draws: Floats
    other_draws: Floats


def better(draws: Floats) -> float:
    """Share of resampled differences above 0 (ties count half), never exactly 0 or 1; NaN if unknown."""
    if draws.size == 0 or not np.isfinite(draws).all():
        return float("nan")
    above = float((draws > 0).sum() + 0.5 * (draws == 0).sum())
    return (above + 0.5) / (draws.size + 1)


def differences(draws: Draws) -> Differences:
    """Every paired difference between objectives and between initializations, by task and averaged.

    Averages run over the tasks' primary metrics, each task with equal weight; a task counts at a size only
    where both arms have predictions for it. Errors are 1 - value without the rule for zero errors, which only
    logarithms need.
    """
    cells = draws.cells
    by_arm = {arm: cells.filter(pl.struct(ARM) == dict(zip(ARM, arm, strict=True))) for arm in arm_names(cells)}
    rows: list[dict[str, object]] = []
    left: list[Floats] = []
    right: list[Floats] = []
    for two in pairs(cells):
        both = by_arm[two.arm].join(by_arm[two.other], on=[*MEASURE, "protocol", "clips"], suffix="_other")
        for row, x, y in _of_pair(both, draws.errors):
            rows.append({**dict(zip(PAIR, (two.contrast, *two.labels, two.held), strict=True)), **row})
            left.append(x)
            right.append(y)
    empty = np.empty((0, draws.errors.shape[1]))
    return Differences(
        pl.DataFrame(rows, schema=SCHEMA).with_row_index("row"),
        np.stack(left) if left else empty,
        np.stack(right) if right else empty,
    )


@dataclass(frozen=True)
class Pair:
    """Two arms that differ in one thing: `arm` and `other` as tuples of `ARM`, their labels, and what both share."""

    contrast: Literal["objective", "initialization"]
    arm: tuple[str, ...]
    other: tuple[str, ...]
    labels: tuple[str, str]
    held: str


def pairs(cells: pl.DataFrame) -> list[Pair]:
    """Every pair of arms that is compared, in the order of the questions."""
    names = arm_names(cells)
    place = {name: ARM.index(name) for name in ARM}
    matched = ["encoder", "sources", *([] if text_is_coupled(cells) else ["text_init"])]
    shown = [name for name in matched if len({arm[place[name]] for arm in names}) > 1]
    found = []
    # Pairs that differ in the objective come first, as the questions do.
    for a, b in sorted(combinations(names, 2), key=lambda pair: pair[0][0] == pair[1][0]):
        same = {name: a[place[name]] == b[place[name]] for name in ARM}
        if not all(same[name] for name in matched) or same["objective"] == same["audio_init"]:
            continue
        if same["audio_init"]:
            two = Pair("objective", a, b, (a[0], b[0]), init_name(a[2]))
        elif "scratch" in (a[2], b[2]):
            arm, other = (b, a) if a[2] == "scratch" else (a, b)
            two = Pair("initialization", arm, other, (init_name(arm[2]), init_name("scratch")), a[0])
        else:
            continue
        held = ", ".join([two.held, *(f"{name} {two.arm[place[name]]}" for name in shown)])
        found.append(replace(two, held=held))
    return found


def _of_pair(pair: pl.DataFrame, errors: Floats) -> list[tuple[dict[str, object], Floats, Floats]]:
    """Rows and draws of one pair of arms: tasks first, then averages."""
    pair = pair.sort("clips", *MEASURE)
    found = []
    for row in pair.iter_rows(named=True):
        scope = {"kind": "task", "scope": row["task"], **{key: row[key] for key in MEASURE[1:]}}
        found.append(_of_tasks(scope, [row], errors))
    main = pair.filter(primary())
    scopes: list[tuple[str, pl.Expr]] = [(ALL_TASKS, pl.lit(True))]
    scopes += [(domain, pl.col("domain") == domain) for domain in domains(main)]
    scopes += [("classification", ~is_retrieval()), ("retrieval", is_retrieval())]
    for clips in main["clips"].unique().sort():
        for name, where in scopes:
            tasks = main.filter(where, pl.col("clips") == clips).rows(named=True)
            known = [row for row in tasks if np.isfinite(errors[[row["row"], row["row_other"]]]).all()]
            scope = {"kind": "average", "scope": name, "domain": name, "pooling": "mean", "metric": "primary"}
            # Part of the tasks that is all of them would say the same again.
            if tasks and (name == ALL_TASKS or len(tasks) < main.filter(pl.col("clips") == clips).height):
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
        **scope, "clips": tasks[0]["clips"], "n_tasks": len(tasks),
        "n_seeds": min(row[key] for row in tasks for key in ("n_seeds", "n_seeds_other")),
        "error_arm": arm, "error_other": other, "difference": other - arm,
        "low": low, "high": high, "probability": better(y - x), "runs": " ".join(runs),
    }  # fmt: skip
    return row, x, y
