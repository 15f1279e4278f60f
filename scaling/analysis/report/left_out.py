"""What a report could not use or has to warn of: scores left out, missing, without an interval, or without an error."""

from typing import Any

import polars as pl

from scaling.analysis.claims.pairs import MOST, too_many
from scaling.analysis.scores.arms import arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.rows import gaps, trained
from scaling.analysis.scores.words import factor_name, metric_name, place, plain, sized

Row = dict[str, Any]


def not_compared(cells: pl.DataFrame, design: Design) -> list[tuple[str, str, str]]:
    """Factors with too many levels to compare, as answers of a verdict."""
    return [
        (
            f"Which {factor_name(name)}?",
            "Not compared.",
            f"{levels:,} levels make {n:,} pairs of arms, and a report compares {MOST} of a factor at most: make a "
            "table of the arms that you ask about.",
        )
        for name, (levels, n) in too_many(cells, design).items()
    ]


def excluded(scores: pl.DataFrame) -> list[Row]:
    """Scores that were left out, by run and reason."""
    rows = scores.filter(pl.col("excluded")).group_by("run", "reason").agg(pl.len(), pl.col("task").unique().sort())
    return [
        {"run": run, "reason": reason or "no reason given", "n": n, "tasks": ", ".join(names)}
        for run, reason, n, names in rows.sort("run", "reason").rows()
    ]


def lacking(scores: pl.DataFrame, design: Design) -> list[Row]:
    """Which arms have no score at which sizes, grouped by the tasks that lack the same."""
    found = gaps(scores, design)
    groups: dict[tuple[str, str], list[str]] = {}
    for arm in arms(trained(scores, design), design):
        for task, missing in found.filter(arm.rows()).select("task", "missing").iter_rows():
            sizes = sized(design.x, ", ".join(plain(size) for size in missing))
            groups.setdefault((arm.name, sizes), []).append(task)
    return [{"arm": arm, "sizes": sizes, "tasks": ", ".join(panels)} for (arm, sizes), panels in groups.items()]


def unmatched(draws: Draws) -> list[Row]:
    """Scores without an interval over test clips, by run and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run, task, reason in draws.unmatched:
        groups.setdefault((run, reason), []).append(task)
    return [{"run": run, "reason": why, "tasks": ", ".join(names)} for (run, why), names in groups.items()]


def zeros(cells: pl.DataFrame, design: Design) -> list[str]:
    """Where no error was seen."""
    found = []
    for arm in arms(cells, design):
        rows = cells.filter(arm.rows(), pl.col("zero")).select("x", "task", "metric").unique().sort(pl.all())
        found += [
            f"{arm.name}, {place(design.x, x)}: {task} ({metric_name(metric)})" for x, task, metric in rows.rows()
        ]
    return found
