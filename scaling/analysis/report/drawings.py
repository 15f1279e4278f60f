"""Whole figures: error along the axis for every task, differences by size, where arms cross, and the summary.

`look` says how arms look, `axes` how panels do, `panels` what one pair of axes shows. Solid lines lie within the data,
dashed ones beyond.
"""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling.analysis.claims.claim import ALL_TASKS
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.twins import Twins
from scaling.analysis.curves.fit import BEYOND, Floats
from scaling.analysis.report.axes import MOST_PANELS, Along, error_axis, linear_error_axis, panels_of, style, title
from scaling.analysis.report.contrasts import Contrast, contrasts
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import Looks, legend, reference_lines, series_handles
from scaling.analysis.report.panels import (
    draw_coverage,
    draw_crossover,
    draw_curve,
    draw_differences,
    draw_ends,
    draw_points,
    has_band,
)
from scaling.analysis.scores.arms import arm_columns
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import headline, primary
from scaling.analysis.scores.rows import by_size, references, tasks, trained
from scaling.analysis.scores.words import capital, metric_name

_BESIDE = 40  # letters beside a panel
_LETTERS = 34  # of a legend's names that fit beside each other in a panel


def along(table: pl.DataFrame, design: Design) -> Along:
    """The study's axis with the places that a table has, in its column x."""
    return Along(design.x, tuple(table["x"].unique().sort().to_list()))


def task_curves(
    scores: pl.DataFrame, curves: pl.DataFrame, design: Design, domain: str | None = None, linear: bool = False
) -> Figure:
    """A panel a task, of the first `MOST_PANELS`: error along the axis, with seeds, standard errors, fits, bands and
    references.

    Args:
        scores: as from `read_scores`.
        curves: as `curves.parquet`; where nothing is fitted only points are drawn.
        domain: only this domain's tasks.
        linear: linear axes to twice the largest size instead of log axes to `BEYOND` times it.
    """
    cells = by_size(scores, design).filter(primary())
    runs = trained(scores, design).filter(primary())
    looks = Looks(cells, design)
    panels = [task for task, of in tasks(cells) if domain in (None, of)][:MOST_PANELS]
    levels = references(scores).filter(primary())
    figure, grid = panels_of(len(panels), 2.9, 0.75)
    shown: set[str] = set()
    for axes, task in zip(grid, panels, strict=True):
        here, mine, fitted, one_task = (
            table.filter(pl.col("task") == task) for table in (levels, cells, curves.filter(primary()), runs)
        )
        if not linear:
            shown |= reference_lines(axes, here)
        _Task(mine, one_task, fitted, looks, along(mine, design)).draw(axes, linear, here["error"].to_numpy())
        title(axes, task, pad=13 if not linear and fitted["covered"].is_not_null().any() else 6)
        axes.set_ylabel(drawn(f"1 − {metric_name(mine['metric'][0])}", _BESIDE), fontsize=9)
    beyond = "" if design.x.scale == "nominal" else " (dashed: beyond the data)"
    figure.supxlabel(f"{drawn(design.x.name)}{beyond}", fontsize=9.5)
    legend(figure, looks, shown)
    return figure


class _Task:
    """One task of `task_curves`: its cells, the scores behind them, and its curves."""

    def __init__(
        self, cells: pl.DataFrame, runs: pl.DataFrame, curves: pl.DataFrame, looks: Looks, along: Along
    ) -> None:
        self.cells, self.runs, self.curves, self.looks, self.along = cells, runs, curves, looks, along

    def draw(self, axes: Axes, linear: bool, levels: Floats) -> None:
        """Draw it; `levels` are the references', which the panel has to hold."""
        errors = self.cells["error"].to_numpy()
        lowest = errors.min()
        seen, extremes, drawn = [errors], [levels], list[tuple[dict[str, Any], dict[str, Any]]]()
        many = len(self.looks.arms)
        for k, arm in enumerate(self.looks.arms):
            look = self.looks.arm(arm)
            points = self.cells.filter(arm.rows()).sort("x")
            if points.is_empty():
                continue
            draw_points(axes, points, self.runs.filter(arm.rows()), look, self.along, self.along.aside(k, many))
            rows = self.curves.filter(arm.rows()).rows(named=True)
            lines = [draw_curve(axes, row, look, self.looks.dashes(arm)) for row in rows]
            drawn += [(row, look) for row in rows]
            if not any(line.size for line in lines) and points.height > 1:
                axes.plot(self.along.at(points["x"]), points["error"], ":", color=str(look["color"]), linewidth=0.9)
            # A bold extrapolation may leave the panel; it must not squeeze the points together.
            extremes += [np.maximum(line, lowest / 3) for line in lines]
        style(axes)
        if linear:
            self.along.show_linear(axes)
            linear_error_axis(axes, np.concatenate([*seen, *(line[line < errors.max()] for line in extremes[1:])]))
            return
        # Of the bands' low ends as much as leaves room for the points.
        extremes += [np.array([max(row["line_low"][-1], 0.6 * lowest)]) for row, _ in drawn if has_band(row)]
        beside = abs(self.along.aside(0, many))
        self.along.show(axes, beyond=1 if beside else BEYOND, aside=beside)
        error_axis(axes, np.concatenate([*seen, *extremes]))
        if drawn:
            draw_ends(axes, [row for row, _ in drawn], [look for _, look in drawn])
            draw_coverage(axes, self.curves)


def differences_by_task(contrast: Contrast, table: pl.DataFrame, looks: Looks, design: Design) -> Figure:
    """A panel a task, of the first `MOST_PANELS`: the difference in points of error between two levels, by size, with
    intervals.

    Args:
        table: `Differences.table`.
    """
    rows = contrast.rows(table).filter(pl.col("kind") == "task", primary())
    panels = [task for task, _ in tasks(rows.with_columns(pl.col("scope").alias("task")))][:MOST_PANELS]
    figure, grid = panels_of(len(panels), 2.15, 0.8, share_rows=True)
    series, axis = looks.series(contrast), along(rows, design)
    for axes, task in zip(grid, panels, strict=True):
        draw_differences(axes, rows.filter(pl.col("scope") == task), axis, series)
        title(axes, task)
    figure.supxlabel(drawn(design.x.name), fontsize=9.5)
    gained = f"points of error gained{' ' if contrast.levels else ' by '}{contrast.name}"
    figure.supylabel(drawn(gained, 2 * _BESIDE), fontsize=9.5)
    if handles := series_handles(contrast, looks):
        figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return figure


def crossover(contrast: Contrast, found: list[Twins], looks: Looks, design: Design) -> Figure:
    """A panel a pair, of the first `MOST_PANELS`: both arms' average curves with intervals, and where they cross, if
    they do.

    Args:
        found: the contrast's pairs, as far as they have two sizes.
    """
    found = found[:MOST_PANELS]
    figure, grid = panels_of(len(found), 3.2, 0.4)
    for axes, two in zip(grid, found, strict=True):
        draw_crossover(axes, two, contrast.series(two.pair), looks, design.x)
    figure.supxlabel(f"{drawn(design.x.name)} (dashed: beyond the data)", fontsize=9.5)
    figure.supylabel("error, mean of tasks", fontsize=9.5)
    return figure


def summary(known: Evidence, looks: Looks) -> Figure:
    """The study at a glance: average error by size, then a panel for each of the first two levels, averaged over all
    tasks; `MOST_PANELS` panels at most."""
    design = known.design
    cells = headline(by_size(known.scores, design))
    rows = known.differences.table.filter(pl.col("kind") == "average", pl.col("scope") == ALL_TASKS)
    found = contrasts(known.pairs)[: MOST_PANELS - 1]
    figure, grid = panels_of(1 + len(found), 3.45, 0.75)
    axis = along(cells, design)
    shown = _averages(grid[0], cells, headline(references(known.scores)), looks, axis, design)
    for axes, contrast in zip(grid[1:], found, strict=True):
        draw_differences(axes, contrast.rows(rows), axis, looks.series(contrast))
        title(axes, capital(contrast.name))
        axes.set_ylabel("points of error gained", fontsize=9.5)
        # Levels look as their arms, which the legend above names.
        handles = [] if contrast.levels else series_handles(contrast, looks)
        if handles:
            # A row of its own above the highest bar.
            low, high = axes.get_ylim()
            columns = len(handles) if sum(len(str(handle.get_label())) for handle in handles) <= _LETTERS else 1
            axes.set_ylim(low, high + 0.16 * -(-len(handles) // columns) * (high - low))
            axes.legend(
                handles=handles, fontsize=9, frameon=False, loc="upper left", ncols=columns, columnspacing=1.2,
                handlelength=1.6,
            )  # fmt: skip
    figure.supxlabel(drawn(design.x.name), fontsize=9.5)
    legend(figure, looks, shown)
    return figure


def _averages(
    axes: Axes, cells: pl.DataFrame, levels: pl.DataFrame, looks: Looks, axis: Along, design: Design
) -> set[str]:
    """Every arm's error averaged over tasks, and the references'; returns their names."""
    n = cells["task"].n_unique()
    for k, arm in enumerate(looks.arms):
        mine = cells.filter(arm.rows()).filter(pl.col("task").n_unique().over("x") == n)
        mean = mine.group_by("x").agg(pl.col("error").mean()).sort("x")
        at = axis.beside(axis.at(mean["x"]), axis.aside(k, len(looks.arms)))
        axes.plot(at, mean["error"].to_numpy(), **looks.arm(arm))
    levels = levels.group_by("reference").agg(pl.col("error").mean(), pl.len()).filter(pl.col("len") == n)
    shown = reference_lines(axes, levels.sort("reference"))
    style(axes)
    axis.show(axes, aside=abs(axis.aside(0, len(looks.arms))))
    averages = cells.group_by(*arm_columns(design), "x").agg(pl.col("error").mean())["error"]
    error_axis(axes, np.concatenate([averages, levels["error"]]))
    title(axes, f"Error, mean of {n} tasks" if n > 1 else "Error")
    return shown
