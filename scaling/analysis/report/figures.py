"""Figures: error against data for every task, differences by size, where arms cross, and the summary.

`look` says how arms and axes look, `panels` what one pair of axes shows. Solid lines lie within the data, dashed ones
beyond.
"""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling.analysis.claims.twins import Twins
from scaling.analysis.curves.fit import BEYOND, Floats
from scaling.analysis.report import look
from scaling.analysis.report.panels import (
    draw_coverage,
    draw_crossover,
    draw_curve,
    draw_differences,
    draw_ends,
    draw_points,
    has_band,
)
from scaling.analysis.scores.scores import (
    ARM,
    arm_names,
    by_size,
    capital,
    metric_name,
    primary,
    references,
    tasks,
    trained,
)


def task_curves(scores: pl.DataFrame, curves: pl.DataFrame, domain: str | None = None, linear: bool = False) -> Figure:
    """A panel a task: error against unique clips, with seeds, standard errors, fits, bands and references.

    Args:
        scores: as from `read_scores`.
        curves: as `curves.parquet`; where nothing is fitted only points are drawn.
        domain: only this domain's tasks.
        linear: linear axes to twice the largest size instead of log axes to `BEYOND` times it.
    """
    cells = by_size(scores).filter(primary())
    runs = trained(scores).filter(primary())
    arms = arm_names(cells)
    panels = [task for task, of in tasks(cells) if domain in (None, of)]
    levels = references(scores).filter(primary())
    figure, grid = look.panels_of(len(panels), 2.9, 0.75)
    shown: set[str] = set()
    for axes, task in zip(grid, panels, strict=True):
        here = levels.filter(pl.col("task") == task)
        if not linear:
            shown |= look.reference_lines(axes, here)
        mine, fitted = cells.filter(pl.col("task") == task), curves.filter(pl.col("task") == task, primary())
        one_task = runs.filter(pl.col("task") == task)
        _task(axes, mine, one_task, fitted, list(arms), linear, here["error"].to_numpy())
        look.title(axes, task, pad=6 if linear else 13)
        axes.set_ylabel(f"1 − {metric_name(mine['metric'][0])}", fontsize=9)
    figure.supxlabel("unique clips (dashed: beyond the data)", fontsize=9.5)
    look.legend(figure, arms, shown)
    return figure


def _task(
    axes: Axes, cells: pl.DataFrame, runs: pl.DataFrame, curves: pl.DataFrame, arms: list[look.Arm], linear: bool,
    levels: Floats,
) -> None:  # fmt: skip
    """One task of `task_curves`."""
    lowest = cells["error"].to_numpy().min()
    seen, extremes, drawn = [cells["error"].to_numpy()], [levels], []
    for arm in arms:
        same, style = pl.struct(ARM) == dict(zip(ARM, arm, strict=True)), look.arm_look(arm, arms)
        points = cells.filter(same).sort("clips")
        draw_points(axes, points, runs.filter(same), style)
        rows = curves.filter(same).rows(named=True)
        lines = [draw_curve(axes, row, style, look.arm_dashes(arm, arms)) for row in rows]
        drawn += [(row, style) for row in rows]
        if not any(line.size for line in lines):
            x, y = points["clips"].to_numpy(), points["error"].to_numpy()
            axes.plot(x, y, ":", color=str(style["color"]), linewidth=0.9)
        # A bold extrapolation may leave the panel; it must not squeeze the points together.
        extremes += [np.maximum(line, lowest / 3) for line in lines]
    look.style(axes)
    sizes = cells["clips"].unique().sort().to_list()
    if linear:
        look.linear_clips_axis(axes, sizes)
        look.linear_error_axis(axes, np.concatenate([*seen, *(line[line < seen[0].max()] for line in extremes[1:])]))
        return
    # Of the bands' low ends as much as leaves room for the points.
    extremes += [np.array([max(row["line_low"][-1], 0.6 * lowest)]) for row, _ in drawn if has_band(row)]
    look.clips_axis(axes, sizes, beyond=BEYOND)
    look.error_axis(axes, np.concatenate([*seen, *extremes]))
    draw_ends(axes, [row for row, _ in drawn], [style for _, style in drawn])
    draw_coverage(axes, curves)


def contrast_name(contrast: str, arm: str, other: str) -> str:
    """What a difference is called: "contrastive over captioning", "initialized over scratch"."""
    return f"{arm} over {other}" if contrast == "objective" else f"{arm} over scratch"


def differences_by_task(table: pl.DataFrame, order: list[tuple[str, str]]) -> Figure:
    """A panel a task: the difference in points of error between two arms, by size, with intervals.

    Args:
        table: `Differences.table` of one contrast and one pair of names.
        order: (task, domain) in the order of the panels.
    """
    rows = table.filter(pl.col("kind") == "task", primary())
    panels = [task for task, _ in order if task in set(rows["scope"])]
    figure, grid = look.panels_of(len(panels), 2.15, 0.8, share_rows=True)
    sizes = rows["clips"].unique().sort().to_list()
    helds = rows["held"].unique(maintain_order=True).to_list()
    for axes, task in zip(grid, panels, strict=True):
        draw_differences(axes, rows.filter(pl.col("scope") == task), sizes, helds)
        look.title(axes, task)
    name = contrast_name(*rows.select("contrast", "arm", "other").row(0))
    figure.supxlabel("unique clips", fontsize=9.5)
    figure.supylabel(f"points of error gained by {name}", fontsize=9.5)
    handles = look.held_handles(helds)
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return figure


def crossover(found: list[Twins]) -> Figure:
    """A panel for what two arms share: their average curves with intervals, and where they cross, if they do.

    Args:
        found: twins of one contrast and one pair of names.
    """
    figure, grid = look.panels_of(len(found), 3.2, 0.4)
    for axes, two in zip(grid, found, strict=True):
        draw_crossover(axes, two)
    figure.supxlabel("unique clips (dashed: beyond the data)", fontsize=9.5)
    figure.supylabel("error, mean of all tasks", fontsize=9.5)
    return figure


def summary(scores: pl.DataFrame, table: pl.DataFrame) -> Figure:
    """The study at a glance: average error by size, then a panel for each contrast, averaged over all tasks.

    Args:
        scores: as from `read_scores`.
        table: `Differences.table`.
    """
    cells = by_size(scores).filter(primary())
    arms = arm_names(cells)
    n = cells["task"].n_unique()
    rows = table.filter(pl.col("scope") == "all tasks")
    contrasts = rows.select("contrast", "arm", "other").unique(maintain_order=True).rows()
    figure, grid = look.panels_of(1 + len(contrasts), 3.45, 0.75)
    sizes = cells["clips"].unique().sort().to_list()
    whole = cells.filter(pl.col("task").n_unique().over(*ARM, "clips") == n)
    for arm in arms:
        mine = whole.filter(pl.struct(ARM) == dict(zip(ARM, arm, strict=True)))
        mean = mine.group_by("clips").agg(pl.col("error").mean()).sort("clips")
        grid[0].plot(mean["clips"].to_numpy(), mean["error"].to_numpy(), **look.arm_look(arm, list(arms)))
    levels = references(scores).filter(primary())
    levels = levels.group_by("reference").agg(pl.col("error").mean(), pl.len()).filter(pl.col("len") == n)
    levels = levels.sort("reference")
    shown = look.reference_lines(grid[0], levels)
    look.style(grid[0])
    look.clips_axis(grid[0], sizes, beyond=1)
    averages = cells.group_by(*ARM, "clips").agg(pl.col("error").mean())["error"]
    look.error_axis(grid[0], np.concatenate([averages, levels["error"]]))
    look.title(grid[0], f"Error, mean of {n} tasks" if n > 1 else "Error")
    for axes, (contrast, arm_name, other) in zip(grid[1:], contrasts, strict=True):
        part = rows.filter(pl.col("contrast") == contrast, pl.col("arm") == arm_name, pl.col("other") == other)
        helds = part["held"].unique(maintain_order=True).to_list()
        draw_differences(axes, part, sizes, helds)
        look.title(axes, capital(contrast_name(contrast, arm_name, other)))
        axes.set_ylabel("points of error gained", fontsize=9.5)
        # A row of its own above the highest bar.
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.16 * (high - low))
        axes.legend(
            handles=look.held_handles(helds), fontsize=9, frameon=False, loc="upper left", ncols=len(helds),
            columnspacing=1.2, handlelength=1.6,
        )  # fmt: skip
    figure.supxlabel("unique clips", fontsize=9.5)
    look.legend(figure, arms, shown)
    return figure
