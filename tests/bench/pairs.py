"""Whether learners really cross: claims about two arms on half of LCDB (../shared/lcdb, its protocol B).

    python tests/bench/pairs.py            # Markdown tables, about a minute on one core

Of each data set, the learners that reach its largest size are arms of one study: four sizes up to a 2nd to 32nd part of
it, three seeds. `curves/ahead.py` is learned on pairs of all learners and parts; judged are pairs of eight learners at
an 8th, on data sets that were not learned on. True is who errs less at the largest size fitted and at the largest of
all; a pair is clear where both differences are beyond two standard errors. Beside it a rule that knows only how far
apart two arms are where the data end, and the noise.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from lcdb_curves import ARMS, FACTORS, FILE, LEAST_BASE_OF_ARMS, N_SIZES, SEEDS, SPAN, Floats, Repeated, lcdb_curves
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import stdtr

from scaling.analysis.curves.ahead import LEARNED, Deviation, ahead, lengths
from scaling.analysis.curves.crossover import NEAR, STAYS, Crossover, crossover, sought
from scaling.analysis.curves.fit import fit_observed
from scaling.analysis.curves.observed import observe
from scaling.analysis.curves.pool import Pool
from scaling.analysis.curves.replicate import Replicates, replicate, seed_noise

JUDGED = 8
FOLDS = 6
DRAWS = 400
_MOST = 8000  # pairs that are learned on
_DOUBT = 1e-4
_BATCH = 400
START = np.array([-1.9, -0.4, -0.9, 0.6, 0.9])  # of `by_curves`


@dataclass(frozen=True)
class Arm:
    """A learner on a data set: (sizes, seeds) errors, what predicts it, and the truth: mean error and its standard
    error at the largest size fitted and the largest of all."""

    name: str
    runs: Floats
    pool: Pool
    mean: Floats
    stderr: Floats
    curve: Repeated


@dataclass(frozen=True)
class Pair:
    """Two arms of a data set, and what their distance hangs on: ln difference at the largest size fitted, its standard
    deviation, what pools predict of its change by the largest of all, and `lengths` there."""

    arms: tuple[Arm, Arm]
    sizes: Floats
    to: float
    data_set: str
    part: int
    gap: float
    noise: float
    trend: float
    lengths: Floats

    @property
    def true(self) -> Floats:
        """(2,) ln differences of mean errors, other minus arm, where the fit ends and at the largest size."""
        return np.log(self.arms[1].mean) - np.log(self.arms[0].mean)

    @property
    def clear(self) -> bool:
        apart = self.arms[1].mean - self.arms[0].mean
        return bool((np.abs(apart) > 2 * np.hypot(self.arms[0].stderr, self.arms[1].stderr)).all())


def pairs() -> list[Pair]:
    """Of all learners, data sets and parts."""
    groups: list[tuple[str, int, float, Floats, list[Repeated]]] = []
    curves = lcdb_curves()
    for data_set in dict.fromkeys(curve.data_set for curve in curves):
        mine = [curve for curve in curves if curve.data_set == data_set]
        to = max(curve.sizes[-1] for curve in mine)
        full = [curve for curve in mine if curve.sizes[-1] == to]
        for part in FACTORS:
            sizes = _sizes(full, to, part)
            whole = [curve for curve in full if _whole(curve, sizes, to)]
            if len(whole) > 1 and len(sizes) > 2:
                groups.append((data_set, part, to, sizes, whole))
    flat = [(curve, sizes) for *_, sizes, whole in groups for curve in whole]
    arms: list[Arm | None] = []
    for i in range(0, len(flat), _BATCH):
        batch = flat[i : i + _BATCH]
        runs = [_runs(curve, sizes) for curve, sizes in batch]
        seen = observe([(np.repeat(sizes, SEEDS), one.ravel()) for (_, sizes), one in zip(batch, runs, strict=True)])
        for (curve, sizes), one, fit in zip(batch, runs, fit_observed(seen, draws=0), strict=True):
            arms.append(None if fit.pool is None else _arm(curve, one, fit.pool, float(sizes[-1])))
    found: list[Pair] = []
    for data_set, part, to, sizes, whole in groups:
        mine_, arms = arms[: len(whole)], arms[len(whole) :]
        usable = [arm for arm in mine_ if arm is not None]
        found += [_pair(two, sizes, to, data_set, part) for two in combinations(usable, 2)]
    return found


def _sizes(full: list[Repeated], to: float, part: int) -> Floats:
    """The sizes of a study of these curves that ends at a part of the largest size; none where there are too few."""
    common = np.array(sorted(set.intersection(*(set(curve.sizes.tolist()) for curve in full))))
    bases = common[(common <= to / part) & (common >= LEAST_BASE_OF_ARMS)]
    if not bases.size:
        return np.empty(0)
    targets = np.linspace(np.log(bases[-1] / SPAN), np.log(bases[-1]), N_SIZES)
    return np.unique(common[[int(np.abs(np.log(common) - t).argmin()) for t in targets]])


def _whole(curve: Repeated, sizes: Floats, to: float) -> bool:
    """Whether a curve has all runs, none without an error, and several where the study ends and at the largest size."""
    if not sizes.size:
        return False
    at = dict(zip(curve.sizes.tolist(), curve.errors, strict=True))
    runs, ends = [at[size][:SEEDS] for size in sizes.tolist()], (at[float(sizes[-1])], at[to])
    return all(len(one) == SEEDS and one.min() > 0 for one in runs) and all(
        len(one) > 1 and one.mean() > 0 for one in ends
    )


def _runs(curve: Repeated, sizes: Floats) -> Floats:
    at = dict(zip(curve.sizes.tolist(), curve.errors, strict=True))
    return np.array([at[size][:SEEDS] for size in sizes.tolist()])


def _arm(curve: Repeated, runs: Floats, pool: Pool, last: float) -> Arm:
    ends = [curve.errors[int(np.flatnonzero(curve.sizes == last)[0])], curve.errors[-1]]
    return Arm(
        curve.learner, runs, pool, np.array([one.mean() for one in ends]),
        np.array([one.std(ddof=1) / np.sqrt(len(one)) for one in ends]), curve,
    )  # fmt: skip


def _pair(two: tuple[Arm, Arm], sizes: Floats, to: float, data_set: str, part: int) -> Pair:
    last, pools = float(np.log(sizes[-1])), (two[0].pool, two[1].pool)
    gone = [float(np.diff(pool.log_error(np.array([last, np.log(to)])))[0]) for pool in pools]
    return Pair(
        two, sizes, to, data_set, part, float(np.diff([pool.errors[-1] for pool in pools])[0]),
        float(np.hypot(*(pool.own for pool in pools)) / np.sqrt(SEEDS)), gone[1] - gone[0],
        lengths(pools, last, np.array([np.log(to)]))[:, 0],
    )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """Pairs side by side, in the direction of who leads where the data end: what is learned from."""

    gap: Floats
    noise: Floats
    trend: Floats
    lengths: Floats
    beyond: Floats
    stays: NDArray[np.bool_]
    weight: Floats


def told(of: list[Pair]) -> Told:
    sign = np.array([1.0 if pair.gap >= 0 else -1.0 for pair in of])
    _, place = np.unique([pair.data_set for pair in of], return_inverse=True)
    return Told(
        sign * [pair.gap for pair in of], np.array([pair.noise for pair in of]), sign * [pair.trend for pair in of],
        np.stack([pair.lengths for pair in of], axis=1), np.log([pair.to / pair.sizes[-1] for pair in of]),
        np.array([pair.true[1] * s > 0 for pair, s in zip(of, sign, strict=True)]),
        1 / np.sqrt(np.bincount(place)[place]),
    )  # fmt: skip


def by_curves(theta: Floats, of: Told) -> Floats:
    """(n,) probabilities that who leads stays ahead; theta: ln weights, share, ln freedom."""
    scale = np.sqrt(np.exp(2 * theta[:3]) @ of.lengths**2 + of.noise**2 + 1e-8)
    return np.asarray(stdtr(np.exp(theta[4]), (of.gap + theta[3] * of.trend) / scale))


def by_gap(theta: Floats, of: Told) -> Floats:
    """The same of the rule that knows the gap alone; theta: ln weights of distance and noise, ln freedom."""
    scale = np.sqrt(np.exp(2 * theta[0]) * of.beyond + np.exp(2 * theta[1]) * of.noise**2 + 1e-8)
    return np.asarray(stdtr(np.exp(theta[2]), of.gap / scale))


def learn(rule: Callable[[Floats, Told], Floats], start: Floats, of: list[Pair]) -> Floats:
    """The theta of the best log score."""
    those = told(of[:: max(1, len(of) // _MOST)])

    def lost(theta: Floats) -> float:
        p = np.clip(rule(theta, those), 1e-6, 1 - 1e-6)
        score = -those.weight @ np.log(np.where(those.stays, p, 1 - p)) / those.weight.sum()
        return float(score + _DOUBT * theta @ theta)

    bounds = [(-8.0, 4.0)] * (len(start) - 1) + [(0.0, 4.0)]
    return np.asarray(minimize(lost, start, method="L-BFGS-B", bounds=bounds).x)


def deviation(theta: Floats) -> Deviation:
    steep, spread, apart = np.exp(theta[:3]).tolist()
    return Deviation(steep, spread, apart, float(theta[3]), float(np.exp(theta[4])))


def replicated(of: list[Pair], rng: np.random.Generator, draws: int = DRAWS) -> tuple[Replicates, dict[str, int]]:
    """Replicates of the arms of pairs that share a data set and a part, and each arm's place."""
    arms = {arm.name: arm for pair in of for arm in pair.arms}
    runs = np.stack([arm.runs for arm in arms.values()])
    sizes, mean = of[0].sizes, runs.mean(axis=2)
    again = mean[:, None] * np.exp(seed_noise(runs, draws, rng))
    made = replicate([(sizes, row) for row in mean], list(again), [np.full(len(sizes), SEEDS)] * len(runs))
    return made, {name: k for k, name in enumerate(arms)}


def gone_on(pair: Pair, x: Floats, made: Replicates, place: dict[str, int], known: Deviation) -> Floats:
    """(2, r, n) ln errors of both arms at (n,) sizes, as claims suppose."""
    two, last = [place[arm.name] for arm in pair.arms], float(np.log(pair.sizes[-1]))
    ln, seen = np.stack([made.as_seen(k, x) for k in two]), made.given[two][..., len(pair.sizes) - 1]
    return ahead(ln, np.log(x), last, seen, (pair.arms[0].pool, pair.arms[1].pool), known)


def claimed(of: list[Pair], known: Deviation, rng: np.random.Generator) -> list[Crossover]:
    """What claims would say of pairs that share a data set and a part."""
    made, place = replicated(of, rng)
    sizes, found = of[0].sizes, []
    x = sought(float(sizes[0]), float(sizes[-1]))
    for pair in of:
        gone = gone_on(pair, x, made, place, known)
        found.append(crossover(x, float(sizes[-1]), gone[1] - gone[0]))
    return found


def share(happened: NDArray[np.bool_], groups: list[str]) -> str:
    """A share of pairs and its standard error over data sets."""
    _, place = np.unique(groups, return_inverse=True)
    count, total = np.bincount(place), np.bincount(place, weights=happened)
    mean = total.sum() / count.sum()
    return f"{100 * mean:.1f} ± {100 * np.sqrt(((total - mean * count) ** 2).sum()) / count.sum():.1f} %"


def folds(every: list[Pair]) -> dict[str, int]:
    """A fold for each data set, by chance."""
    names = np.random.default_rng(0).permutation(sorted({pair.data_set for pair in every}))
    return {str(name): k % FOLDS for k, name in enumerate(names)}


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"{FILE} is not there: the half of LCDB that lies beside this project")
    every = pairs()
    fold = folds(every)
    start, start_gap = START, np.array([-1.0, 0.0, 1.0])
    judged: list[tuple[Pair, Crossover, float, float]] = []
    for k in range(FOLDS):
        rest = [pair for pair in every if fold[pair.data_set] != k]
        theta, gap = learn(by_curves, start, rest), learn(by_gap, start_gap, rest)
        mine = [
            p for p in every if fold[p.data_set] == k and p.part == JUDGED and {a.name for a in p.arms} <= set(ARMS)
        ]
        for data_set in dict.fromkeys(pair.data_set for pair in mine):
            of = [pair for pair in mine if pair.data_set == data_set]
            said = claimed(of, deviation(theta), np.random.default_rng(k))
            judged += zip(of, said, by_curves(theta, told(of)).tolist(), by_gap(gap, told(of)).tolist(), strict=True)
    show(judged)
    print(f"\nlearned on all: {deviation(learn(by_curves, start, every))}\nshipped: {LEARNED}")


def show(judged: list[tuple[Pair, Crossover, float, float]]) -> None:
    sets = [pair.data_set for pair, *_ in judged]
    clear = np.array([pair.clear for pair, *_ in judged])
    true = np.array([pair.true for pair, *_ in judged])
    same = true[:, 0] * true[:, 1] > 0
    leads = np.array([at.leads == int(pair.true[1] < 0) for pair, at, *_ in judged])
    none = np.array([at.none_near for _, at, *_ in judged])
    gap_leads = np.array([(pair.gap < 0) == (pair.true[1] < 0) for pair, *_ in judged])
    ours, gap = (np.array([one[k] for one in judged]) for k in (2, 3))
    print(f"{len(judged)} pairs, {clear.sum()} clear, of which {100 * (~same[clear]).mean():.1f} % cross\n")
    print("| | log score, clear pairs | all pairs | none said of clear pairs | true then |\n|---|---:|---:|---:|---:|")
    rows = [
        ("claims", none, leads),
        ("by curves, in one formula", ours, gap_leads),
        ("by the gap alone", gap, gap_leads),
    ]
    for name, p, right in rows:
        score = -np.log(np.clip(np.where(right, p, 1 - p), 1e-6, 1))
        said = p >= STAYS
        of = [s for s, keep in zip(sets, clear, strict=True) if keep]
        held = share(same[clear & said], [s for s, keep in zip(sets, clear & said, strict=True) if keep])
        print(f"| {name} | {score[clear].mean():.3f} | {score.mean():.3f} | {share(said[clear], of)} | {held} |")
    crosses = np.array([at.claimed and at.at > pair.sizes[-1] for pair, at, *_ in judged])
    right = crosses & ~same & clear
    print(f"\novertaking ahead said of {crosses.sum()}, {(crosses & clear).sum()} of them clear, true of {right.sum()}")
    print(f"\n| stated: who leads stays ahead to {NEAR:g} times | pairs | stated, mean | true at the largest size |")
    print("|---|---:|---:|---:|")
    for low, high in ((0, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.98), (0.98, 1.01)):
        here = (none >= low) & (none < high)
        if here.any():
            held = share(leads[here], [s for s, keep in zip(sets, here, strict=True) if keep])
            print(f"| {low:g} to {min(high, 1):g} | {here.sum()} | {none[here].mean():.3f} | {held} |")


if __name__ == "__main__":
    main()
