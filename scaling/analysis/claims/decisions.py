"""How often small runs decide as the largest do: decision accuracy (DataDecide, Magnusson et al. 2025).

A decision is which of two arms errs less on one task. Its accuracy at a size is the share of decisions, over all pairs
of arms and all tasks, that fall as at the largest size. It is an estimate for other tasks, seeds and test clips with
these arms, and uncertain as such: by how its tasks differ, and by what resampled seeds and test clips change.
"""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from scaling.analysis.claims.claim import Claim, chance, covers, whole
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL, Interval
from scaling.analysis.curves.replicate import seed_noise
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.resamples import FIT_RESAMPLES, RESAMPLES, Draws
from scaling.analysis.scores.words import Value, place, plain

MOST = 500
"""Pairs of arms whose order is asked for, at most: 32 arms make 496."""
_COIN = 0.5
_TINY = 1e-9
_SURE = 0.5 / (RESAMPLES + 1)  # as sure as resamples could be
_END = (1 + LEVEL) / 2


@dataclass(frozen=True)
class Accuracy:
    """Decision accuracy at one size.

    Attributes:
        x: the size.
        right: decisions that fall as at the largest size; ties count half.
        asked: decisions.
        weight: how many independent decisions tell as much; 0 where the noise is unknown.
        average: the same of the average over tasks: (right, asked); (0, 0) where no task is at all sizes.
    """

    x: float
    right: float
    asked: int
    weight: float
    average: tuple[float, int]

    @property
    def share(self) -> float:
        """The estimate."""
        return self.right / self.asked

    def below(self, share: float) -> float:
        """Probability that the accuracy is below a share (Jeffreys' prior); never exactly 0 or 1."""
        return float(np.clip(betainc(*self._beta, share), _SURE, 1 - _SURE))

    @property
    def interval(self) -> Interval:
        """Of level `LEVEL`."""
        low, high = betaincinv(*self._beta, [1 - _END, _END]).tolist()
        return min(low, self.share), max(high, self.share)

    @property
    def _beta(self) -> tuple[float, float]:
        return self.weight * self.share + 0.5, self.weight * (1 - self.share) + 0.5


@dataclass(frozen=True)
class Decisions:
    """Decision accuracy of a study.

    Attributes:
        at: by size, ascending, below the largest; empty where there are no two arms or sizes to compare.
        largest: the size that decides.
        by_task: (right, asked) over all smaller sizes, by task.
        n_arms, n_seeds, runs: behind it.
    """

    at: tuple[Accuracy, ...] = ()
    largest: float = 0.0
    by_task: dict[str, tuple[float, int]] = field(default_factory=dict)
    n_arms: int = 0
    n_seeds: int = 0
    runs: tuple[str, ...] = ()


def decisions(draws: Draws, design: Design) -> Decisions:
    """Decision accuracy at every size of all pairs of arms that share their place on a second axis; of more than `MOST`
    pairs, or along a nominal axis, none."""
    if design.x.scale == "nominal":
        return Decisions()
    main = draws.cells.filter(primary())
    there = arms(main, design)
    two = _pairs(there, design)
    sizes = main["x"].unique().sort().to_list()
    if not 0 < len(two) <= MOST or len(sizes) < 2:
        return Decisions()
    names = main["task"].unique().sort().to_list()
    row = np.full((len(there), len(names), len(sizes)), -1)
    error = np.full(row.shape, np.nan)
    for i, arm in enumerate(there):
        mine = main.filter(arm.rows()).select("task", "x", "row", "raw")
        for task, x, at, raw in mine.iter_rows():
            place_of = i, names.index(task), sizes.index(x)
            row[place_of], error[place_of] = at, raw
    noise = _noise(draws, row, two)
    found = tuple(
        one for k, x in enumerate(sizes[:-1]) if (one := _accuracy(float(x), error, k, noise[k], two, len(there)))
    )
    right = _agree(error[..., :-1], error[..., -1:], two)
    told = {
        name: (float(np.nansum(right[:, j])), n)
        for j, name in enumerate(names)
        if (n := int(np.isfinite(right[:, j]).sum()))
    }
    runs = tuple(sorted({run for line in main["runs"] for run in line}))
    return Decisions(found, float(sizes[-1]), told, len(there), int(main["n_seeds"].to_numpy().min()), runs)


def _pairs(there: list[Arm], design: Design) -> list[tuple[int, int]]:
    """Arms that differ in their factors alone."""
    second = [axis.column for axis in design.axes[1:]]
    groups: dict[tuple[Value, ...], list[int]] = {}
    for i, arm in enumerate(there):
        groups.setdefault(tuple(arm[column] for column in second), []).append(i)
    if sum(len(group) ** 2 for group in groups.values()) > 3 * MOST:
        return []
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def _agree(error: Floats, goal: Floats, two: list[tuple[int, int]]) -> Floats:
    """(arms, ...), (arms, ...) -> (pairs, ...): 1 where a pair is ordered alike in both, 1/2 for a tie, else 0; NaN
    where an arm has no error."""
    one, other = np.array(two).T
    return np.asarray(0.5 + 0.5 * np.sign(error[one] - error[other]) * np.sign(goal[one] - goal[other]))


def _noise(draws: Draws, row: NDArray[np.int64], two: list[tuple[int, int]]) -> Floats:
    """(sizes,) variance of the share of decisions that are alike, under resampled test clips and seeds, the noise of
    these pooled over sizes (`replicate.seed_noise`); one resample has the same ones for all tasks. NaN where no noise
    is known.

    `row` (arms, tasks, sizes) places in the cells, -1 where there is none.
    """
    seeds, errors = (draws.cells[name].to_list() for name in ("seeds", "by_seed"))
    columns = sorted({seed for each in seeds for seed in each})
    ln = np.log(draws.cells["error"].to_numpy())
    right, asked = np.zeros((row.shape[2], FIT_RESAMPLES)), np.zeros((row.shape[2], 1))
    told = False
    for mine in row.swapaxes(0, 1):
        runs = np.full((*mine.shape, len(columns)), np.nan)
        for i, k in np.argwhere(mine >= 0):
            runs[i, k, np.searchsorted(columns, seeds[mine[i, k]])] = errors[mine[i, k]]
        moved = seed_noise(runs, FIT_RESAMPLES, np.random.default_rng(0)).swapaxes(1, 2)
        clips = np.log(np.maximum(draws.clips_only[mine, :FIT_RESAMPLES], _TINY))
        # Without predictions and standard errors only seeds tell of noise.
        told |= bool(np.isfinite(moved).any() or np.isfinite(clips[mine >= 0]).any())
        drawn = np.nan_to_num(moved) + np.where(np.isfinite(clips), clips, ln[mine, None])
        again = _agree(drawn, drawn[:, -1:], two)
        known = (mine >= 0)[np.array(two)].all(axis=1) & (mine[:, -1:] >= 0)[np.array(two)].all(axis=1)
        right += np.where(known[..., None], again, 0.0).sum(axis=0)
        asked += known.sum(axis=0)[:, None]
    return np.asarray((right / np.maximum(asked, 1)).var(axis=1) if told else np.full(len(right), np.nan))


def _accuracy(
    x: float, error: Floats, k: int, noise: float, two: list[tuple[int, int]], n_arms: int
) -> Accuracy | None:
    """At size k. `error` (arms, tasks, sizes), `noise` as of `_noise`."""
    right = _agree(error[..., k], error[..., -1], two)
    asked = np.isfinite(right)
    tasks = asked.any(axis=0)
    if not tasks.any():
        return None
    share, n = float(right[asked].mean()), int(tasks.sum())
    # Tasks as a sample: the textbook's variance of a mean of clusters.
    rest = np.where(asked, right - share, 0.0)[:, tasks].sum(axis=0) * n / asked.sum()
    among = float(rest @ rest) / max(n - 1, 1) / n if n > 1 else noise
    # Both estimate the same, one from few tasks, the other with the noise of two studies but of these tasks alone:
    # intervals from their mean held 81 to 95 % on simulated studies, from the larger of them 88 to 98 %.
    variance = 0.5 * (among + noise)
    # A ranking of n arms is more than n - 1 independent decisions and less than its pairs.
    most = float(n * np.sqrt(asked.sum() / n * (n_arms - 1)))
    guess = (share * most + 0.5) / (most + 1)
    weight = 0.0 if np.isnan(noise) else most if variance <= 0 else min(guess * (1 - guess) / variance, most)
    everywhere = np.isfinite(error).all(axis=(0, 2))
    average = (0.0, 0)
    if everywhere.any():
        mean = error[:, everywhere].mean(axis=1)
        of = _agree(mean[:, k], mean[:, -1], two)
        average = (float(of.sum()), of.size)
    return Accuracy(x, float(right[asked].sum()), int(asked.sum()), weight, average)


def decided(found: Decisions, design: Design) -> list[Claim]:
    """A claim a size, from the smallest."""
    return [_claim(one, found, design) for one in found.at]


def _claim(one: Accuracy, found: Decisions, design: Design) -> Claim:
    low, high = one.interval
    better = 1 - one.below(_COIN)
    of = ""
    if one.average[1]:
        of = f"; of the average over tasks {plain(one.average[0])} of {one.average[1]}"
    known = one.weight > 0
    noise = "noise unknown"
    if known:
        noise = (
            f"{100 * LEVEL:.0f} % interval {100 * low:.0f} to {100 * high:.0f}; more than half with probability "
            f"{chance(better)}"
        )
    said = known and low > _COIN
    text = (
        f"With {place(design.x, one.x)} {100 * one.share:.0f} % of {one.asked:,} pairs of arms on a task are ordered "
        f"as with {plain(found.largest)} ({noise}){of}{'' if said else ': too uncertain to be told from a coin toss'}."
    )
    return Claim(
        kind="decision", at=whole(one.x), sentence=text, number=100 * one.share, unit="percent of pairs",
        interval=(100 * low, 100 * high) if known else None, probability=better if known else None,
        covers=f"the choice of tasks, {covers(found.n_seeds)}" if known else "nothing", runs=found.runs,
        chances={"above_80_percent": 1 - one.below(0.8), "above_90_percent": 1 - one.below(0.9)} if known else {},
        status="said" if said else "cannot be said",
    )  # fmt: skip
