"""Whether what is stated of real learners is as sure as it says: half of LCDB (../shared/lcdb, its protocol B).

    python tests/bench/stated.py           # Markdown tables, about four minutes on one core

Probabilities and 90 % intervals of which of two arms is better at 1 to 8 times the largest size, of how many times the
data the worse one needs, of what the next doubling buys, and of whose exponent is larger; `tests/bench/pairs.py` has
those of who stays ahead. All rest on numbers that were learned on other data sets (pairs of all learners that end at a
2nd to 32nd part); judged are pairs and arms of eight learners at an 8th. True is the mean of all repeats; of exponents,
the law fitted to all repeats and sizes up to the largest, 8 times further on.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from lcdb_curves import ARMS, FILE, Floats
from pairs import JUDGED, START, Arm, Pair, by_curves, deviation, folds, gone_on, learn, pairs, replicated, share
from scipy.optimize import minimize
from scipy.special import gammaln

from scaling.analysis.claims.differences import better
from scaling.analysis.curves.ahead import DOUBLING, EXPONENTS, Deviation, Doubling, Exponents, doubled, exponents_apart
from scaling.analysis.curves.bands import parts
from scaling.analysis.curves.crossover import overtaken, sought
from scaling.analysis.curves.fit import fit_curves
from scaling.analysis.curves.observed import interval

TIMES = (1, 2, 4, 8)
CLASSES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01)
_NEAR = 0.02  # ln sizes that are one
_LEAST = 1e-6
_DOUBT = 1e-4
_DRAWS = 100  # of what is learned from
_BATCH = 400
_LAWLESS = ("flat", "rises with data")


def true_ln(arm: Arm, size: float) -> float:
    """ln mean error over all repeats at a size; NaN where there are none or all are 0."""
    k = int(np.abs(np.log(arm.curve.sizes / size)).argmin())
    mean = arm.curve.mean(k)
    return float(np.log(mean)) if abs(np.log(arm.curve.sizes[k] / size)) < _NEAR and mean > 0 else np.nan


def true_exponents(arms: list[tuple[Arm, float]]) -> Floats:
    """(n,) of each arm, from the smallest size of its study to the largest of all; NaN where there is no law."""
    curves = []
    for arm, first in arms:
        here = [k for k, size in enumerate(arm.curve.sizes) if size >= first * (1 - _NEAR) and arm.curve.mean(k) > 0]
        mean = np.array([arm.curve.mean(k) for k in here])
        curves.append((arm.curve.sizes[here], mean))
    found = []
    for i in range(0, len(curves), _BATCH):
        found += [np.nan if fit.status in _LAWLESS else fit.a for fit in fit_curves(curves[i : i + _BATCH], draws=0)]
    return np.array(found)


def likeliest(at: Callable[[Floats], tuple[Floats, Floats]], start: Floats, true: Floats, weight: Floats) -> Floats:
    """Theta of the highest likelihood of Student's t about `at`'s places, with its scales; the last is ln freedom."""

    def lost(theta: Floats) -> float:
        (place, scale), nu = at(theta), np.exp(theta[-1])
        log = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(scale)
        log = log - (nu + 1) / 2 * np.log1p(((true - place) / scale) ** 2 / nu)
        return float(-weight @ log / weight.sum() + _DOUBT * theta @ theta)

    bounds = [(-1.0, 2.0), *[(-6.0, 3.0)] * (len(start) - 2), (0.0, 4.0)]
    return np.asarray(minimize(lost, start, method="L-BFGS-B", bounds=bounds).x)


@dataclass
class Learned:
    """What is learned from, side by side: of arms, what `doubled` is made of and the true change; of pairs, medians and
    spreads of refitted exponents' differences, sizes of exponents, and the true difference; each with its data set."""

    arms: list[tuple[float, ...]] = field(default_factory=list)
    arm_sets: list[str] = field(default_factory=list)
    pairs: list[tuple[float, ...]] = field(default_factory=list)
    pair_sets: list[str] = field(default_factory=list)

    def doubling(self, out: set[str]) -> Doubling:
        """Learned without some data sets."""
        rows, weight = _without(self.arms, self.arm_sets, out)
        gone, back, *made_of, true = rows.T
        squares = np.square(made_of)

        def at(theta: Floats) -> tuple[Floats, Floats]:
            return gone + theta[0] * back, np.sqrt(np.exp(2 * theta[1:5]) @ squares + 1e-8)

        theta = likeliest(at, np.array([0.3, -2.0, -0.5, -0.7, -1.4, 0.4]), true, weight)
        return Doubling(float(theta[0]), *np.exp(theta[1:]).tolist())

    def exponents(self, out: set[str]) -> Exponents:
        """Learned without some data sets."""
        rows, weight = _without(self.pairs, self.pair_sets, out)
        middle, spread, size, true = rows.T
        squares = np.square([spread, size])

        def at(theta: Floats) -> tuple[Floats, Floats]:
            return theta[0] * middle, np.sqrt(np.exp(2 * theta[1:3]) @ squares + 1e-8)

        theta = likeliest(at, np.array([0.7, -0.6, -1.4, 0.7]), true, weight)
        return Exponents(float(theta[0]), *np.exp(theta[1:]).tolist())


def _without(rows: list[tuple[float, ...]], sets: list[str], out: set[str]) -> tuple[Floats, Floats]:
    _, place = np.unique(sets, return_inverse=True)
    weight = 1 / np.sqrt(np.bincount(place)[place])
    keep = np.array([name not in out for name in sets])
    return np.array(rows)[keep], weight[keep]


def groups(every: list[Pair]) -> dict[tuple[str, int], list[Pair]]:
    """Pairs that share a data set and a part."""
    found: dict[tuple[str, int], list[Pair]] = {}
    for pair in every:
        found.setdefault((pair.data_set, pair.part), []).append(pair)
    return found


def arms_of(of: list[Pair]) -> dict[str, Arm]:
    return {arm.name: arm for pair in of for arm in pair.arms}


def gathered(every: list[Pair]) -> tuple[Learned, dict[tuple[str, int, str], float]]:
    """What is learned from, and each arm's true exponent."""
    told = Learned()
    by = groups(every)
    flat = [(key, arm, float(of[0].sizes[0])) for key, of in by.items() for arm in arms_of(of).values()]
    true = dict(zip([(*key, arm.name) for key, arm, _ in flat],
                    true_exponents([(arm, first) for _, arm, first in flat]).tolist(), strict=True))  # fmt: skip
    for number, (key, of) in enumerate(by.items()):
        made, place = replicated(of, np.random.default_rng(number), _DRAWS)
        drawn = made.exponents()
        last = float(of[0].sizes[-1])
        for arm in arms_of(of).values():
            change = true_ln(arm, 2 * last) - true_ln(arm, last)
            if np.isfinite(change):
                told.arms.append((*_of_doubling(arm), change))
                told.arm_sets.append(key[0])
        for pair in of:
            one, other = (drawn[place[arm.name]] for arm in pair.arms)
            first, second = (true[(*key, arm.name)] for arm in pair.arms)
            apart = other - one
            if np.isfinite(apart).all() and np.isfinite(second - first):
                low, middle, high = np.quantile(apart, [0.25, 0.5, 0.75])
                size = float(np.hypot(np.median(one), np.median(other)))
                told.pairs.append((middle, (high - low) / 1.349, size, second - first))
                told.pair_sets.append(key[0])
    return told, true


def _of_doubling(arm: Arm) -> tuple[float, ...]:
    """Predicted change, largest size above the laws, and steepness, spread, distance, noise as of `Doubling`."""
    pool = arm.pool
    x = np.array([pool.last, pool.last + np.log(2)])
    now, then = pool.log_error(x)
    _, spread, apart, steep = parts(pool, x[1:])[:, 0]
    return then - now, pool.errors[-1] - now, steep, spread, apart, float(pool.own / np.sqrt(pool.runs[-1]))


@dataclass
class Stated:
    """Of one kind of statement: probabilities, whether it is so, and whether intervals hold what is so."""

    probability: list[float] = field(default_factory=list)
    true: list[bool] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)

    def add(self, drawn: Floats, true: float, data_set: str) -> None:
        """Drawn differences, and the true one; nothing where it is not known."""
        if not np.isfinite(true) or not np.isfinite(drawn).all():
            return
        low, high = interval(drawn)
        self.probability.append(better(drawn))
        self.true.append(true > 0)
        self.held.append(bool(low <= true <= high))
        self.sets.append(data_set)


def judged(of: list[Pair], exponents_of: dict[tuple[str, int, str], float], said: dict[str, Stated], apart_: Deviation,
           doubling: Doubling, exponents: Exponents, rng: np.random.Generator) -> None:  # fmt: skip
    """Add what is stated of pairs that share a data set and a part."""
    name, last = of[0].data_set, float(of[0].sizes[-1])
    made, place = replicated(of, rng)
    x = np.append(sought(float(of[0].sizes[0]), last), last * np.array(TIMES[1:]))
    order = np.argsort(x, kind="stable")
    for pair in of:
        gone = np.empty((2, made.given.shape[1], x.size))
        gone[..., order] = gone_on(pair, x[order], made, place, apart_)
        two = [place[arm.name] for arm in pair.arms]
        at = {1: made.given[two][..., len(pair.sizes) - 1]}
        at |= {times: gone[..., k - len(TIMES) + 1] for k, times in enumerate(TIMES[1:])}
        for times, (one, other) in at.items():
            truth = np.exp([true_ln(arm, times * last) for arm in pair.arms])
            said[f"better at {times} times"].add(np.exp(other) - np.exp(one), truth[1] - truth[0], name)
        _worth(said["times the data"], pair, gone[..., : -len(TIMES) + 1], x[: -len(TIMES) + 1])
        true = [exponents_of[(name, pair.part, arm.name)] for arm in pair.arms]
        apart = exponents_apart(made.exponents()[two], exponents)
        said["larger exponent"].add(apart, true[1] - true[0], name)
    for arm in arms_of(of).values():
        seen = made.given[place[arm.name]][:, len(of[0].sizes) - 1]
        now, then = np.exp([true_ln(arm, last), true_ln(arm, 2 * last)])
        said["next doubling"].add(np.exp(seen) - np.exp(doubled(arm.pool, seen, doubling)), now - then, name)


def _worth(said: Stated, pair: Pair, ln: Floats, x: Floats) -> None:
    """How many times the data the worse arm needs for what the better one has at the largest size."""
    last = float(pair.sizes[-1])
    goal = [np.array([np.interp(np.log(last), np.log(x), row) for row in rows]) for rows in ln]
    worse = int(np.median(goal[1] - goal[0]) > 0)
    times = overtaken(x, ln[worse] - goal[1 - worse][:, None]) / last
    curve = pair.arms[worse].curve
    here = [k for k, size in enumerate(curve.sizes) if size >= x[0] * (1 - _NEAR) and curve.mean(k) > 0]
    means = np.log([curve.mean(k) for k in here])
    true = float(overtaken(curve.sizes[here], (means - true_ln(pair.arms[1 - worse], last))[None])[0]) / last
    low, high = np.quantile(times, [0.05, 0.95], method="inverted_cdf")
    said.probability.append((float((times > 1).sum()) + 0.5) / (times.size + 1))
    said.true.append(true > 1)
    said.held.append(bool(low <= true <= high) if np.isfinite(true) else bool(high > curve.sizes[-1] / last))
    said.sets.append(pair.data_set)


def show(said: dict[str, Stated]) -> None:
    print("| | stated | 90 % intervals hold | log score |\n|---|---:|---:|---:|")
    for name, one in said.items():
        p, true = np.array(one.probability), np.array(one.true)
        score = -np.log(np.clip(np.where(true, p, 1 - p), _LEAST, 1)).mean()
        print(f"| {name} | {len(p)} | {share(np.array(one.held), one.sets)} | {score:.3f} |")
    print("\n| probability of the likelier | " + " | ".join(said) + " |\n|---|" + "---:|" * len(said))
    for low, high in pairwise(CLASSES):
        cells = []
        for one in said.values():
            p, true = np.array(one.probability), np.array(one.true)
            likely, right = np.where(p >= 0.5, p, 1 - p), np.where(p >= 0.5, true, ~true)
            here = (likely >= low) & (likely < high)
            sets = [s for s, keep in zip(one.sets, here, strict=True) if keep]
            cells.append(f"{100 * likely[here].mean():.0f}: {share(right[here], sets)} ({here.sum()})" if sets else "")
        print(f"| {low:g} to {min(high, 1):g} | {' | '.join(cells)} |")


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"{FILE} is not there: the half of LCDB that lies beside this project")
    every = pairs()
    told, true = gathered(every)
    said = {f"better at {times} times": Stated() for times in TIMES}
    said |= {name: Stated() for name in ("times the data", "next doubling", "larger exponent")}
    fold = folds(every)
    for k in sorted(set(fold.values())):
        out = {name for name, place in fold.items() if place == k}
        theta = learn(by_curves, START, [pair for pair in every if pair.data_set not in out])
        doubling, exponents = told.doubling(out), told.exponents(out)
        mine = [p for p in every if p.data_set in out and p.part == JUDGED and {a.name for a in p.arms} <= set(ARMS)]
        for of in groups(mine).values():
            judged(of, true, said, deviation(theta), doubling, exponents, np.random.default_rng(k))
    show(said)
    print(f"\nlearned on all: {told.doubling(set())}, {told.exponents(set())}\nshipped: {DOUBLING}, {EXPONENTS}")


if __name__ == "__main__":
    main()
