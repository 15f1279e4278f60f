"""Given results so far: which next run narrows a claim about two arms most, per GPU-hour.

Each candidate is one more run of an arm at a size of the study. What it would bring is simulated: mean errors are
drawn about the fitted curves with the seeds' noise over the root of the number of runs, with and without the candidate,
all sizes are refitted, and the widths of the claim's intervals compared. The same random numbers serve all candidates,
so that what differs between them is the runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from scaling.analysis.curves.crossover import NEAR, crossover, sought
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import interval
from scaling.analysis.curves.pool import FEWEST
from scaling.analysis.curves.replicate import Replicates, replicate
from scaling.analysis.plan.cost import Cost
from scaling.analysis.plan.grid import refuse_noise
from scaling.analysis.scores.arms import arm_columns, arms
from scaling.analysis.scores.design import Axis, Design
from scaling.analysis.scores.metrics import headline
from scaling.analysis.scores.rows import by_size, trained
from scaling.errors import StudyError

Question = Literal["crossover", "exponents"]

RESAMPLES = 1000


@dataclass(frozen=True)
class ArmSoFar:
    """What is known of one arm: its sizes (n,), mean errors (n,), and runs (n,) behind each."""

    name: str
    sizes: Floats
    errors: Floats
    runs: Floats


@dataclass(frozen=True)
class SoFar:
    """Results so far.

    Attributes:
        axis: what sizes count.
        arms: with three sizes or more each.
        noise: standard deviation of a run's ln error over seeds; NaN where no size has two.
        cost: what runs cost.
    """

    axis: Axis
    arms: tuple[ArmSoFar, ...]
    noise: float
    cost: Cost


@dataclass(frozen=True)
class Candidate:
    """One more run: its arm, size, which seed of it, its cost, and the claim's interval with it over that without."""

    arm: str
    size: float
    seed: int
    hours: float
    width: float

    @property
    def gain(self) -> float:
        """Share of the interval's width that a GPU-hour takes away."""
        return (1 - self.width) / self.hours


def so_far(scores: pl.DataFrame, design: Design) -> SoFar:
    """Errors averaged over the tasks of one axis of evaluation (`metrics.headline`), a run each; runs that
    lack a task are left out.

    Raises:
        StudyError: mixed protocols, an axis without laws, or fewer than two arms with three sizes.
    """
    if design.x.scale == "nominal":
        raise StudyError(f"no law holds along {design.x.name}, so none can tell what a next run would bring")
    by_size(scores, design)  # refuses mixed protocols
    rows, columns = headline(trained(scores, design)), arm_columns(design)
    n = rows["task"].n_unique()
    runs = rows.group_by(*columns, "x", "seed").agg(
        pl.col("error").mean(), pl.col("samples_seen").mean().alias("samples"), pl.col("flops").mean(),
        pl.col("task").n_unique().alias("tasks"),
    )  # fmt: skip
    runs = runs.filter(pl.col("tasks") == n).with_columns(pl.col("error").log().alias("ln"))
    cells = runs.group_by(*columns, "x").agg(
        pl.col("error", "samples", "flops").mean(), pl.len().alias("runs"),
        ((pl.col("ln") - pl.col("ln").mean()) ** 2).sum().alias("squares"),
    )  # fmt: skip
    found, costs = [], []
    for arm in arms(rows, design):
        mine = cells.filter(arm.rows()).sort("x")
        costs.append(mine.select(pl.lit(arm.name).alias("arm"), "x", "samples", "flops"))
        if mine.height >= FEWEST:
            sizes, errors, count = (mine[col].to_numpy().astype(np.float64) for col in ("x", "error", "runs"))
            found.append(ArmSoFar(arm.name, sizes, errors, count))
    if len(found) < 2:
        raise StudyError(f"a next run needs two arms with {FEWEST} sizes or more, scored on all {n} tasks")
    freedom = float((cells["runs"].to_numpy() - 1.0).sum())
    noise = float(np.sqrt(cells["squares"].to_numpy().sum() / freedom)) if freedom else float("nan")
    return SoFar(design.x, tuple(found), noise, Cost(pl.concat(costs)))


def next_runs(
    arms: tuple[ArmSoFar, ArmSoFar],
    noise: float,
    question: Question,
    hours: Callable[[str, float], float],
    seed: int = 0,
) -> list[Candidate]:
    """Every candidate, the best first.

    The width is that of the difference of exponents; or, for a crossover, of the difference of both ln errors where
    the curves cross (where they do not: at `crossover.NEAR` times the largest size, which decides whether they do).

    Args:
        noise: standard deviation of a run's ln error.
        hours: GPU-hours of a run of the arm of this name at this size, above 0.

    Raises:
        ValueError: noise or hours that make no sense, or an arm without a curve.
    """
    refuse_noise(noise)
    sizes = np.union1d(arms[0].sizes, arms[1].sizes)
    fitted = [_replicates(arm, noise, sizes, (seed, i)).curves[0] for i, arm in enumerate(arms)]
    predicted = [curve.predict(sizes) for curve in fitted]
    if not np.isfinite(predicted).all():
        raise ValueError("no falling curve can be fitted to both arms")
    x = sought(float(sizes[0]), float(sizes[-1]))
    one, other = (np.log(curve.predict(x)) for curve in fitted)
    at = crossover(x, float(sizes[-1]), (other - one)[None]).at
    where = np.array([max(at, sizes[0]) if at < np.inf else NEAR * sizes[-1]])

    def drawn(arm: ArmSoFar, i: int) -> Floats:
        """(r,) what the claim is about, of one arm."""
        made = _replicates(arm, noise, sizes, (seed, i))
        return made.exponents()[0] if question == "exponents" else made.log_error(where)[0, :, 0]

    value: list[Floats] = []
    for i, (arm, line) in enumerate(zip(arms, predicted, strict=True)):
        smooth = replace(arm, errors=line[np.isin(sizes, arm.sizes)])
        more = [_with(smooth, size, float(at)) for size, at in zip(sizes, line, strict=True)]
        value += [drawn(one, i) for one in (smooth, *more)]
    half = len(sizes) + 1
    now = _width(value[0] - value[half])
    if not now > 0:
        raise ValueError("with so little noise the claim is known as it is, and no run narrows it")
    found = []
    for i, arm in enumerate(arms):
        for k, size in enumerate(sizes):
            with_it = value[i * half + k + 1]
            width = _width(with_it - value[(1 - i) * half])
            count = int(arm.runs[arm.sizes == size].sum())
            found.append(Candidate(arm.name, float(size), count, hours(arm.name, float(size)), width / now))
    if not all(0 < one.hours < np.inf for one in found):
        raise ValueError("hours must be finite and above 0")
    return sorted(found, key=lambda one: -one.gain)


def _with(arm: ArmSoFar, size: float, guess: float) -> ArmSoFar:
    """The arm with one more run; at a size that it lacks, with the error that its curve predicts."""
    here = arm.sizes == size
    if here.any():
        return ArmSoFar(arm.name, arm.sizes, arm.errors, arm.runs + here)
    at = int(np.searchsorted(arm.sizes, size))
    return ArmSoFar(
        arm.name, *(np.insert(part, at, v) for part, v in ((arm.sizes, size), (arm.errors, guess), (arm.runs, 1.0)))
    )


def _resampled(arm: ArmSoFar, noise: float, sizes: Floats, stream: tuple[int, int]) -> Floats:
    """(RESAMPLES, n) mean errors; one stream of random numbers an arm, whatever its runs."""
    z = np.random.default_rng(stream).standard_normal((RESAMPLES, len(sizes)))[:, np.isin(sizes, arm.sizes)]
    return np.asarray(arm.errors * np.exp(noise / np.sqrt(arm.runs) * z))


def _replicates(arm: ArmSoFar, noise: float, sizes: Floats, stream: tuple[int, int]) -> Replicates:
    return replicate([(arm.sizes, arm.errors)], [_resampled(arm, noise, sizes, stream)], [arm.runs])


def _width(draws: Floats) -> float:
    low, high = interval(draws)
    return high - low
