"""Poolings of the same frames on one panel: another summary of them may turn the arms' order round."""

from dataclasses import dataclass

import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scaling.analysis.report.axes import Along, error_axis, panels_of, style, title
from scaling.analysis.report.escapes import drawn
from scaling.analysis.report.look import GREY, Dashes, Looks, legend
from scaling.analysis.scores.arms import Arm, arm_columns
from scaling.analysis.scores.design import Axis, Design
from scaling.analysis.scores.metrics import METRICS, evaluation_axis
from scaling.analysis.scores.rows import by_size
from scaling.analysis.scores.words import Value, place

_POOLINGS: dict[str, tuple[str, Dashes | None]] = {
    "mean": ("mean of frames", None),
    "attention": ("attention", (0, (4, 2))),
}


@dataclass(frozen=True)
class Poolings:
    """`table`: arm's columns, x, pooling and `error`, the average over `tasks`, those that every arm has under each
    pooling at all its sizes."""

    table: pl.DataFrame
    tasks: list[str]

    def order(self, arms: list[Arm], pooling: str, x: Value) -> list[str]:
        """Names of the arms at a size, the least error first."""
        here = self.table.filter(pl.col("x") == x, pl.col("pooling") == pooling)
        found = {arm.name: mine["error"][0] for arm in arms if not (mine := here.filter(arm.rows())).is_empty()}
        return sorted(found, key=lambda name: found[name])


def poolings(scores: pl.DataFrame, design: Design) -> Poolings | None:
    """The classification tasks under each pooling; None where fewer than two poolings score a task throughout."""
    beside = [name for name, known in METRICS.items() if not known.averaged]
    cells = by_size(scores, design).filter(
        evaluation_axis() == "classification", ~pl.col("metric").is_in(beside), pl.col("pooling").is_in(list(_POOLINGS))
    )
    counts = cells.group_by("task").agg(pl.col("pooling").n_unique().alias("poolings"), pl.len())
    cell = [*arm_columns(design), "x"]
    whole = len(_POOLINGS) * cells.select(cell).n_unique() if not cells.is_empty() else 0
    tasks = counts.filter(poolings=len(_POOLINGS), len=whole)["task"].sort().to_list()
    if not tasks:
        return None
    kept = cells.filter(pl.col("task").is_in(tasks))
    return Poolings(kept.group_by(*cell, "pooling").agg(pl.col("error").mean()).sort(*cell, "pooling"), tasks)


def pooling_caption(found: Poolings, looks: Looks, axis: Axis) -> str:
    """A caption: whether both poolings put the arms into one order at the largest size."""
    largest: Value = found.table["x"].sort()[-1]
    orders = {pooling: found.order(looks.arms, pooling, largest) for pooling in _POOLINGS}
    n = len(found.tasks)
    of = f"Average over the {n} classification tasks" if n > 1 else "The classification task"
    caption = f"{of} with two poolings of the same frames" + (
        ": solid the mean of frames, dashed an attention head." if found.table["x"].n_unique() > 1 else "."
    )
    if len(orders["mean"]) < 2 or axis.scale == "nominal":
        return caption
    if orders["mean"] == orders["attention"]:
        return f"{caption} At {place(axis, largest)} both put the arms into one order: {', '.join(orders['mean'])}."
    return (
        f"{caption} At {place(axis, largest)} the order, least error first, is {', '.join(orders['mean'])} by the mean "
        f"of frames, and {', '.join(orders['attention'])} by attention."
    )


def drawn_poolings(found: Poolings, looks: Looks, design: Design) -> Figure:
    """Every arm's error under each pooling, along the axis; of a single place on it from one pooling to the other."""
    figure, [axes] = panels_of(1, 3.6, 0.75)
    figure.set_figwidth(7.2)
    places = tuple(found.table["x"].unique().sort().to_list())
    style(axes)
    if len(places) == 1:
        for arm in looks.arms:
            of = dict(found.table.filter(arm.rows()).select("pooling", "error").iter_rows())
            axes.plot(range(len(of)), [of[pooling] for pooling in _POOLINGS if pooling in of], **looks.arm(arm))
        axes.set_xticks(range(len(_POOLINGS)), [name for name, _ in _POOLINGS.values()])
        axes.set_xlim(-0.3, len(_POOLINGS) - 0.7)
        below = f"pooling, at {place(design.x, places[0])}"
    else:
        along = Along(design.x, places)
        for arm in looks.arms:
            mine = found.table.filter(arm.rows())
            for pooling, (_, line) in _POOLINGS.items():
                here = mine.filter(pooling=pooling).sort("x")
                axes.plot(along.at(here["x"]), here["error"].to_numpy(), **{**looks.arm(arm), "linestyle": line or "-"})
        along.show(axes)
        lines = [Line2D([], [], color=GREY, linestyle=line or "-", label=name) for name, line in _POOLINGS.values()]
        axes.legend(handles=lines, fontsize=9, frameon=False, loc="best", handlelength=3)
        below = design.x.name
    error_axis(axes, found.table["error"].to_numpy())
    title(axes, f"Error, mean of {len(found.tasks)} tasks" if len(found.tasks) > 1 else "Error")
    figure.supxlabel(drawn(below), fontsize=9.5)
    legend(figure, looks, set())
    return figure
