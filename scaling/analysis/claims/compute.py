"""How much less compute one arm needs for another's error: the compute-equivalent gain (Davidson et al. 2023).

Asked where runs along the axis cost more and more, in floating-point operations or, where these are not known, in
samples seen: not where every size trains the same number of steps. The goal is what the arm that errs more in the end
reaches there, so that the other is asked for what lies inside its data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from scaling.analysis.claims.averages import Average, Averages, averages
from scaling.analysis.claims.claim import ALL_TASKS, Claim, Ends, chance, led, whole
from scaling.analysis.claims.differences import PAIR, Differences
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.curves.crossover import needed, overtaken, share, sought
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.rows import trained
from scaling.analysis.scores.words import place, power, thousands, two_digits

Unit = Literal["flops", "samples_seen"]
NAMES: dict[Unit, tuple[str, str]] = {"flops": ("compute", "FLOPs"), "samples_seen": ("samples seen", "samples seen")}
"""What is needed, and what it is counted in."""
_NEXT = 1 + 1e-9
_GROWS = 1.05  # times the size before: less is no more compute
_QUANTILES = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]


@dataclass(frozen=True)
class Gain:
    """One pair.

    Attributes:
        pair: which two arms.
        better: 0 or 1, the arm that errs less at its largest compute: what it needs is asked.
        unit: of the compute.
        x, compute: where the other reaches the goal: its largest place on the axis, and what that costs.
        most: how many times less the smallest run of the better costs: beyond that nothing was measured.
        number, low, high: how many times less `pair.arm` needs than `pair.other`; 0 and inf where the data have no end.
        probability: that this is above 1.
        covers, runs: behind it.
        by_law: whether by the arms' curves; else by lines between the sizes measured.
    """

    pair: Pair
    better: int
    unit: Unit
    x: float
    compute: float
    most: float
    number: float
    low: float
    high: float
    probability: float
    covers: str
    runs: tuple[str, ...]
    by_law: bool


def gains(draws: Draws, scores: pl.DataFrame, design: Design, compared: list[Pair], told: Differences) -> list[Gain]:
    """Every pair of which both arms' runs cost more along the axis; by curves where there are several seeds."""
    if design.x.scale == "nominal" or not compared:
        return []
    known = _costs(draws, scores, design)
    if known is None:
        return []
    unit, costs = known
    found = averages(draws, design, costs)
    gained = []
    for pair in compared:
        if pair.arm not in costs or pair.other not in costs or pair.arm not in found.of:
            continue
        two = found.of[pair.arm], found.of[pair.other]
        if not two[0].why and not two[1].why:
            gained.append(_by_law(pair, found, two, unit, costs))
        elif (one := _within(pair, told, unit, costs)) is not None:
            gained.append(one)
    return gained


Costs = Mapping[Arm, Mapping[float, float]]


def _costs(draws: Draws, scores: pl.DataFrame, design: Design) -> tuple[Unit, Costs] | None:
    """What a run of each arm costs by its place on the axis; None where that is not known or does not grow, or is the
    axis."""
    rows, there = trained(scores, design), arms(draws.cells.filter(primary()), design)
    units: tuple[Unit, ...] = ("flops", "samples_seen")
    for unit in units:
        if design.x.column == unit:
            return None
        costs = {}
        for arm in there:
            mine = rows.filter(arm.rows()).group_by("x").agg(pl.col(unit).cast(pl.Float64).mean()).sort("x")
            by_size = {float(x): cost for x, cost in mine.rows()}
            grows = all(cost is not None and cost > 0 for cost in by_size.values())
            if grows and all(after >= _GROWS * before for before, after in pairwise(by_size.values())):
                costs[arm] = by_size
        if len(costs) == len(there):
            return unit, costs
    return None


def _by_law(pair: Pair, found: Averages, two: tuple[Average, Average], unit: Unit, costs: Costs) -> Gain:
    last = [float(one.sizes[-1]) for one in two]
    ends = [found.log_error(one, one.sizes[-1:])[:, 0] for one in two]
    better = int(np.median(ends[0] - ends[1]) > 0)
    mine, other = two[better], two[1 - better]
    x = sought(float(mine.sizes[0]), last[better])
    reached = overtaken(x, found.log_error(mine, x) - ends[1 - better][:, None])
    times = _times(last[1 - better], reached, better)
    low, number, high = np.quantile(times, _QUANTILES, method="inverted_cdf").tolist()
    at = max(costs[other.arm], key=lambda size: costs[other.arm][size])
    return Gain(
        pair, better, unit, at, last[1 - better], last[1 - better] / float(mine.sizes[0]), number, low, high,
        share(times > 1), found.covers, tuple(sorted({*mine.runs, *other.runs})), True,
    )  # fmt: skip


def _within(pair: Pair, told: Differences, unit: Unit, costs: Costs) -> Gain | None:
    """Between the sizes that both were measured at, for all of which the noise is known."""
    wanted = dict(zip(PAIR, (pair.factor, *pair.labels, pair.held), strict=True))
    rows = told.table.filter(*(pl.col(key) == value for key, value in wanted.items()))
    rows = rows.filter(pl.col("kind") == "average", pl.col("scope") == ALL_TASKS).sort("x")
    if rows.height < 2 or rows["n_tasks"].n_unique() > 1 or not rows["low"].is_finite().all():
        return None
    places = [float(x) for x in rows["x"]]
    compute = [np.array([costs[arm][x] for x in places]) for arm in (pair.arm, pair.other)]
    errors = [rows[name].to_numpy() for name in ("error_arm", "error_other")]
    drawn = [np.stack([of[row] for row in rows["row"]]) for of in (told.arm_draws, told.other_draws)]
    better = int(errors[0][-1] > errors[1][-1])
    own, goal = compute[better], float(compute[1 - better][-1])

    def times(error: Floats, wanted: Floats) -> Floats:
        reached = needed(own, error, wanted)
        # What lies at an end of the sizes may lie beyond.
        reached = np.where(reached <= own[0] * _NEXT, 0.0, np.where(reached >= own[-1] / _NEXT, np.inf, reached))
        return _times(goal, reached, better)

    number = float(times(errors[better][None], errors[1 - better][-1:])[0])
    every = times(drawn[better].T, drawn[1 - better][-1])
    low, _, high = np.quantile(every, _QUANTILES, method="inverted_cdf").tolist()
    runs = tuple(sorted({run for line in rows["runs"] for run in line}))
    seeds = int(rows["n_seeds"].to_numpy().min())
    covers = "test clips" if seeds > 1 else "test-clip sampling noise; one seed: seed noise unknown"
    return Gain(
        pair, better, unit, places[-1], goal, goal / float(own[0]), number, min(low, number), max(high, number),
        share(every > 1), covers, runs, False,
    )  # fmt: skip


def _times(goal: float, reached: Floats, better: int) -> Floats:
    """(r,) how many times less arm 0 needs, where the better one needs `reached` for what costs the other `goal`."""
    with np.errstate(divide="ignore"):
        return np.asarray(goal / reached if better == 0 else reached / goal)


def gained(found: list[Gain], design: Design) -> list[Claim]:
    """A claim a pair."""
    return [_claim(one, design) for one in found]


def _claim(one: Gain, design: Design) -> Claim:
    names = one.pair.labels
    seeker, model = names[one.better], names[1 - one.better]
    probability = one.probability if one.better == 0 else 1 - one.probability
    (of, unit), (less, span) = NAMES[one.unit], _less(one)
    said = one.low > 1 or one.high < 1
    text = (
        f"{'by their curves ' if one.by_law else ''}{seeker} would need {less} {of} for the average error of {model} "
        f"with {place(design.x, one.x)} and {amount(one)} {unit} ({span}; less with "
        f"probability {chance(probability)}){'.' if said else ': too uncertain to say which needs less.'}"
    )
    inside = 0 < one.number < np.inf
    # Beyond the smallest run nothing is told apart.
    low, high = min(one.low, one.most), max(one.high, 1 / one.most)
    interval: Ends = (low if low > 0 else None, high if high < np.inf else None)
    return Claim(
        kind="compute_gain", factor=one.pair.factor, arm=names[0], other=names[1], held=one.pair.held, at=whole(one.x),
        sentence=led(one.pair.held, text), number=one.number if inside else None, unit=f"times less {of}",
        interval=None if interval == (None, None) else interval, probability=one.probability, covers=one.covers,
        runs=one.runs, status="said" if said else "cannot be said",
    )  # fmt: skip


def amount(one: Gain) -> str:
    """What the other arm's largest run costs."""
    return power(one.compute) if one.unit == "flops" else thousands(float(f"{one.compute:.3g}"))


def _less(one: Gain) -> tuple[str, str]:
    """How many times less the better arm needs, or how many times more, with the interval."""
    turned = one.better == 1
    less = (one.number >= 1) != turned or one.number == 1
    with np.errstate(divide="ignore"):
        ends = np.array([one.number, one.low, one.high]) ** (-1.0 if turned == less else 1.0)
    number, (low, high) = float(ends[0]), sorted(ends[1:].tolist())
    about = "over " if number == np.inf else ""
    number = min(number, one.most) if less else number
    start = f"over {_digits(one.most)}" if low == np.inf else _digits(low) if low else "none"
    end = f"to {_digits(high)}" if high < np.inf else "without an upper end"
    end = "and more" if low == np.inf else end
    return f"{about}{_digits(number)} times {'less' if less else 'more'}", f"{100 * LEVEL:.0f} % interval {start} {end}"


def _digits(times: float) -> str:
    return f"{times:.2g}" if times < 100 else two_digits(times)
