"""Figures of studies with two axes or a nominal one: surfaces, the best size, the worth of a pass, the best value.

Points are averages over tasks and seeds, lines the fitted law. An arm is a row of panels.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from scaling.analysis.claims.optimum import Values
from scaling.analysis.claims.two_axes import Plane
from scaling.analysis.curves.allocation import Cost, best_sizes
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.curves.repetition import Repetition, fresh
from scaling.analysis.curves.surface import Surface
from scaling.analysis.report.axes import error_axis, linear_error_axis, log_axis, new_figure, short, style, title
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import GREY, SHADES
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.words import capital, place, plain

_WIDTH, _ROW, _LEGEND = 9.6, 3.2, 0.6  # inches
_LINE = 60  # points of a drawn line
_PATH = 33  # computes at which the best size is drawn
_AHEAD = 10.0  # times the dearest run
_LEVELS = 8  # contours
_EDGE = 0.05  # of a panel, where a contour's label has no room
_ACCENT = "#D55E00"
_BAND = f"{100 * LEVEL:.0f} % interval"
_QUANTILES = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]


def sizes_and_data(found: Sequence[Plane]) -> Figure:
    """Left: error against data, a line a size. Right: contours of the fitted surface over both, and the path of the
    size that errs least for each compute with its interval along the line of equal compute; dashed, two such lines."""
    figure, rows = _rows(len(found))
    for one, (left, right) in zip(found, rows, strict=True):
        _families(left, one)
        style(right)
        _plane_axes(right, one)
        if isinstance(one.law, Surface):
            _contours(right, one, one.law)
            if one.cost is not None:
                _best(right, one, one.law, one.cost)
        else:
            _say_why(right, one)
        right.plot(one.D, one.N, ".", color=GREY, markersize=4, zorder=3)
        title(right, "Best size for a compute" if one.cost is not None else "Fitted error")
    handles = [*_size_handles(found)]
    if any(one.cost is not None and isinstance(one.law, Surface) for one in found):
        handles += [
            Line2D([], [], color=_ACCENT, linewidth=2, label=f"best for a compute, with its {_BAND}"),
            Line2D([], [], color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="equal compute"),
        ]
    _legend(figure, handles)
    return figure


def repetition(found: Sequence[Plane]) -> Figure:
    """Left: error against samples seen, a line a number of unique clips, and dashed what it would be if all were new.
    Right: how many new clips one is worth that was seen so often, with its interval, and where a further pass is worth
    half of a new clip."""
    figure, rows = _rows(len(found))
    for one, (left, right) in zip(found, rows, strict=True):
        _families(left, one)
        style(right)
        title(right, "Worth of a clip seen again")
        if isinstance(one.law, Repetition):
            x = np.geomspace(one.D.min(), one.D.max(), _LINE)
            left.plot(x, one.law.E + one.law.B * x**-one.law.b, color="black", linewidth=1, linestyle=(0, (4, 2)))
            _worth(right, one.law)
        else:
            right.set_axis_off()
            _say_why(right, one)
    new = Line2D([], [], color="black", linewidth=1, linestyle=(0, (4, 2)), label="if every clip were new")
    _legend(figure, [*_size_handles(found), new])
    return figure


def best_values(found: Sequence[Values], axis: Axis) -> Figure:
    """A panel an arm: error at each value of a nominal axis with its interval; filled, the value that errs least, and
    over each value how likely it is to be the best."""
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure = new_figure(3.6 * columns + 0.6 if columns < 3 else _WIDTH, 2.9 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    ends = [end for one in found for i in range(len(one.x)) for end in (*one.interval(i), one.error[i])]
    for one, axes in zip(found, grid, strict=False):
        style(axes)
        for i, error in enumerate(one.error):
            low, high = one.interval(i)
            axes.plot([i, i], [low, high], color=_ACCENT if i == one.best else GREY, linewidth=2.2)
            filled = _ACCENT if i == one.best else "white"
            axes.plot(i, error, "o", color=_ACCENT if i == one.best else GREY, markerfacecolor=filled, markersize=6)
            if one.known:
                told = f"{100 * one.chances[i]:.0f} %" if one.chances[i] >= 0.01 else "<1 %"
                axes.annotate(told, (i, high), (0, 4), textcoords="offset points", ha="center", fontsize=8)
        names = [drawn(plain(value), 24) for value in one.x]
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(one.x) - 0.5)
        if sum(map(len, names)) > 30:
            for label in axes.get_xticklabels():
                label.set(rotation=25, ha="right", rotation_mode="anchor")
        title(axes, capital(one.arm.name) if one.arm.levels else "All runs")
    linear_error_axis(grid[0], np.array([end for end in ends if np.isfinite(end)]))
    low, high = grid[0].get_ylim()
    grid[0].set_ylim(low, high + 0.06 * (high - low))  # room for the chances
    figure.supxlabel(f"{drawn(axis.name)} (bars: {_BAND}; above: probability of being the best)", fontsize=9.5)
    figure.supylabel("error, averaged over tasks", fontsize=9.5)
    return figure


def _rows(n: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    figure = new_figure(_WIDTH, _ROW * n + _LEGEND)
    grid = figure.subplots(n, 2, squeeze=False)
    return figure, [(row[0], row[1]) for row in grid]


def _say_why(axes: Axes, one: Plane) -> None:
    """What stands where there is no law to draw."""
    words = "\n".join(drawn(line) for line in textwrap.wrap(f"Nothing is fitted: {one.why}.", 44))
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=9, color=GREY)


def _families(axes: Axes, one: Plane) -> None:
    """Error against data, a line a size."""
    style(axes)
    for size, colour in _shades(one).items():
        own = size == one.N
        x, y = one.D[own], one.error[own]
        order = np.argsort(x)
        axes.plot(x, y, "o", color=colour, markersize=5, zorder=3)
        if one.law is None:
            axes.plot(x[order], y[order], ":", color=colour, linewidth=1)
            continue
        line = np.geomspace(x.min(), x.max(), _LINE)
        fitted = one.law.predict(np.minimum(size, line) if one.repeats else np.array(size), line)
        axes.plot(line, fitted, color=colour, linewidth=1.4)
    log_axis(axes, sorted(set(one.D)), 1)
    error_axis(axes, one.error)
    axes.set_xlabel(drawn(one.data.name), fontsize=9)
    axes.set_ylabel("error, averaged over tasks", fontsize=9)
    title(axes, capital(one.arm.name) if one.arm.levels else "All runs")


def _shades(one: Plane) -> dict[float, str]:
    """A colour a size, from the darkest for the smallest."""
    sizes = sorted(set(one.N))
    name, low, high = SHADES
    return {
        size: to_hex(colormaps[name](low + (high - low) * i / max(len(sizes) - 1, 1))) for i, size in enumerate(sizes)
    }


def _size_handles(found: Sequence[Plane]) -> list[Line2D]:
    widest = max(found, key=lambda one: len(set(one.N)))
    return [
        Line2D([], [], color=colour, marker="o", markersize=5, linewidth=1.4, label=drawn(place(widest.size, size)))
        for size, colour in _shades(widest).items()
    ]


def _legend(figure: Figure, handles: list[Line2D]) -> None:
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(len(handles), 4), frameon=False, fontsize=9,
        handlelength=2.6, columnspacing=1.6,
    )  # fmt: skip


def _contours(axes: Axes, one: Plane, law: Surface) -> None:
    x, y = (np.geomspace(*ends, _LINE) for ends in (axes.get_xlim(), axes.get_ylim()))
    error = 100 * law.predict(y[:, None], x[None])
    levels = np.geomspace(error.min(), error.max(), _LEVELS)[1:-1]
    lines = axes.contour(x, y, error, levels=levels, colors="#9fb4c7", linewidths=1)
    for label in axes.clabel(lines, fmt=lambda level: f"{level:.3g} %", fontsize=7.5, inline_spacing=3) or []:
        where = axes.transAxes.inverted().transform(axes.transData.transform(label.get_position()))
        # One that would leave the panel says nothing.
        label.set_visible(bool(np.all((where > _EDGE) & (where < 1 - _EDGE))))


def _best(axes: Axes, one: Plane, law: Surface, cost: Cost) -> None:
    """The path of the best size, with its interval along lines of equal compute; nothing where it is on the edge."""
    dearest = float(one.computes[-1])
    for compute in (float(np.median(one.computes)), dearest):
        N = np.geomspace(one.N.min(), one.N.max(), _LINE)
        axes.plot(cost.affordable(compute, N), N, color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    computes = np.geomspace(one.computes[0], _AHEAD * dearest, _PATH)
    N = np.array([np.quantile(best_sizes(law, cost, compute), _QUANTILES) for compute in computes])
    inside = (N[:, 1] > one.N.min()) & (N[:, 1] < one.N.max())
    N, computes = N[inside], computes[inside]
    D = np.array([cost.affordable(compute, sizes) for compute, sizes in zip(computes, N, strict=True)]).reshape(-1, 3)
    ring = np.concatenate([np.arange(len(N)), np.arange(len(N))[::-1]])
    end = np.repeat([0, 2], len(N))
    axes.fill(D[ring, end], N[ring, end], color=_ACCENT, alpha=0.22, linewidth=0)
    axes.plot(D[:, 1], N[:, 1], color=_ACCENT, linewidth=2, zorder=4)


def _plane_axes(axes: Axes, one: Plane) -> None:
    log_axis(axes, sorted(set(one.D)), 1)
    axes.set_yscale("log")
    sizes = sorted(set(one.N))
    axes.yaxis.set_major_locator(FixedLocator(sizes))
    axes.yaxis.set_major_formatter(FixedFormatter([short(size) for size in sizes]))
    axes.yaxis.set_minor_locator(NullLocator())
    margin = max((sizes[-1] / sizes[0]) ** 0.05, 1.1)
    axes.set_ylim(sizes[0] / margin, sizes[-1] * margin)
    axes.set_xlabel(drawn(one.data.name), fontsize=9)
    axes.set_ylabel(drawn(one.size.name), fontsize=9)


def _worth(axes: Axes, law: Repetition) -> None:
    passes = np.geomspace(1, law.passes, _LINE)
    drawn: Floats = fresh(np.array(1.0), passes[None], law.draws[:, 3:])
    low, middle, high = np.quantile(drawn, _QUANTILES, axis=0)
    axes.plot(passes, passes, color="black", linewidth=1, linestyle=(0, (4, 2)))
    axes.annotate("as good as new", (passes[-1], passes[-1]), (-16, 0), textcoords="offset points", fontsize=8,
                  ha="right", va="top")  # fmt: skip
    axes.fill_between(passes, low, high, color=_ACCENT, alpha=0.22, linewidth=0)
    axes.plot(passes, middle, color=_ACCENT, linewidth=2)
    half = float(np.median(law.half_worths()))
    if 1 < half < law.passes:
        axes.axvline(half, color=GREY, linewidth=1, zorder=1)
        axes.annotate("a further pass is worth\nhalf of a new clip", (half, 1), (4, 2), textcoords="offset points",
                      fontsize=8, va="bottom")  # fmt: skip
    for scale, of in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log", base=2)
        ticks = 2.0 ** np.arange(0, np.log2(law.passes) + 1, max(1, round(np.log2(law.passes) / 6)))
        of.set_major_locator(FixedLocator(list(ticks)))
        of.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        of.set_minor_locator(NullLocator())
    axes.set_xlim(0.93, law.passes * 1.1)
    axes.set_ylim(0.93, law.passes * 1.1)
    axes.set_xlabel("passes over a clip", fontsize=9)
    axes.set_ylabel("worth in new clips", fontsize=9)
