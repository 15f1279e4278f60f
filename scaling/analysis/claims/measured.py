"""Claims that rest on the sizes measured: differences there, and lines between them."""

from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.claims.claim import (
    ALL_TASKS,
    Claim,
    behind,
    chance,
    covers,
    in_points,
    led,
    over,
    percent,
    points,
    span,
    status,
    whole,
)
from scaling.analysis.claims.differences import PAIR, better
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.curves.crossover import needed
from scaling.analysis.curves.fit import LEVEL, Floats, interval
from scaling.analysis.scores.arms import arms
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.metrics import headline, primary
from scaling.analysis.scores.words import place, plain, sized, thousands, unit

Row = dict[str, Any]
_APART = 2.0  # times the smallest size: sizes that lie closer tell nothing of a tenfold


def measured(known: Evidence) -> list[Claim]:
    """What each factor does at every size, and between the smallest and the largest; what the axis brought each arm."""
    axis, diffs = known.design.x, known.differences
    found = _gains(known)
    for pair in known.pairs:
        rows = diffs.table.filter(pl.col(key) == value for key, value in zip(PAIR, _names(pair), strict=True))
        found += [_at_size(row, axis) for row in _asked(rows, pair, axis).iter_rows(named=True)]
        overall = rows.filter(pl.col("kind") == "average", pl.col("scope") == ALL_TASKS).sort("x")
        # An average over other tasks at another size is another quantity: no trend between the two.
        same_tasks = overall["n_tasks"].n_unique() == 1 and overall["low"].is_finite().all()
        if overall.height > 1 and same_tasks and axis.scale == "log":
            x, y = (np.stack([drawn[row] for row in overall["row"]]) for drawn in (diffs.arm_draws, diffs.other_draws))
            found += [one(pair, overall, x, y, axis) for one in (_steeper, _worth, _shrinks)]
    return found


def _names(pair: Pair) -> tuple[str, str, str, str]:
    return pair.factor, *pair.labels, pair.held


def _asked(rows: pl.DataFrame, pair: Pair, axis: Axis) -> pl.DataFrame:
    """The differences that are told: of all tasks everywhere, of parts of them at the ends, of each task at the last.

    What a level is worth beside a baseline is asked of small and large alike; which of equals is best, where it matters
    most: at the largest size. Names along a nominal axis have no ends.
    """
    averages, every = rows.filter(pl.col("kind") == "average"), rows["x"].unique().sort().to_list()
    ends = every if axis.scale == "nominal" else every[-1:] if not pair.baseline else [*every[:1], *every[-1:]]
    told = averages.filter((pl.col("scope") == ALL_TASKS) | pl.col("x").is_in(ends))
    tasks = rows.filter(pl.col("kind") == "task", primary(), pl.col("x").is_in(every if ends == every else every[-1:]))
    return pl.concat([told, tasks]) if averages["n_tasks"].max() != 1 else told


def _at_size(row: Row, axis: Axis) -> Claim:
    """The difference at one size."""
    probability = row["probability"] if np.isfinite(row["probability"]) else None
    return Claim(
        kind="better", **_told(row), scope=row["scope"], at=whole(row["x"]),
        sentence=_at_size_sentence(row, probability, axis), number=100 * row["difference"], unit="points",
        interval=in_points(row["low"], row["high"]), probability=probability, covers=covers(row["n_seeds"]),
        runs=tuple(row["runs"]), status=status(row["low"], row["high"]),
    )  # fmt: skip


def _told(row: Row) -> dict[str, Any]:
    """Whom a row of differences is about."""
    return {name: row[name] for name in PAIR}


def _at_size_sentence(row: Row, probability: float | None, axis: Axis) -> str:
    """The probably better arm comes first; numbers, which keep the pair's order in the claim, are turned with it."""
    names, errors = (row["arm"], row["other"]), (row["error_arm"], row["error_other"])
    difference, low, high = row["difference"], row["low"], row["high"]
    if behind(difference, probability):
        names, errors = names[::-1], errors[::-1]
        difference, low, high = -difference, -high, -low
        probability = None if probability is None else 1 - probability
    subject = f"{names[0]} ({row['held']})" if row["held"] else names[0]
    scope = f"on {row['scope']}" if row["kind"] == "task" else over(row["n_tasks"], row["scope"])
    sentence = (
        f"At {place(axis, row['x'])}, {scope}, {subject} erred in {percent(errors[0])}, "
        f"{names[1]} in {percent(errors[1])}: "
    )
    if probability is None:
        return sentence + "without predictions the noise is unknown, so this cannot be said to be a difference."
    close = "" if status(low, high) == "said" else ", too close to call"
    return sentence + (
        f"a difference of {points(difference)} points ({span(low, high)}; {names[0]} better with probability "
        f"{chance(probability)}){close}."
    )


def _between(rows: pl.DataFrame, axis: Axis, at: int = -1) -> dict[str, Any]:
    """What claims about all sizes of a pair share; `at` is the row of the size that is spoken of."""
    runs = sorted({run for line in rows["runs"] for run in line})
    seeds = int(rows["n_seeds"].to_numpy().min())
    return {**_told(rows.row(0, named=True)), "at": whole(rows["x"][at]), "covers": covers(seeds), "runs": tuple(runs)}


def _steeper(pair: Pair, rows: pl.DataFrame, x: Floats, y: Floats, axis: Axis) -> Claim:
    """Average steepness within the data. Not an exponent, which few sizes and one seed cannot give.

    The sentence names the steeper arm first; the claim's number is always `other`'s fall minus `arm`'s.
    """
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    if last["x"] < _APART * first["x"]:
        text = (
            f"what a tenfold increase brings {last['arm']} and {last['other']} cannot be said: from "
            f"{plain(first['x'])} to {place(axis, last['x'])} is less than {_APART:.0f} times as much."
        )
        return Claim(
            kind="steeper", **_between(rows, axis), sentence=led(pair.held, text), number=None,
            unit="percent per tenfold", status="cannot be said",
        )  # fmt: skip
    tenfolds = np.log10(last["x"] / first["x"])

    def per_tenfold(small: Floats, large: Floats) -> Floats:
        ratio = np.maximum(large, 1e-9) / np.maximum(small, 1e-9)
        return np.asarray(100 * (1 - ratio ** (1 / tenfolds)))

    arm, other = (float(per_tenfold(np.array(first[key]), np.array(last[key]))) for key in ("error_arm", "error_other"))
    drawn = per_tenfold(y[0], y[-1]) - per_tenfold(x[0], x[-1])
    low, high = interval(drawn)
    seeds = int(rows["n_seeds"].to_numpy().min())
    steeper, flatter, ends = (last["other"], other), (last["arm"], arm), (low, high)
    if behind(other - arm, better(drawn)):
        steeper, flatter, ends = flatter, steeper, (-high, -low)
    text = (
        f"between {plain(first['x'])} and {place(axis, last['x'])} each tenfold increase lowers the average error by "
        f"{steeper[1]:.1f} % for {steeper[0]} and by {flatter[1]:.1f} % for {flatter[0]} ({100 * LEVEL:.0f} % interval "
        f"of the difference {ends[0]:+.1f} to {ends[1]:+.1f})."
    ).replace("-", "−")
    if seeds == 1:
        text += (
            f" Whether one scales better cannot be said: {rows.height} sizes with one seed cannot establish "
            "a difference of exponents."
        )
    return Claim(
        kind="steeper", **_between(rows, axis), sentence=led(pair.held, text), number=other - arm,
        unit="percent per tenfold", interval=(low, high), probability=better(drawn),
        status="cannot be said" if seeds == 1 else status(low, high),
    )  # fmt: skip


def _shrinks(pair: Pair, rows: pl.DataFrame, x: Floats, y: Floats, axis: Axis) -> Claim:
    """How an advantage changes between the smallest and the largest size.

    With a baseline the advantage is the level's, else that of the arm ahead at the smallest size; the claim's number is
    always of `arm`'s.
    """
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    number, drawn = first["difference"] - last["difference"], (y[0] - x[0]) - (y[-1] - x[-1])
    low, high = interval(drawn)
    sign = -1 if not pair.baseline and behind(first["difference"], first["probability"]) else 1
    names, ends = pair.labels[::sign], (low, high) if sign > 0 else (-high, -low)
    said, shown = status(low, high), sign * number
    probability = better(drawn)
    verb = "changes" if said == "cannot be said" else "shrinks" if shown > 0 else "grows"
    text = (
        f"the advantage of {names[0]} over {names[1]} {verb} from {points(sign * first['difference'])} points at "
        f"{place(axis, first['x'])} to {points(sign * last['difference'])} at {plain(last['x'])} (a shrinkage of "
        f"{points(shown)}, {span(*ends)}; probability that it shrinks "
        f"{chance(probability if sign > 0 else 1 - probability)}){'' if said == 'said' else ', too close to call'}."
    )
    return Claim(
        kind="shrinks", **_between(rows, axis), sentence=led(pair.held, text), number=100 * number, unit="points",
        interval=in_points(low, high), probability=probability, status=said,
    )  # fmt: skip


def _worth(pair: Pair, rows: pl.DataFrame, x: Floats, y: Floats, axis: Axis) -> Claim:
    """The advantage in units of the axis.

    Beside a baseline: how much more of the axis the worse of the two needs for what the better reaches at the smallest
    size, where a level that is added has most to give. Among equals: how much less the better needs for what the worse
    reaches at the largest size, where one is chosen.
    """
    at = 0 if pair.baseline else -1
    row = rows.row(at, named=True)
    sizes = rows["x"].to_numpy().astype(np.float64)
    errors = {True: (rows["error_arm"].to_numpy(), x), False: (rows["error_other"].to_numpy(), y)}
    ahead = row["difference"] >= 0
    (point, drawn), (goal, goals) = errors[ahead != pair.baseline], errors[ahead == pair.baseline]
    number = float(needed(sizes, point[None], goal[[at]])[0])
    low, high = interval(needed(sizes, drawn.T, goals[at]))
    names = pair.labels if ahead else pair.labels[::-1]
    seeker, model = names[::-1] if pair.baseline else names
    # What rounds to the edge is told as the edge: beyond it nothing was measured.
    number, low, high = (_two_digits(size, sizes) for size in (number, low, high))
    edge = "at most " if number <= sizes[0] else "at least " if number >= sizes[-1] else "about "
    ends = list(dict.fromkeys(_within(end, sizes) for end in (low, high)))
    certain = row["low"] > 0 or row["high"] < 0
    said = certain and not (low <= sizes[0] and high >= sizes[-1])
    text = (
        f"{seeker} would need {sized(axis, edge + thousands(number))} ({100 * LEVEL:.0f} % interval "
        f"{' to '.join(ends)}) for the average error of {model} with {plain(row['x'])}"
        f"{'' if said else ': too uncertain to say'}."
    )
    return Claim(
        kind="worth", **_between(rows, axis, at), sentence=led(pair.held, text), number=number, unit=unit(axis),
        interval=(low, high), probability=None, status="said" if said else "cannot be said",
    )  # fmt: skip


def _within(size: float, sizes: Floats) -> str:
    """An end of an interval; at an edge of the sizes it may lie beyond."""
    beyond = " or less" if size <= sizes[0] else " or more" if size >= sizes[-1] else ""
    return thousands(size) + beyond


def _two_digits(size: float, sizes: Floats) -> float:
    """More digits would claim a precision that an interpolation does not have; what rounds to an edge is the edge."""
    rounded, smallest, largest = (float(f"{value:.2g}") for value in (size, sizes[0], sizes[-1]))
    if smallest < rounded < largest:
        return rounded
    return float(sizes[0] if rounded <= smallest else sizes[-1])


def _gains(known: Evidence) -> list[Claim]:
    """What the whole axis, and the last step along it, brought each arm."""
    axis, draws = known.design.x, known.draws
    found: list[Claim] = []
    if axis.scale == "nominal":
        return found
    cells = headline(draws.cells)
    for arm in arms(cells, known.design):
        mine = cells.filter(arm.rows())
        sizes = mine["x"].unique().sort().to_list()
        mine = mine.filter(pl.Series(np.isfinite(draws.errors[mine["row"]]).all(axis=1)))
        mine = mine.filter(pl.len().over("task") == len(sizes)).sort("x", "task")
        n = mine["task"].n_unique()
        if n == 0 or len(sizes) < 2:
            continue
        shape = (len(sizes), n)
        error = mine["raw"].to_numpy().reshape(shape).mean(axis=1)
        drawn = draws.errors[mine["row"]].reshape(*shape, -1).mean(axis=1)
        total, last = drawn[0] - drawn[-1], drawn[-2] - drawn[-1]
        low, high = interval(last)
        said = status(low, high)
        text = (
            f"from {plain(sizes[0])} to {place(axis, sizes[-1])} the error {over(n)} goes from {percent(error[0])} to "
            f"{percent(error[-1])} (a gain of {points(error[0] - error[-1])} points, {span(*interval(total))}); the "
            f"last step, from {place(axis, sizes[-2])}, brought {points(error[-2] - error[-1])} ({span(low, high)}; "
            f"probability of a gain {chance(better(last))}){'' if said == 'said' else ', too close to call'}."
        )
        found.append(
            Claim(
                kind="gain", arm=arm.name, at=whole(sizes[-1]), sentence=led(arm.name, text),
                number=100 * float(error[-2] - error[-1]), unit="points", interval=in_points(low, high),
                probability=better(last), covers=covers(int(mine["n_seeds"].to_numpy().min())),
                runs=tuple(sorted({run for line in mine["runs"] for run in line})), status=said,
            )
        )  # fmt: skip
    return found
