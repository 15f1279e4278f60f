"""Figures: error against data for every task, differences by size, and the summary.

Colour (Okabe-Ito) and marker shape say the objective, a filled marker and a heavier line the initialized
arm: every arm can be told apart in grey. Solid lines lie within the data, dashed ones beyond.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from scaling.analysis.fit import BEYOND, Floats
from scaling.analysis.scores import (
    ARM,
    REFERENCES,
    arm_names,
    by_size,
    metric_name,
    primary,
    references,
    tasks,
    thousands,
)

COLOURS = {"contrastive": "#0072B2", "captioning": "#D55E00", "hybrid": "#009E73"}
MARKERS = {"contrastive": "o", "captioning": "s", "hybrid": "^"}
GREY = "#6b6b6b"
_REFERENCE_LINES: dict[str, tuple[int, Sequence[float]]] = {
    "chance": (0, (1, 1.5)), "log-mel": (0, (5, 1.5, 1, 1.5)), "untrained": (0, (3, 2)), "supervised": (0, (9, 2)),
}  # fmt: skip
REFERENCE_NAMES = {
    "chance": "chance", "log-mel": "log-mel statistics", "untrained": "untrained encoder",
    "supervised": "supervised encoder",
}  # fmt: skip
_COLUMNS = 3
_LINES = ("line_clips", "line", "line_low", "line_high")


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(labelsize=9, color="#9a9a9a")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)


def _look(arm: tuple[str, ...], arms: list[tuple[str, ...]]) -> dict[str, Any]:
    """How an arm is drawn. Arms beyond objective x initialization take further markers."""
    twins = [other for other in arms if (other[0], other[2] == "scratch") == (arm[0], arm[2] == "scratch")]
    colour, filled = COLOURS.get(arm[0], "#CC79A7"), arm[2] != "scratch"
    marker = (MARKERS.get(arm[0], "D"), "v", "P", "X", "*")[min(twins.index(arm), 4)]
    return {
        "color": colour, "marker": marker, "markersize": 5.5, "markerfacecolor": colour if filled else "white",
        "markeredgewidth": 1.2, "linewidth": 1.9 if filled else 1.1,
    }  # fmt: skip


def _clips_axis(axes: Axes, sizes: list[int], beyond: bool) -> None:
    axes.set_xscale("log")
    ticks = [*sizes, BEYOND * sizes[-1]] if beyond else list(sizes)
    while len(ticks) > 2 and min(np.log10(b / a) for a, b in pairwise(ticks)) < np.log10(ticks[-1] / ticks[0]) / 8:
        gaps = [np.log10(b / a) for a, b in pairwise(ticks)]
        ticks.pop(min(int(np.argmin(gaps)) + 1, len(ticks) - 2))
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([_short(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    margin = max((ticks[-1] / ticks[0]) ** 0.05, 1.1)
    axes.set_xlim(ticks[0] / margin, ticks[-1] * margin)


def _short(clips: int) -> str:
    return f"{clips / 1000:g} k" if 1000 <= clips < 1e6 else thousands(clips)


def _error_axis(axes: Axes, values: Floats) -> None:
    """A log axis with few round ticks in percent, whatever the range."""
    low, high = float(values.min()) / 1.08, min(float(values.max()) * 1.08, 1.06)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ladders: list[list[float]] = [
        [1, 2, 5],
        [1, 1.5, 2, 3, 5, 7],
        [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9],
        list(np.arange(1, 10, 0.2)),
    ]
    decades = 10.0 ** np.arange(-5, 1)
    for ladder in ladders:
        ticks = [float(d * m) for d in decades for m in ladder if low <= d * m <= high]
        if len(ticks) >= 4:
            break
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{100 * tick:.3g} %" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())


def _references(axes: Axes, levels: pl.DataFrame) -> set[str]:
    for name, error in levels.select("reference", "error").iter_rows():
        axes.axhline(error, color=GREY, linewidth=1, linestyle=_REFERENCE_LINES[name], zorder=1)
    return set(levels["reference"])


def _legend(figure: Figure, handles: list[Line2D], shown: set[str]) -> None:
    handles = handles + [
        Line2D([], [], color=GREY, linewidth=1, linestyle=_REFERENCE_LINES[name], label=REFERENCE_NAMES[name])
        for name in REFERENCES
        if name in shown
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=9, handlelength=3.2,
        columnspacing=1.6,
    )  # fmt: skip


def _arm_handles(arms: dict[tuple[str, ...], str]) -> list[Line2D]:
    return [Line2D([], [], label=name, **_look(arm, list(arms))) for arm, name in arms.items()]


def task_curves(scores: pl.DataFrame, curves: pl.DataFrame, domain: str | None = None) -> Figure:
    """A panel a task: error against unique clips on log axes, with standard errors, fits and references.

    Args:
        scores: as from `read_scores`.
        curves: as `curves.parquet`; where nothing is fitted only points are drawn.
        domain: only this domain's tasks.
    """
    cells = by_size(scores).filter(primary())
    arms = arm_names(cells)
    panels = [task for task, of in tasks(cells) if domain in (None, of)]
    levels = references(scores).filter(primary())
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(9.6 if columns == _COLUMNS else 3.6 * columns + 0.6, 2.9 * rows + 0.75)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    shown: set[str] = set()
    for axes, task in zip(grid, panels, strict=False):
        mine = cells.filter(pl.col("task") == task)
        sizes = mine["clips"].unique().sort().to_list()
        extremes, lines = [mine["error"].to_numpy()], []
        for arm in arms:
            same = pl.struct(ARM) == dict(zip(ARM, arm, strict=True))
            points, look = mine.filter(same).sort("clips"), _look(arm, list(arms))
            axes.errorbar(
                points["clips"].to_numpy(), points["error"].to_numpy(), points["stderr"].to_numpy(),
                **{**look, "linestyle": "none"}, elinewidth=0.8, zorder=3,
            )  # fmt: skip
            fitted = curves.filter(same, pl.col("task") == task, primary())
            lines += [_curve(axes, row, look) for row in fitted.iter_rows(named=True)]
            if not any(line.size for line in lines[len(lines) - fitted.height :]):
                axes.plot(
                    points["clips"].to_numpy(), points["error"].to_numpy(), ":", color=str(look["color"]), linewidth=0.9
                )
        # A bold extrapolation may leave the panel; it must not squeeze the points together.
        extremes += [np.maximum(line, mine["error"].to_numpy().min() / 3) for line in lines]
        _coverage(axes, curves.filter(pl.col("task") == task, primary()))
        here = levels.filter(pl.col("task") == task)
        shown |= _references(axes, here)
        extremes.append(here["error"].to_numpy())
        _style(axes)
        _clips_axis(axes, sizes, beyond=True)
        _error_axis(axes, np.concatenate(extremes))
        axes.set_title(task, fontsize=10.5, loc="left", fontweight="bold")
        axes.set_ylabel(f"1 − {metric_name(mine['metric'][0])}", fontsize=9)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("unique clips (dashed: beyond the data)", fontsize=9.5)
    _legend(figure, _arm_handles(arms), shown)
    return figure


def _curve(axes: Axes, row: dict[str, Any], look: dict[str, Any]) -> Floats:
    """Draw one row of `curves.parquet`; returns the errors of its line."""
    line: dict[str, Any] = {"color": str(look["color"]), "linewidth": float(look["linewidth"]), "zorder": 2}
    x, y, low, high = (np.array(row[name], dtype=np.float64) for name in _LINES)
    if row["form"] == "constant":
        x, y = np.geomspace(row["largest"] / 8, BEYOND * row["largest"], 9), np.full(9, row["E"])
        low = high = np.full(9, np.nan)
    axes.fill_between(x, low, high, color=line["color"], alpha=0.1, linewidth=0, zorder=1)
    for window in row["windows"]:
        axes.plot(x, np.array(window, dtype=np.float64), color=line["color"], linewidth=0.5, alpha=0.35, zorder=1)
    inside = x <= row["largest"] * 1.0001
    edge = max(int(inside.sum()) - 1, 0)
    axes.plot(x[inside], y[inside], **line)
    axes.plot(x[edge:], y[edge:], linestyle=(0, (3, 2)), **line)
    if row["held_out"] is not None:
        axes.plot(row["largest"], row["held_out"], "x", color=line["color"], markersize=7, zorder=4)
    return y


def _coverage(axes: Axes, curves: pl.DataFrame) -> None:
    """Beside the bands: the level aimed at, and what such bands held at the right end of the panel."""
    known = curves.filter(pl.col("covered").is_not_null()).sort("covered").head(1)
    for level, covered, stderr in known.select("level", "covered", "covered_stderr").iter_rows():
        axes.text(
            0.02, 0.02, f"{100 * level:.0f} % bands held {100 * covered:.0f} ± {100 * stderr:.0f} %", fontsize=7,
            color=GREY, transform=axes.transAxes,
        )  # fmt: skip


def _difference_panel(axes: Axes, rows: pl.DataFrame, sizes: list[int]) -> None:
    """Differences in points by size; the things held are drawn beside each other, not over each other."""
    helds = rows["held"].unique(maintain_order=True).to_list()
    step = max((sizes[-1] / sizes[0]) ** 0.018, 1.01)
    axes.axhline(0, color="#404040", linewidth=0.9)
    for k, held in enumerate(helds):
        mine = rows.filter(pl.col("held") == held).sort("clips")
        x = mine["clips"].to_numpy() * step ** (2 * k - len(helds) + 1)
        y = 100 * mine["difference"].to_numpy()
        look = _held_look(held, k)
        axes.plot(x, y, **look)
        axes.vlines(x, 100 * mine["low"].to_numpy(), 100 * mine["high"].to_numpy(), color=look["color"], linewidth=1.1)
    _style(axes)
    _clips_axis(axes, sizes, beyond=False)


def _held_look(held: str, place: int) -> dict[str, Any]:
    objective = held.split(",")[0]
    if objective in COLOURS:
        colour, marker, face = COLOURS[objective], MARKERS[objective], COLOURS[objective]
    else:
        scratch = held.startswith("from")
        colour, marker = ("#7d7d7d", "o") if scratch else ("#1f1f1f", "Dv^P"[max(place - 1, 0) % 4])
        face = "white" if scratch else colour
    return {
        "color": colour, "marker": marker, "markerfacecolor": face, "markersize": 5.5, "linewidth": 0.9,
        "linestyle": "-",
    }  # fmt: skip


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
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = _figure(9.6 if columns == _COLUMNS else 3.6 * columns + 0.6, 2.15 * lines + 0.8)
    grid = figure.subplots(lines, columns, squeeze=False, sharey="row").ravel()
    sizes = rows["clips"].unique().sort().to_list()
    for axes, task in zip(grid, panels, strict=False):
        _difference_panel(axes, rows.filter(pl.col("scope") == task), sizes)
        axes.set_title(task, fontsize=10.5, loc="left", fontweight="bold")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    name = contrast_name(*rows.select("contrast", "arm", "other").row(0))
    figure.supxlabel("unique clips", fontsize=9.5)
    figure.supylabel(f"points of error gained by {name}", fontsize=9.5)
    _held_legend(figure, rows)
    return figure


def _held_legend(figure: Figure, rows: pl.DataFrame) -> None:
    helds = rows["held"].unique(maintain_order=True).to_list()
    handles = [Line2D([], [], label=held, **_held_look(held, k)) for k, held in enumerate(helds)]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=9)


def summary(scores: pl.DataFrame, table: pl.DataFrame) -> Figure:
    """The study in one row: average error by size, then a panel for each contrast, averaged over all tasks.

    Args:
        scores: as from `read_scores`.
        table: `Differences.table`.
    """
    cells = by_size(scores).filter(primary())
    arms = arm_names(cells)
    n = cells["task"].n_unique()
    rows = table.filter(pl.col("scope") == "all tasks")
    contrasts = rows.select("contrast", "arm", "other").unique(maintain_order=True).rows()
    figure = _figure(9.6, 4.2)
    grid = figure.subplots(1, 1 + len(contrasts), squeeze=False)[0]
    sizes = cells["clips"].unique().sort().to_list()
    whole = cells.filter(pl.col("task").n_unique().over(*ARM, "clips") == n)
    for arm in arms:
        mine = whole.filter(pl.struct(ARM) == dict(zip(ARM, arm, strict=True)))
        mean = mine.group_by("clips").agg(pl.col("error").mean()).sort("clips")
        grid[0].plot(mean["clips"].to_numpy(), mean["error"].to_numpy(), **_look(arm, list(arms)))
    levels = references(scores).filter(primary())
    levels = levels.group_by("reference").agg(pl.col("error").mean(), pl.len()).filter(pl.col("len") == n)
    levels = levels.sort("reference")
    shown = _references(grid[0], levels)
    _style(grid[0])
    _clips_axis(grid[0], sizes, beyond=False)
    _error_axis(
        grid[0], np.concatenate([cells.group_by(*ARM, "clips").agg(pl.col("error").mean())["error"], levels["error"]])
    )
    grid[0].set_title(f"Error, mean of {n} tasks", fontsize=10.5, loc="left", fontweight="bold")
    for axes, (contrast, arm_name, other) in zip(grid[1:], contrasts, strict=True):
        part = rows.filter(pl.col("contrast") == contrast, pl.col("arm") == arm_name, pl.col("other") == other)
        _difference_panel(axes, part, sizes)
        axes.set_title(
            contrast_name(contrast, arm_name, other).capitalize(), fontsize=10.5, loc="left", fontweight="bold"
        )
        axes.set_ylabel("points of error gained", fontsize=9.5)
        handles = [
            Line2D([], [], label=held, **_held_look(held, k))
            for k, held in enumerate(part["held"].unique(maintain_order=True))
        ]
        # A row of its own above the highest bar.
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.16 * (high - low))
        axes.legend(
            handles=handles, fontsize=9, frameon=False, loc="upper left", ncols=len(handles), columnspacing=1.2,
            handlelength=1.6,
        )  # fmt: skip
    figure.supxlabel("unique clips", fontsize=9.5)
    _legend(figure, _arm_handles(arms), shown)
    return figure
