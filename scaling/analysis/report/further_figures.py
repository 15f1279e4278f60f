"""Figures of further questions: how small runs decide and which tasks tell, and the error by way of the loss."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from scaling.analysis.claims.decisions import Decisions
from scaling.analysis.claims.signals import Signal
from scaling.analysis.claims.stages import Staged, Stages
from scaling.analysis.curves.curve import BEYOND
from scaling.analysis.curves.forms import Floats
from scaling.analysis.report.axes import Along, error_axis, log_axis, new_figure, style, title
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import GREY, Looks, legend
from scaling.analysis.scores.design import Axis

MOST_TASKS = 16  # that find room beside each other
_WIDTH, _HEIGHT, _LEGEND = 8.4, 3.3, 0.75  # inches
_ROW = 0.2  # inches of a task
_BLUE, _ORANGE = "#0072B2", "#D55E00"
_COIN = 0.5
_NAME = 28  # letters of a task's name
_LINE = 60  # points of a drawn line
_STEP = 0.035  # of the axis, between two forecasts of one size


def decisions_and_tasks(found: Decisions, told: list[Signal], axis: Axis) -> Figure:
    """Left: the share of pairs that each size orders as the largest does, task by task and of the average over tasks.
    Right: the signal to noise of the first `MOST_TASKS` tasks, the clearest on top."""
    told = sorted(told, key=lambda one: -one.ratio)[:MOST_TASKS]
    columns = 2 if told else 1
    figure = new_figure(_WIDTH / 2 * columns, max(_HEIGHT, _ROW * len(told) + 1))
    grid = figure.subplots(1, columns, squeeze=False)[0]
    _accuracies(grid[0], found, axis)
    if told:
        _ratios(grid[1], told)
    return figure


def _accuracies(axes: Axes, found: Decisions, axis: Axis) -> None:
    style(axes)
    axes.axhline(100 * _COIN, color=GREY, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    along = Along(axis, tuple(one.x for one in found.at))
    x = np.array(along.sizes)
    y = np.array([100 * one.share for one in found.at])
    for one in found.at:
        if one.weight:
            low, high = one.interval
            axes.plot([one.x, one.x], [100 * low, 100 * high], color=_BLUE, linewidth=2.2, solid_capstyle="butt")
    axes.plot(x, y, "o-", color=_BLUE, linewidth=1.2, markersize=6, label="pairs on a task", zorder=3)
    mean = [(one.x, 100 * one.average[0] / one.average[1]) for one in found.at if one.average[1]]
    if mean:
        at, right = np.array(mean).T
        axes.plot(
            along.beside(at, 1), right, "s", color=_ORANGE, markerfacecolor="white", markersize=6, markeredgewidth=1.3,
            label="pairs, average over tasks", zorder=4,
        )  # fmt: skip
    along.show(axes)
    axes.set_ylim(0, 104)
    axes.annotate("coin toss", (1, 50), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
                  ha="right", va="bottom", fontsize=8, color=GREY)  # fmt: skip
    axes.set_xlabel(drawn(axis.name), fontsize=9)
    axes.set_ylabel("ordered as at the largest, %", fontsize=9)
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    title(axes, "Decisions of smaller runs")


def _ratios(axes: Axes, told: list[Signal]) -> None:
    style(axes)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    places = np.arange(len(told))[::-1]
    for place, one in zip(places, told, strict=True):
        low, high = (max(end, 0.0) for end in one.interval)
        clear = one.interval[0] > 0
        colour = _BLUE if clear else GREY
        if np.isfinite(high):
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(one.ratio, place, "o", color=colour, markerfacecolor=colour if clear else "white", markersize=6)
    axes.axvline(0, color="#9a9a9a", linewidth=0.8)
    axes.yaxis.set_major_locator(FixedLocator(places.tolist()))
    axes.yaxis.set_major_formatter(FixedFormatter([drawn(one.task, _NAME) for one in told]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.7, len(told) - 0.3)
    axes.set_xlabel("signal to noise", fontsize=9)
    title(axes, "What tasks tell")


def two_stages(found: Stages, looks: Looks, axis: Axis) -> Figure:
    """Left: the average error by size, what the smaller sizes predict of the largest one and all of a larger one, both
    directly and by two stages. Right: the error by the loss, with the link and what it says of the larger size."""
    those = [one for one in found.arms if one.arm in looks.arms]
    figure = new_figure(_WIDTH, _HEIGHT + _LEGEND)
    left, right = figure.subplots(1, 2)
    _by_size(left, those, looks, axis)
    _by_loss(right, those, looks)
    legend(figure, looks, set())
    return figure


def _by_size(axes: Axes, those: list[Staged], looks: Looks, axis: Axis) -> None:
    style(axes)
    sizes = sorted({float(x) for one in those for x in one.x})
    log_axis(axes, sizes, BEYOND)
    step = (BEYOND * sizes[-1] / sizes[0]) ** _STEP
    seen: list[Floats] = []
    for k, one in enumerate(those):
        look = looks.arm(one.arm)
        axes.plot(one.x, one.error, **look)
        largest, colour = float(one.x[-1]), str(look["color"])
        for j, (mark, value) in enumerate(zip("x+", one.held_out, strict=False)):
            axes.plot(largest * step ** (j + 1), value, mark, color=colour, markersize=6, zorder=4)
        for j, (mark, (value, ends)) in enumerate(zip("x+", (one.direct, one.staged), strict=True)):
            at = BEYOND * largest * step ** (2 * k + j)
            if np.isfinite(ends).all():
                axes.plot([at, at], ends, color=colour, linewidth=0.9)
            axes.plot(at, value, mark, color=colour, markersize=6, zorder=4)
            # Of the intervals' low ends as much as leaves room for the points.
            seen.append(np.array([value, np.nanmax([ends[0], 0.6 * value])]))
        seen += [one.error, np.array(one.held_out[:2])]
    start, end = axes.get_xlim()
    axes.set_xlim(start, end * step ** (2 * len(those) - 1))
    error_axis(axes, np.concatenate(seen))
    axes.set_xlabel(drawn(axis.name), fontsize=9)
    axes.set_ylabel("error, averaged over tasks", fontsize=9)
    marks = [
        Line2D([], [], color="#1f1f1f", linestyle="none", marker=mark, label=name)
        for mark, name in (("x", "predicted directly"), ("+", "by two stages"))
    ]
    axes.legend(handles=marks, fontsize=8.5, frameon=False, loc="lower left")
    title(axes, "Error by size")


def _by_loss(axes: Axes, those: list[Staged], looks: Looks) -> None:
    style(axes)
    seen: list[Floats] = []
    for one in those:
        look = looks.arm(one.arm)
        line = {"color": look["color"], "linewidth": look["linewidth"]}
        axes.plot(one.loss, one.error, **{**look, "linestyle": "none"}, zorder=3)
        within = np.linspace(one.loss.max(), one.loss.min(), _LINE)
        axes.plot(within, one.link.error(within), **line)
        ahead = np.linspace(one.loss.min(), one.ahead, _LINE)
        axes.plot(ahead, one.link.error(ahead), linestyle=looks.dashes(one.arm), **line)
        value, ends = one.staged
        if np.isfinite(ends).all():
            axes.plot([one.ahead, one.ahead], ends, color=look["color"], linewidth=0.9)
        axes.plot(one.ahead, value, "+", color=look["color"], markersize=7, zorder=4)
        seen += [one.error, np.array([value, np.nanmax([ends[0], 0.6 * value])])]
    error_axis(axes, np.concatenate(seen))
    axes.invert_xaxis()
    axes.set_xlabel("loss on the holdout (falls to the right)", fontsize=9)
    title(axes, "Error by loss")
