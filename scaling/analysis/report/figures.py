"""The figures of a report, with their names and captions: this is where a further figure is added."""

from dataclasses import dataclass, replace
from itertools import count

import polars as pl
from matplotlib.figure import Figure

from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.trade import trades
from scaling.analysis.curves.crossover import CLAIMED, NEAR
from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.report.axes import MOST_PANELS
from scaling.analysis.report.contrasts import Contrast, contrasts
from scaling.analysis.report.drawings import (
    crossover,
    differences_by_task,
    summary,
    task_curves,
)
from scaling.analysis.report.further_figures import MOST_TASKS, decisions_and_tasks, two_stages
from scaling.analysis.report.look import MOST_ARMS, Looks
from scaling.analysis.report.poolings import drawn_poolings, pooling_caption, poolings
from scaling.analysis.report.surface_figures import best_values, repetition, sizes_and_data
from scaling.analysis.report.trade_figures import trade_figure
from scaling.analysis.scores.arms import arms
from scaling.analysis.scores.metrics import AXES, evaluation_axis, primary
from scaling.analysis.scores.rows import domains, tasks, trained
from scaling.analysis.scores.words import capital, factor_name, place, tenfold

_SLUG = 120  # bytes of a file's name
_MOST = 12  # figures of a kind, and arms of one over two axes
_LEVEL = f"{100 * LEVEL:.0f} %"
_BARS = "Thin bars: standard errors (test clips and seeds), thick ones: of the test clips alone, dots: single seeds."
_LINES = (
    "Lines are predictions, pooled over laws and windows of sizes (the faint lines), dashed beyond the data (to "
    f"{BEYOND} times the largest size). Shaded, and as bars at the right: where a new run falls at the end of the "
    "line, with the level aimed at and the share that such bands really held. Crosses, beside the largest size: "
    "what the smaller sizes alone predict of it. Points joined by dots: one or two sizes, which predict nothing."
)


@dataclass(frozen=True)
class Named:
    """A figure, the name of its file (without an ending) and what it shows."""

    name: str
    caption: str
    figure: Figure


def figures(known: Evidence, curves: pl.DataFrame) -> list[Named]:
    """Every figure, the summary first. `curves` as `curves.parquet`."""
    looks = Looks(known.draws.cells, known.design)
    found = [_summary(known, looks), *_trades(known, looks), *_asked(known), *_poolings(known, looks)]
    found += [*_curves(known, curves), *_differences(known, looks), *_crossovers(known, looks)]
    found += _further(known, looks)
    names = _slugs([one.name for one in found])
    return [Named(name, one.caption, one.figure) for name, one in zip(names, found, strict=True)]


def _summary(known: Evidence, looks: Looks) -> Named:
    each = "value" if known.design.x.scale == "nominal" else "size"
    caption = (
        f"{_averages(known)}. Left: error at each {each} (lower is better). Right: what one arm gains over the "
        f"other, in points of error, with {_LEVEL} intervals; above 0 it is better."
    )
    if not known.pairs:
        caption = f"{_averages(known)}: error at each {each} (lower is better)."
    caption += _others([one.name for one in contrasts(known.pairs)], MOST_PANELS - 1, "differences.csv")
    caption += _others(_names(known), MOST_ARMS, "curves.csv")
    return Named("summary", caption, summary(known, looks))


def _averages(known: Evidence) -> str:
    """What the summary is over: no average runs across axes of evaluation."""
    main = known.draws.cells.filter(primary())
    axes = [axis for axis in AXES if not main.filter(evaluation_axis() == axis).is_empty()]
    return "Averages over all tasks" if len(axes) < 2 else f"Averages over the {axes[0]} tasks"


def _asked(known: Evidence) -> list[Named]:
    """What a second or a nominal axis was made to ask."""
    design, planes = known.design, known.planes
    undrawn = _others([one.arm.name for one in planes], _MOST, "surfaces.parquet")
    if planes and planes[0].repeats:
        caption = (
            "Left: error against clips seen, a line a number of unique clips; the law fitted to all (dashed: if every "
            "clip were new). Right: how many new clips one is worth that was seen so often, by that law, with "
            f"{_LEVEL} intervals."
        )
        return [Named("repetition", caption + undrawn, repetition(planes[:_MOST]))]
    if planes:
        caption = (
            f"Left: error against {planes[0].data.name}, a line a size; the surface fitted to all. Right: that surface "
            f"as contours of equal error, and the size that errs least for each compute, with {_LEVEL} intervals along "
            "the line of equal compute; nothing is drawn where it lies on the edge of the sizes measured."
        )
        return [Named("surface", caption + undrawn, sizes_and_data(planes[:_MOST]))]
    if known.values:
        caption = f"Error at each value of {design.x.name}, averages over tasks, with {_LEVEL} intervals."
        caption += _others([one.arm.name for one in known.values], MOST_PANELS, "claims.json")
        return [Named("best-value", caption, best_values(known.values[:MOST_PANELS], design.x))]
    return []


def _trades(known: Evidence, looks: Looks) -> list[Named]:
    """Where several levels stand beside each other: which is best at what."""
    found = []
    for one in trades(known.draws, known.design)[:_MOST]:
        held = f" ({one.held})" if one.held else ""
        where = place(known.design.x, one.at)
        caption = (
            f"{capital(factor_name(one.factor.name))}{held} at {where}: error of each level with {_LEVEL} intervals, "
            "the best over all tasks on top."
        )
        if one.front():
            caption += (
                " Right: errors at both kinds of task against each other; the line runs through those that no other "
                "one beats at both."
            )
        name = f"trade-{one.factor.name}{f'-{one.held}' if one.held else ''}"
        found.append(Named(name, caption, trade_figure(one, known.scores, looks)))
    return found


def _poolings(known: Evidence, looks: Looks) -> list[Named]:
    found = poolings(known.scores, known.design)
    if found is None:
        return []
    return [
        Named("poolings", pooling_caption(found, looks, known.design.x), drawn_poolings(found, looks, known.design))
    ]


def _curves(known: Evidence, curves: pl.DataFrame) -> list[Named]:
    """Tasks, a figure a domain; linear axes too where there is a scale."""
    scores, design = known.scores, known.design
    nominal = design.x.scale == "nominal"
    legend = f" {_BARS}" if nominal else f" {_BARS} {_LINES}"
    found = []
    rows = trained(scores, design)
    cells = known.draws.cells
    every, more = domains(rows), _others(_names(known), MOST_ARMS, "curves.csv")
    for domain in every[:_MOST]:
        undrawn = _others([task for task, of in tasks(rows) if of == domain], MOST_PANELS, "curves.csv")
        caption = f"{capital(domain)}: error against {design.x.name}.{undrawn}{more}{legend}"
        if domain in every[_MOST - 1 : _MOST]:
            caption += _others(every, _MOST, "curves.csv")
        found.append(Named(f"curves-{domain}", caption, task_curves(scores, curves, design, domain)))
        if not nominal and cells["x"].n_unique() > 1:
            figure = task_curves(scores, curves, design, domain, linear=True)
            caption = f"{capital(domain)}: the same on linear axes, to twice the largest size."
            found.append(Named(f"curves-{domain}-linear", caption, figure))
        legend = ""
    return found


def _differences(known: Evidence, looks: Looks) -> list[Named]:
    """Levels against each other, task by task."""
    found = []
    table = known.differences.table
    every = [one for one in contrasts(known.pairs) if not one.rows(table).is_empty()]
    for contrast in every[:_MOST]:
        caption = (
            f"{_heading(contrast)}, task by task: difference in points of error with {_LEVEL} intervals. Where the "
            "bar crosses 0, the task cannot tell the two apart."
        )
        rows = contrast.rows(table).filter(pl.col("kind") == "task", primary())
        names = [task for task, _ in tasks(rows.with_columns(pl.col("scope").alias("task")))]
        caption += _others(names, MOST_PANELS, "differences.csv")
        figure = differences_by_task(contrast, table, looks, known.design)
        found.append(Named(f"difference-{_file(contrast)}", caption, figure))
    return _with_note(found, every, "differences.csv")


def _crossovers(known: Evidence, looks: Looks) -> list[Named]:
    """Levels against each other, and where their averages cross."""
    found = []
    several = {two.pair: two for two in known.twins if two.sizes.size > 1}
    every = [one for one in contrasts(known.pairs) if any(pair in several for pair in one.pairs)]
    for contrast in every[:_MOST]:
        those = [several[pair] for pair in contrast.pairs if pair in several]
        caption = (
            f"{_heading(contrast)}: the law of both arms’ average error, {_LEVEL} intervals of it from resampled "
            f"seeds and test clips, to {tenfold(known.design.x, NEAR)}, and where they cross: drawn where the "
            f"probability is at least {100 * CLAIMED:.0f} %, with its interval. Points joined by dots: nothing fitted."
        )
        caption += _others([contrast.series(two.pair) for two in those], MOST_PANELS, "claims.json")
        figure = crossover(contrast, those, looks, known.design)
        found.append(Named(f"crossover-{_file(contrast)}", caption, figure))
    return _with_note(found, every, "claims.json")


def _further(known: Evidence, looks: Looks) -> list[Named]:
    """What else is asked, of studies with the runs for it."""
    found, axis = [], known.design.x
    if known.decisions.at:
        caption = (
            f"Left: the share of pairs of arms that a size orders as {place(axis, known.decisions.largest)} do, task "
            f"by task with {_LEVEL} intervals (dots), and by the average over tasks (squares)."
        )
        if known.signals:
            caption += (
                f" Right: how far the arms’ errors lie apart on a task, over noise, with {_LEVEL} intervals; open and "
                "grey where the task does not tell them apart."
            )
            names = [one.task for one in sorted(known.signals, key=lambda one: -one.ratio)]
            caption += _others(names, MOST_TASKS, "claims.json")
        found.append(Named("decisions", caption, decisions_and_tasks(known.decisions, known.signals, axis)))
    if known.stages.arms:
        caption = (
            f"Averages over tasks. Left: error by size; crosses: the largest size as the smaller ones predict it, and "
            f"{BEYOND} times it, directly and by two stages, with {_LEVEL} intervals for a new run. Right: error by "
            f"the loss on the holdout, and the link between them, dashed to the loss that is predicted at {BEYOND} "
            "times the largest size."
        )
        caption += _others([one.arm.name for one in known.stages.arms], MOST_ARMS, "claims.json")
        found.append(Named("two-stages", caption, two_stages(known.stages, looks, axis)))
    return found


def _with_note(found: list[Named], every: list[Contrast], where: str) -> list[Named]:
    """The figures of the first contrasts, the last one telling of the others."""
    note = _others([_heading(one) for one in every], _MOST, where)
    return [*found[:-1], *(replace(one, caption=one.caption + note) for one in found[-1:])]


def _others(names: list[str], most: int, where: str) -> str:
    """What is not drawn, in words; "" where all is."""
    if len(names) <= most:
        return ""
    return (
        f" Of {len(names):,}, the first {most} are drawn, to {names[most - 1]}; the other {len(names) - most:,}, from "
        f"{names[most]} to {names[-1]}, stand in {where}."
    )


def _names(known: Evidence) -> list[str]:
    return [arm.name for arm in arms(known.draws.cells, known.design)]


def _heading(contrast: Contrast) -> str:
    return capital(f"{factor_name(contrast.factor)}: {contrast.name}" if contrast.levels else contrast.name)


def _file(contrast: Contrast) -> str:
    return f"{contrast.factor}-{contrast.name}" if contrast.levels else contrast.name


def _slugs(names: list[str]) -> list[str]:
    """Names for files, none twice, also where capitals make no difference."""
    found: dict[str, str] = {}
    for told in names:
        letters = "".join(c if c.isalnum() or c in "-_" else "-" for c in told)
        slug = "-".join(part for one in letters.split("-") if (part := one.strip("_")))
        slug = slug.encode()[:_SLUG].decode(errors="ignore") or "figure"
        free = (f"{slug}-{n}" if n > 1 else slug for n in count(1))
        name = next(one for one in free if one.lower() not in found)
        found[name.lower()] = name
    return list(found.values())
