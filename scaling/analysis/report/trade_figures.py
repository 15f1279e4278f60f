"""What the levels of a factor trade: each one's error at both kinds of task, and those that no other one beats."""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scaling.analysis.claims.claim import ALL_TASKS
from scaling.analysis.claims.trade import KINDS, Scope, Trade
from scaling.analysis.report.axes import new_figure, style, title
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import GREY, Looks, reference_line, reference_name
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.rows import is_retrieval, references
from scaling.analysis.scores.words import capital

_NAME = 34  # letters of a level beside its row
_ROW, _MARGIN = 0.27, 1.35  # inches


def trade_figure(one: Trade, scores: pl.DataFrame, looks: Looks) -> Figure:
    """A row a level, the best on top: its error at each kind of task with its interval; and both kinds against each
    other, with a line through the levels that no other one beats at both.

    Where tasks are of one kind there is one panel. Lines across rows are references.
    """
    kinds = [scope for scope in one.scopes if scope.name in KINDS]
    shown = kinds or [scope for scope in one.scopes if scope.name == ALL_TASKS]
    order = np.argsort(one.scopes[0].error)
    figure = new_figure(9.6 if kinds else 5.2, _MARGIN + _ROW * max(len(order), 6))
    grid = list(figure.subplots(1, 3 if kinds else 1, squeeze=False)[0])
    levels = references(scores).filter(primary())
    for axes, scope in zip(grid, shown, strict=False):
        _rows(axes, one, scope, order.tolist(), looks, named=axes is grid[0])
        of = pl.lit(True) if scope.name not in KINDS else is_retrieval() == (scope.name == KINDS[1])
        _references(axes, levels.filter(of), scope.tasks)
        title(axes, f"{capital(scope.name)}: {scope.tasks} task{'s' * (scope.tasks > 1)}")
        axes.set_xlabel("error", fontsize=9)
    if kinds:
        _front(grid[-1], one, kinds, looks)
    return figure


def _rows(axes: Axes, one: Trade, scope: Scope, order: list[int], looks: Looks, named: bool) -> None:
    for row, arm in enumerate(order):
        look = {**looks.arm(one.arms[arm]), "linestyle": "none"}
        low, high = scope.interval(arm)
        axes.plot([low, high], [row, row], color=str(look["color"]), linewidth=1.4, zorder=2)
        axes.plot(scope.error[arm], row, **look, zorder=3)
    names = [drawn(one.names[arm], _NAME) if named else "" for arm in order]
    axes.set_yticks(range(len(order)), names)
    axes.set_ylim(len(order) - 0.4, -0.6)
    style(axes)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    _percent(axes.xaxis)


def _references(axes: Axes, levels: pl.DataFrame, tasks: int) -> None:
    """As far as they lie where the levels do: chance is far off."""
    left, right = axes.get_xlim()
    reach = right + 0.6 * (right - left)
    table = levels.group_by("reference").agg(pl.col("error").mean(), pl.len()).filter(pl.col("len") == tasks)
    for name, error in table.sort("error").select("reference", "error").iter_rows():
        if left < error < reach:
            axes.axvline(error, color=GREY, linewidth=1, linestyle=reference_line(name), zorder=1)
            axes.text(
                error, axes.get_ylim()[0], f" {reference_name(name)}", rotation=90, fontsize=7.5, color=GREY,
                va="bottom", ha="right",
            )  # fmt: skip


def _front(axes: Axes, one: Trade, kinds: list[Scope], looks: Looks) -> None:
    across, up = kinds
    for arm, level in enumerate(one.arms):
        look = {**looks.arm(level), "linestyle": "none"}
        thin: dict[str, Any] = {"color": str(look["color"]), "linewidth": 0.6, "alpha": 0.35, "zorder": 1}
        axes.plot(across.interval(arm), [up.error[arm]] * 2, **thin)
        axes.plot([across.error[arm]] * 2, up.interval(arm), **thin)
        axes.plot(across.error[arm], up.error[arm], **look, zorder=3)
    on = sorted((float(across.error[arm]), float(up.error[arm])) for arm, best, _ in one.front() if best)
    axes.step([x for x, _ in on], [y for _, y in on], where="post", color="#1f1f1f", linewidth=1, zorder=2)
    style(axes)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    axes.set_xlabel(f"error at {across.name}", fontsize=9)
    axes.set_ylabel(f"error at {up.name}", fontsize=9)
    title(axes, "Both at once")


def _percent(axis: Any) -> None:
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:.3g} %"))
