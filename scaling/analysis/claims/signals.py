"""Which tasks tell arms apart: each task's signal and noise (Heineman et al. 2025), and an average that weighs by them.

Signal is how far the arms' errors lie apart at a size, noise how far they would from other seeds and test clips alone;
both as standard deviations of ln error about the arms' mean, over all sizes. The paper takes the noise from the last
checkpoints of a run, which these studies do not score.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ncfdtr

from scaling.analysis.claims.claim import Claim, behind, chance, covers, in_points, led, points, span, status, whole
from scaling.analysis.claims.differences import better
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL, Interval, interval
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import headline, primary
from scaling.analysis.scores.resamples import FIT_RESAMPLES, RESAMPLES, Draws
from scaling.analysis.scores.words import place

_MOST_ARMS = 60  # of more the noise's covariance is large
_EXACT = 1e6  # degrees of freedom of a noise that is known
_TINY = 1e-9
_SURE = 0.5 / (RESAMPLES + 1)  # as sure as resamples could be


@dataclass(frozen=True)
class Signal:
    """One task.

    Attributes:
        signal: standard deviation of the arms' ln errors, less what noise adds; 0 where noise explains all of it.
        noise: standard deviation of an arm's ln error, as it was measured, under other seeds and test clips; of what
            is not common to all arms.
        freedom: degrees of freedom of the spread and of the noise.
        spread: (signal² + noise²) / noise², as estimated before anything is taken for 0.
        weight: signal² / (signal² + noise²): the share of the spread that is no noise.
        n_seeds, runs: behind it.
    """

    task: str
    signal: float
    noise: float
    freedom: tuple[float, float]
    spread: float
    weight: float
    n_seeds: int
    runs: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """Signal to noise."""
        return self.signal / self.noise

    @property
    def interval(self) -> Interval:
        """Of the ratio (level `LEVEL`): noncentral F, inverted."""
        low, high = ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
        return self._at(low), self._at(high)

    @property
    def apart(self) -> float:
        """Probability that the arms differ at all; never exactly 0 or 1."""
        return float(np.clip(self._less(0.0), _SURE, 1 - _SURE))

    def _less(self, lies: float) -> float:
        """Probability of so small a spread, where the arms lie apart as told by a noncentrality."""
        return float(ncfdtr(*self.freedom, lies, self.spread))

    def _at(self, probability: float) -> float:
        """The ratio under which so small a spread has this probability."""
        if self._less(0.0) <= probability:
            return 0.0
        low, high = 0.0, 10.0 + 10 * self.spread * self.freedom[0]
        for _ in range(80):
            middle = 0.5 * (low + high)
            if self._less(middle) > probability:
                low = middle
            else:
                high = middle
        return float(np.sqrt(low / self.freedom[0]))


def signals(draws: Draws, design: Design) -> list[Signal]:
    """Of every task that arms of several levels have at a size, and of which some noise is known, by name.

    Arms along a second axis are sizes too: that a larger one errs less is no signal.
    """
    if design.x.scale == "nominal":
        return []
    main = draws.cells.filter(primary())
    second = [axis.column for axis in design.axes[1:]]
    if second:
        main = main.with_columns(x=pl.struct("x", *second).rank("dense"))
    there = arms(main, replace(design, axes=design.axes[:1]))
    if not 1 < len(there) <= _MOST_ARMS:
        return []
    found = [_signal(draws, main.filter(pl.col("task") == task), there) for task in main["task"].unique().sort()]
    return [one for one in found if one is not None]


def _signal(draws: Draws, mine: pl.DataFrame, there: list[Arm]) -> Signal | None:
    """Over the sizes at which all arms have the task."""
    mine = mine.filter(pl.len().over("x") == len(there)).sort("x")
    if mine.is_empty():
        return None
    by_arm = [mine.filter(arm.rows()).sort("x") for arm in there]
    level = _apart(np.log(np.stack([one["error"].to_numpy() for one in by_arm])))
    n_arms, n_sizes = level.shape
    # The covariance of what stands apart, seeds and test clips added up.
    seeds, freedom, counts = _seed_noise(by_arm)
    centre = np.eye(n_arms) - 1 / n_arms
    covariance = np.zeros((level.size, level.size))
    if freedom:
        covariance += np.kron(centre, np.diag(seeds / counts))
    clips = draws.clips_only[np.stack([one["row"].to_numpy() for one in by_arm])][..., :FIT_RESAMPLES]
    known = bool(np.isfinite(clips).all())
    if known:
        n_test = np.stack([one["n_test"].fill_null(0).to_numpy() for one in by_arm])
        again = _apart(np.log(np.maximum(clips, np.maximum(0.5 / (n_test + 1.0), _TINY)[..., None])))
        covariance += np.cov(again.reshape(level.size, -1))
    several = int(mine["n_seeds"].to_numpy().min()) > 1
    total = float(np.trace(covariance))
    if total <= 0 or (several and not freedom):
        return None
    variance, by_seeds = total / ((n_arms - 1) * n_sizes), float(np.mean(seeds / counts)) if freedom else 0.0
    spread = float((level**2).sum() / ((n_arms - 1) * n_sizes))
    exact = _EXACT if by_seeds <= 0 else freedom * (variance / by_seeds) ** 2
    signal = max(spread - variance, 0.0)
    runs = tuple(sorted({run for line in mine["runs"] for run in line}))
    return Signal(
        mine["task"][0], float(np.sqrt(signal)), float(np.sqrt(variance)),
        (total**2 / float((covariance**2).sum()), min(exact, _EXACT)), spread / variance,
        signal / (signal + variance), int(mine["n_seeds"].to_numpy().min()), runs,
    )  # fmt: skip


def _apart(ln: Floats) -> Floats:
    """(arms, ...) less the arms' mean: what is common to all arms tells none apart."""
    return np.asarray(ln - ln.mean(axis=0))


def _seed_noise(by_arm: list[pl.DataFrame]) -> tuple[float, int, Floats]:
    """Variance of one run's ln error about what all arms share, its degrees of freedom, and (sizes,) seeds behind the
    means. Seeds that all arms have at a size are common to them."""
    squares, freedom, counts = 0.0, 0, []
    for lines in zip(*(one.select("seeds", "by_seed").iter_rows() for one in by_arm), strict=True):
        known = [dict(zip(seeds, errors, strict=True)) for seeds, errors in lines]
        common = sorted(set.intersection(*map(set, known)))
        counts.append(max(len(common), 1))
        if len(common) > 1:
            ln = _apart(np.log([[each[seed] for seed in common] for each in known]))
            squares += float(((ln - ln.mean(axis=1, keepdims=True)) ** 2).sum())
            freedom += (len(known) - 1) * (len(common) - 1)
    return squares / max(freedom, 1), freedom, np.array(counts, dtype=np.float64)


@dataclass(frozen=True)
class Weighed:
    """A pair at the largest size that both have: the average over tasks, plain and weighed.

    `plain` and `weighed` are (difference, low, high) in shares, `other` minus `arm`; `probability` of `weighed`.
    """

    pair: Pair
    x: float
    plain: tuple[float, float, float]
    weighed: tuple[float, float, float]
    probability: float
    tasks: int
    n_seeds: int
    runs: tuple[str, ...]


def weighed(draws: Draws, found: list[Signal], compared: list[Pair], design: Design) -> list[Weighed]:
    """Every pair of two levels of a factor, over the tasks of one axis of evaluation (`metrics.headline`) that both
    arms have at their largest common size; none where no task tells arms apart or there is but one."""
    weights = {one.task: one.weight for one in found}
    if len(weights) < 2 or not any(weights.values()):
        return []
    main = headline(draws.cells)
    told, second = [], [axis.column for axis in design.axes[1:]]
    for pair in compared:
        if pair.factor in second:
            continue
        one, other = (main.filter(arm.rows()) for arm in (pair.arm, pair.other))
        both = one.join(other, on=["task", "x"], suffix="_other")
        both = both.filter(pl.col("task").is_in(list(weights)), pl.col("x") == pl.col("x").max()).sort("task")
        w = np.array([weights[task] for task in both["task"]])
        if both.height > 1 and w.sum() > 0:
            told.append(_weighed(pair, both, w / w.sum(), draws.errors))
    return told


def _weighed(pair: Pair, both: pl.DataFrame, w: Floats, errors: Floats) -> Weighed:
    apart = (both["raw_other"] - both["raw"]).to_numpy()
    drawn = errors[both["row_other"]] - errors[both["row"]]
    runs = {run for name in ("runs", "runs_other") for line in both[name] for run in line}
    seeds = min(int(both[name].to_numpy().min()) for name in ("n_seeds", "n_seeds_other"))
    return Weighed(
        pair, float(both["x"][0]), (float(apart.mean()), *interval(drawn.mean(axis=0))),
        (float(w @ apart), *interval(w @ drawn)), better(w @ drawn), both.height, seeds, tuple(sorted(runs)),
    )  # fmt: skip


def signal_claims(found: list[Signal], pairs: list[Weighed], design: Design) -> list[Claim]:
    """A claim a task, then one a pair."""
    told = []
    for one in found:
        low, high = one.interval
        said = low > 0
        text = (
            f"on {one.task} the arms lie {100 * one.signal:.2g} % of their error apart beside a noise of "
            f"{100 * one.noise:.2g} %: a signal of {one.ratio:.2g} times the noise ({100 * LEVEL:.0f} % interval "
            f"{low:.2g} to {high:.2g}; probability that they differ {chance(one.apart)})"
            f"{'' if said else ', too little to tell them apart'}."
        )
        told.append(
            Claim(
                kind="signal", scope=one.task, sentence=led("", text), number=one.ratio, unit="times the noise",
                interval=(low, high), probability=one.apart, covers=covers(one.n_seeds), runs=one.runs,
                status="said" if said else "cannot be said", chances={"weight": one.weight},
            )
        )  # fmt: skip
    return [*told, *(_weighed_claim(one, design) for one in pairs)]


def _weighed_claim(one: Weighed, design: Design) -> Claim:
    number, low, high = one.weighed
    names, probability = one.pair.labels, one.probability if np.isfinite(one.probability) else None
    factor: dict[str, Any] = {"factor": one.pair.factor, "arm": names[0], "other": names[1], "held": one.pair.held}
    shown, plain, ends = number, one.plain[0], (low, high)
    if behind(number, probability):
        names, shown, plain, ends = names[::-1], -number, -plain, (-high, -low)
    noise = "the noise is unknown"
    if probability is not None:
        sure = max(probability, 1 - probability)
        noise = f"{span(*ends)}; {names[0]} better with probability {chance(sure)}"
    text = (
        f"at {place(design.x, one.x)}, with the {one.tasks} tasks weighed by how well they tell arms apart, {names[0]} "
        f"is {points(shown)} points ahead of {names[1]} ({noise}); in the plain average {points(plain)}."
    )
    return Claim(
        kind="weighed", **factor, at=whole(one.x), sentence=led(one.pair.held, text), number=100 * number,
        unit="points", interval=in_points(low, high), probability=probability, covers=covers(one.n_seeds),
        runs=one.runs, status=status(low, high) if probability is not None else "cannot be said",
    )  # fmt: skip
