"""How arms, references and axes look in every figure.

An arm is told apart without colour: the marker's shape says the objective (and what else differs), a filled marker and
a heavier line say initialized, and beyond the data each objective has dashes of its own. Colours are Okabe and Ito's,
which colour-blind readers can tell apart.
"""

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from scaling.analysis.curves.fit import Floats
from scaling.analysis.scores.scores import REFERENCES, thousands

Arm = tuple[str, ...]
Dashes = tuple[int, Sequence[float]]

GREY = "#6b6b6b"
REFERENCE_NAMES = {
    "chance": "chance", "log-mel": "log-mel statistics", "untrained": "untrained encoder",
    "supervised": "supervised encoder",
}  # fmt: skip
COLUMNS = 3  # panels in a row
_ENTRY = 2.35  # inches of a legend's entry
_LETTERS = 50  # in a line over a panel
DOUBLED = 2  # a linear axis ends at this many times the largest size

_OBJECTIVES: dict[str, tuple[str, str, Dashes]] = {
    "contrastive": ("#0072B2", "o", (0, (3, 2))),
    "captioning": ("#D55E00", "s", (0, (1, 1.2))),
    "hybrid": ("#009E73", "^", (0, (6, 1.5, 1, 1.5))),
}
_OTHERS: list[tuple[str, str, Dashes]] = [
    ("#CC79A7", "D", (0, (5, 1))), ("#56B4E9", "p", (0, (2, 1))), ("#E69F00", "h", (0, (4, 1, 1, 1, 1, 1))),
    ("#000000", "d", (0, (7, 2))),
]  # fmt: skip
_TWINS = "vPX*<>"
_HELDS = "vD^P"
_REFERENCE_LINES: dict[str, Dashes] = {
    "chance": (0, (1, 1.5)), "log-mel": (0, (5, 1.5, 1, 1.5)), "untrained": (0, (3, 2)), "supervised": (0, (9, 2)),
}  # fmt: skip


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this many inches, drawn without a screen."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels_of(n: int, height: float, margin: float, share_rows: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, each `height` inches, in rows of `COLUMNS`; room for a legend above.

    Args:
        share_rows: panels of a row have one vertical axis.
    """
    columns = min(COLUMNS, n)
    rows = -(-n // columns)
    figure = new_figure(9.6 if columns == COLUMNS else 3.6 * columns + 0.6, height * rows + margin)
    grid = list(figure.subplots(rows, columns, squeeze=False, sharey="row" if share_rows else False).ravel())
    for axes in grid[n:]:
        axes.set_visible(False)
    return figure, grid[:n]


def style(axes: Axes) -> None:
    """Spines, ticks and grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9a9a9a")
    axes.tick_params(labelsize=9, color="#9a9a9a")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)


def title(axes: Axes, text: str, pad: float = 6) -> None:
    """A panel's title, at its left, `pad` points above it."""
    axes.set_title(text, fontsize=10.5, loc="left", fontweight="bold", pad=pad)


def subtitle(axes: Axes, text: str, lines: int) -> None:
    """Plain words between a panel's title and the panel, in so many lines; the title needs a pad of 13 a line."""
    words = "\n".join(textwrap.wrap(text, _LETTERS, max_lines=lines, placeholder=" …"))
    told = axes.text(
        0, 1.015, words, fontsize=8, color="#1f1f1f", transform=axes.transAxes, va="bottom", linespacing=1.1
    )
    # A long one must not squeeze the panel.
    told.set_in_layout(False)


def _objective(objective: str, objectives: Sequence[str]) -> tuple[str, str, Dashes]:
    if objective in _OBJECTIVES:
        return _OBJECTIVES[objective]
    others = [name for name in dict.fromkeys(objectives) if name not in _OBJECTIVES]
    return _OTHERS[others.index(objective) % len(_OTHERS)]


def arm_look(arm: Arm, arms: Sequence[Arm]) -> dict[str, Any]:
    """How an arm (a tuple of `scores.ARM`) among all arms is drawn, as arguments of `Axes.plot`."""
    same = [other for other in arms if (other[0], other[2] == "scratch") == (arm[0], arm[2] == "scratch")]
    colour, shape, _ = _objective(arm[0], [other[0] for other in arms])
    filled = arm[2] != "scratch"
    return {
        "color": colour, "marker": (shape, *_TWINS)[same.index(arm) % 7], "markersize": 5.5,
        "markerfacecolor": colour if filled else "white", "markeredgewidth": 1.2, "linewidth": 1.9 if filled else 1.1,
    }  # fmt: skip


def arm_dashes(arm: Arm, arms: Sequence[Arm]) -> Dashes:
    """The dashes of an arm beyond the data."""
    return _objective(arm[0], [other[0] for other in arms])[2]


def held_look(held: str, helds: Sequence[str]) -> dict[str, Any]:
    """How a series of differences is drawn: `held` is what its two arms share, among all that are shown."""
    place = list(helds).index(held)
    objective = held.split(",")[0]
    scratch = held.startswith("from")
    if objective in _OBJECTIVES:
        colour, marker, _ = _OBJECTIVES[objective]
    else:
        colour, marker = ("#7d7d7d", "o") if scratch else ("#1f1f1f", _HELDS[place % len(_HELDS)])
    return {
        "color": colour, "marker": marker, "markerfacecolor": "white" if scratch else colour, "markersize": 5.5,
        "linewidth": 0.9, "linestyle": "-",
    }  # fmt: skip


def clips_axis(axes: Axes, sizes: list[int], beyond: float) -> None:
    """A log axis with the sizes as ticks, as many as there is room for, up to `beyond` times the largest."""
    axes.set_xscale("log")
    ticks = [*sizes, beyond * sizes[-1]] if beyond > 1 else list(sizes)
    while len(ticks) > 2 and min(np.log10(b / a) for a, b in pairwise(ticks)) < np.log10(ticks[-1] / ticks[0]) / 7:
        gaps = [np.log10(b / a) for a, b in pairwise(ticks)]
        ticks.pop(min(int(np.argmin(gaps)) + 1, len(ticks) - 2))
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([short(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    margin = max((ticks[-1] / ticks[0]) ** 0.05, 1.1)
    axes.set_xlim(ticks[0] / margin, ticks[-1] * margin)


def linear_clips_axis(axes: Axes, sizes: list[int]) -> None:
    """A linear axis from nothing to `DOUBLED` times the largest size."""
    axes.set_xlim(0, DOUBLED * sizes[-1] * 1.03)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda clips, _: short(clips)))


def short(clips: float) -> str:
    """A number of clips for a tick."""
    return f"{clips / 1000:g} k" if 1000 <= clips < 1e6 else thousands(clips)


def error_axis(axes: Axes, values: Floats) -> None:
    """A log axis with few round ticks in percent, whatever the range."""
    low, high = float(values.min()) / 1.08, min(float(values.max()) * 1.08, 1.06)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ladders: list[list[float]] = [
        [1, 2, 5],
        [1, 1.5, 2, 3, 5, 7],
        [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9],
        list(np.arange(1, 10, 0.5)),
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


def linear_error_axis(axes: Axes, values: Floats) -> None:
    """A linear axis in percent."""
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * max(high - low, 0.01)
    axes.set_ylim(max(low - margin, 0), min(high + margin, 1.02))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:.3g} %"))


def reference_lines(axes: Axes, levels: pl.DataFrame) -> set[str]:
    """Draw the rows of `scores.references` as levels; returns their names."""
    for name, error in levels.select("reference", "error").iter_rows():
        axes.axhline(error, color=GREY, linewidth=1, linestyle=_REFERENCE_LINES[name], zorder=1)
    return set(levels["reference"])


def legend(figure: Figure, arms: dict[Arm, str], shown: set[str]) -> None:
    """Arms and the references that are shown, above the panels."""
    handles = [Line2D([], [], label=name, **arm_look(arm, list(arms))) for arm, name in arms.items()]
    handles += [
        Line2D([], [], color=GREY, linewidth=1, linestyle=_REFERENCE_LINES[name], label=REFERENCE_NAMES[name])
        for name in REFERENCES
        if name in shown
    ]
    fit = int(figure.get_figwidth() / _ENTRY)
    columns = 4 if fit >= 4 else min(fit, 2)
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, frameon=False, fontsize=9, handlelength=3.2,
        columnspacing=1.6,
    )  # fmt: skip


def held_handles(helds: Sequence[str]) -> list[Line2D]:
    """The legend of series of differences."""
    return [Line2D([], [], label=held, **held_look(held, helds)) for held in helds]
