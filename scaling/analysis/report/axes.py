"""Panels and their axes: ticks, titles, and where places on a study's axis are drawn."""

import textwrap
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from scaling.analysis.curves.fit import Floats
from scaling.analysis.report.escapes import drawn
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.words import Value, plain, thousands
from scaling.errors import visible

COLUMNS = 3  # panels in a row
MOST_PANELS = 36  # of a figure: more make no page, and at some point no picture
DOUBLED = 2  # a linear axis ends at this many times the largest size
_LETTERS = 46  # in a line over a panel
_HEADING = 31  # in a line of a title
_DODGE = 0.018  # of the axis, between marks that would lie on each other
_TICK = 24  # letters of a name under a panel
_LONG = 30  # letters of all names of a nominal axis that fit side by side under a panel


@dataclass(frozen=True)
class Along:
    """The axis that a figure runs along, and the places on it that were measured, in order."""

    axis: Axis
    places: tuple[Value, ...]

    @property
    def nominal(self) -> bool:
        """Whether places stand side by side, without a scale."""
        return self.axis.scale == "nominal"

    @property
    def sizes(self) -> list[float]:
        """Where the places are drawn."""
        return [float(k) for k in range(len(self.places))] if self.nominal else [float(x) for x in self.places]

    def at(self, values: pl.Series) -> Floats:
        """(n,) where these places are drawn."""
        if not self.nominal:
            return values.cast(pl.Float64).to_numpy()
        return np.array([self.places.index(value) for value in values], dtype=np.float64)

    def beside(self, x: Floats, steps: float) -> Floats:
        """Places moved aside by so many small steps."""
        if self.nominal:
            return np.asarray(x + 3 * _DODGE * steps)
        step = max((self.sizes[-1] / self.sizes[0]) ** _DODGE, 1.01)
        return np.asarray(x * step**steps)

    def aside(self, k: int, n: int) -> float:
        """How many small steps the k-th of n series is moved: at a single place they would lie on each other."""
        return 2.0 * k - n + 1 if len(self.places) == 1 else 0.0

    def show(self, axes: Axes, beyond: float = 1, aside: float = 0) -> None:
        """The horizontal axis: its places as ticks, as many as there is room for, up to `beyond` times the largest,
        with room for what stands so many steps `aside`."""
        if not self.nominal:
            log_axis(axes, self.sizes, beyond)
            ends = [
                float(self.beside(np.array(self.sizes), steps)[k]) for steps, k in ((-aside - 2, 0), (aside + 2, -1))
            ]
            left, right = axes.get_xlim()
            axes.set_xlim(min(left, ends[0]), max(right, ends[1]))
            return
        names = [drawn(plain(value), _TICK) for value in self.places]
        axes.set_xticks(self.sizes, names)
        if sum(len(name) for name in names) > _LONG:
            for label in axes.get_xticklabels():
                label.set(rotation=25, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(names) - 0.5)

    def show_linear(self, axes: Axes) -> None:
        """A linear horizontal axis from nothing to `DOUBLED` times the largest size."""
        axes.set_xlim(0, DOUBLED * self.sizes[-1] * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: short(size)))


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
    """A panel's title, at its left, `pad` points above it; a long one in two or three lines."""
    lines = textwrap.wrap(visible(text, 3 * _HEADING), _HEADING)
    axes.set_title("\n".join(drawn(line) for line in lines), fontsize=10.5, loc="left", fontweight="bold", pad=pad)


def subtitle(axes: Axes, text: str, lines: int) -> None:
    """Plain words between a panel's title and the panel, in so many lines; the title needs a pad of 13 a line."""
    wrapped = textwrap.wrap(text, _LETTERS, max_lines=lines, placeholder=" …")
    words = "\n".join(drawn(line) for line in wrapped)
    told = axes.text(
        0, 1.015, words, fontsize=8, color="#1f1f1f", transform=axes.transAxes, va="bottom", linespacing=1.1
    )
    # A long one must not squeeze the panel.
    told.set_in_layout(False)


def log_axis(axes: Axes, sizes: list[float], beyond: float) -> None:
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


def short(size: float) -> str:
    """A size for a tick."""
    return f"{size / 1000:.4g} k" if 1000 <= size < 1e6 else thousands(size)


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
