"""What one pair of axes shows: an arm's curve, differences by size, or where two arms cross."""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from scaling.analysis.claims.claim import chance
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.claims.twins import Twins
from scaling.analysis.curves.crossover import FAR, NEAR, STAYS, Crossover
from scaling.analysis.curves.fit import LEVEL, Floats
from scaling.analysis.report.axes import Along, error_axis, log_axis, style, subtitle, title
from scaling.analysis.report.contrasts import of_pair
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import GREY, Dashes, Look, Looks
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.words import capital, sized, tenfold, thousands, two_digits

_LINES = ("line_x", "line", "line_low", "line_high")
_NAME = 36  # letters of a name in a panel's legend
_DODGE = 0.025  # of the axis, between marks that would lie on each other
_WIDEST = 2.5  # steps to either side that series of differences may take
_BESIDE = 5 / 72  # inches from a mean to its seeds
_BANDS: list[tuple[str, Dashes]] = [("", (0, (3, 2))), ("////", (0, (1, 1.2)))]  # two arms' hatches and dashes


def draw_points(
    axes: Axes, cells: pl.DataFrame, runs: pl.DataFrame, look: Look, along: Along, aside: float = 0
) -> None:
    """Mean errors of one arm; thick bars: test clips alone, thin bars: test clips and seeds, dots beside: each seed.

    Args:
        cells: rows of `by_size`.
        runs: the scores behind them, as from `trained`.
        look: as from `Looks.arm`.
        aside: by how many small steps they are moved.
    """
    x, y = along.beside(along.at(cells["x"]), aside), cells["error"].to_numpy()
    colour = str(look["color"])
    axes.errorbar(x, y, cells["stderr"].to_numpy(), **{**look, "linestyle": "none"}, elinewidth=0.8, zorder=3)
    probe = cells["probe"].to_numpy()
    axes.vlines(x, np.maximum(y - probe, 1e-9), y + probe, color=colour, linewidth=2.6, alpha=0.45, zorder=2.5)
    if cells["n_seeds"].to_numpy().max() > 1:
        beside = axes.transData + ScaledTranslation(-_BESIDE, 0, axes.figure.dpi_scale_trans)
        axes.plot(
            along.beside(along.at(runs["x"]), aside), runs["error"].to_numpy(), ".", color=colour, markersize=3.5,
            markeredgewidth=0, zorder=2.8, transform=beside,
        )  # fmt: skip


def draw_curve(axes: Axes, row: dict[str, Any], look: Look, dashes: Dashes) -> Floats:
    """Draw one row of `curves.parquet`; returns the errors of its line."""
    line: dict[str, Any] = {"color": str(look["color"]), "linewidth": float(look["linewidth"]), "zorder": 2}
    x, y, low, high = (np.array(row[name], dtype=np.float64) for name in _LINES)
    axes.fill_between(x, low, high, color=line["color"], alpha=0.07, linewidth=0, zorder=1)
    for window in row["windows"]:
        axes.plot(x, np.array(window, dtype=np.float64), color=line["color"], linewidth=0.5, alpha=0.35, zorder=1)
    inside = x <= row["largest"] * 1.0001
    edge = max(int(inside.sum()) - 1, 0)
    axes.plot(x[inside], y[inside], **line)
    axes.plot(x[edge:], y[edge:], linestyle=dashes, **line)
    return y


def has_band(row: dict[str, Any]) -> bool:
    """Whether a row of `curves.parquet` has a band."""
    return bool(row["line_low"]) and bool(np.isfinite(row["line_low"][-1]))


def draw_ends(axes: Axes, rows: list[dict[str, Any]], looks: list[Look]) -> None:
    """Beside the largest size: crosses where the smaller sizes predict it; at the right end: each arm's band.

    Bands of several arms lie over each other; their ends, side by side, can be told apart without colour.
    """
    left, right = axes.get_xlim()
    step = (right / left) ** _DODGE
    banded = []
    for row, look in zip(rows, looks, strict=True):
        if row["held_out"] is not None:
            x = row["largest"] * step
            axes.plot(x, row["held_out"], "x", color=look["color"], markersize=5, zorder=4)
        if has_band(row):
            banded.append((row, look))
    for k, (row, look) in enumerate(banded):
        y, low, high = (row[name][-1] for name in _LINES[1:])
        axes.errorbar(
            row["line_x"][-1] * step ** (k + 1), y, [[y - low], [high - y]],
            **{**look, "markersize": 3.5, "markeredgewidth": 0.8}, elinewidth=0.7, capsize=2, capthick=0.7, zorder=3,
        )  # fmt: skip
    axes.set_xlim(left, right * step ** max(len(banded) - 0.5, 0))


def draw_coverage(axes: Axes, curves: pl.DataFrame) -> None:
    """Under the title: the level aimed at, and what such bands held at the right end of the panel."""
    known = curves.filter(pl.col("covered").is_not_null()).sort("covered").head(1)
    for level, covered, stderr in known.select("level", "covered", "covered_stderr").iter_rows():
        text = f"{100 * level:.0f} % bands held {100 * covered:.0f} ± {100 * stderr:.0f} %"
        axes.text(0, 1.01, text, fontsize=7, color=GREY, transform=axes.transAxes, va="bottom")


def draw_differences(axes: Axes, rows: pl.DataFrame, along: Along, series: list[tuple[Pair, Look]]) -> None:
    """Differences in points by size; the series are drawn beside each other, not over each other."""
    axes.axhline(0, color="#404040", linewidth=0.9)
    apart = min(1, _WIDEST / max(len(series) - 1, 1))
    for k, (pair, look) in enumerate(series):
        mine = rows.filter(of_pair(pair)).sort("x")
        x = along.beside(along.at(mine["x"]), apart * (2 * k - len(series) + 1))
        y = 100 * mine["difference"].to_numpy()
        axes.plot(x, y, **{**look, "linestyle": "none" if along.nominal else "-"})
        axes.vlines(x, 100 * mine["low"].to_numpy(), 100 * mine["high"].to_numpy(), color=look["color"], linewidth=1.1)
    style(axes)
    along.show(axes, aside=apart * (len(series) - 1))


def draw_crossover(axes: Axes, two: Twins, heading: str, looks: Looks, axis: Axis) -> None:
    """Two arms' curves with intervals of level `LEVEL`, up to `NEAR` times the data or to where they cross; points
    joined by dots where `two.why` says why there are no curves. `heading` is the panel's."""
    sizes = np.union1d(two.arm.sizes, two.other.sizes)
    largest = sizes[-1]
    reach = NEAR
    if not two.why and two.crossover.claimed and 0.8 * NEAR * two.largest < two.crossover.at < np.inf:
        reach = FAR
    shown = two.x <= reach * two.largest * 1.0001
    x, errors = two.x[shown], [two.arm.error, two.other.error]
    within = x <= two.largest * 1.0001
    for k, (arm, name, (hatch, dashes)) in enumerate(zip((two.arm, two.other), two.pair.labels, _BANDS, strict=True)):
        look = looks.arm(arm.arm)
        colour = str(look["color"])
        if not two.why:
            low, line, high = np.exp(np.quantile(two.ln[k][:, shown], [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0))
            axes.fill_between(
                x, low, high, facecolor="none" if hatch else colour, edgecolor=colour, hatch=hatch, alpha=0.22,
                linewidth=0.4, zorder=1,
            )  # fmt: skip
            axes.plot(x[within], line[within], color=colour, linewidth=1.5, zorder=2)
            axes.plot(x[~within], line[~within], color=colour, linewidth=1.5, linestyle=dashes, zorder=2)
            errors.append(line)
        else:
            axes.plot(arm.sizes, arm.error, ":", color=colour, linewidth=1.1, zorder=2)
        axes.plot(arm.sizes, arm.error, **{**look, "linestyle": "none"}, label=drawn(name, _NAME), zorder=3)
    axes.axvline(largest, color="#9a9a9a", linewidth=0.8, linestyle=(0, (1, 2)))
    style(axes)
    log_axis(axes, sizes.tolist(), beyond=reach)
    error_axis(axes, np.concatenate(errors))
    if not two.why and two.crossover.claimed:
        _mark(axes, two.crossover, reach * two.largest)
    title(axes, capital(heading or two.pair.name), pad=28)
    subtitle(axes, _said(two, axis), 2)
    legend = axes.legend(fontsize=8.5, loc="upper right", handletextpad=0.3, framealpha=1, edgecolor="white")
    legend.set_zorder(4)


def _mark(axes: Axes, at: Crossover, reach: float) -> None:
    """A crossover and its interval, above the axis."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    y = bottom * (top / bottom) ** 0.05
    if 0 < at.at < np.inf:
        axes.axvline(at.at, color="#1f1f1f", linewidth=0.8)
        axes.plot(at.at, y, "|", color="#1f1f1f", markersize=9)
    axes.plot([max(at.low, left), min(at.high, reach, right)], [y, y], color="#1f1f1f", linewidth=2.4,
              solid_capstyle="butt")  # fmt: skip


def _said(two: Twins, axis: Axis) -> str:
    """What can be said of the crossover, for a title."""
    if two.why:
        return f"cannot be said: {two.why}"
    at = two.crossover
    behind = two.pair.labels[1 - at.ahead]
    if at.claimed:
        ends = [f"{thousands(two.sizes[0])} or less" if at.low == 0 else _size(at.low), _size(at.high)]
        where = f"at {sized(axis, f'about {_size(at.at)}')}" if at.at else "below the smallest size"
        return f"{behind} would overtake {where} ({100 * LEVEL:.0f} %: {' to '.join(ends)})"
    if at.none_near >= STAYS:
        leads = two.pair.labels[at.leads]
        return f"{leads} would stay ahead to {tenfold(axis, NEAR)} (probability {chance(at.none_near)})"
    return (
        f"cannot be said: probability {chance(at.probability)} that {behind} would overtake within {tenfold(axis, FAR)}"
    )


def _size(size: float) -> str:
    return two_digits(size) if np.isfinite(size) else "no upper end"
