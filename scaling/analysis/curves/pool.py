"""Predictions pooled over what is not known: from which size on the law holds, and which law it is.

A curve's smallest sizes rarely follow the law of its largest ones (errors near chance, warm-up), and no test on a
dozen points can say where the law begins. So the default law and the saturating one are fitted to four windows of
sizes, the last 100, 75, 50 and 25 % of the range of ln(size), and their log predictions averaged with equal weight
(equal weights over estimation windows: Pesaran and Timmermann 2007). Within the data a window counts from
nothing at its first size to fully at the curve's largest, so that predictions are continuous.

Few sizes do not fix three parameters. Beliefs hold them: exponents are log-normal, the bend of the saturating
form lies near the smallest size, and the noise is about 1 %, worth one observation; each weighs as its
variance says against the noise seen.

Chosen by looking at the public curves of ../shared/extrapolation, in round numbers; `tests/bench/choices.py` says what
each is worth, and what choosing cost on domains that the choice did not see:
- the two laws that are pooled, with equal weight (FORMS; neither the pure power law nor the broken one);
- windows of sizes instead of all sizes, four of them, that a window has three sizes at least (WINDOWS, FEWEST);
- the belief about exponents: median 0.5, one standard deviation a factor e^0.4 (EXPONENT);
- the belief about the bend: near the smallest size, one standard deviation a factor e (BEND);
- the belief about noise: 1 %, worth one observation (NOISE, _SEEN), and the Huber threshold of 1 % (`solve.HUBER`);
- the multipliers of `bands` and the shape of their dependence.
Not chosen so: the default law, that windows fade in within the data, the number of grid points and steps.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.forms import OFFSET, SATURATING, Floats, Form
from scaling.analysis.curves.observed import Table
from scaling.analysis.curves.solve import Prior, polish, solve, threshold

WINDOWS = (0.0, 0.25, 0.5, 0.75)  # shares of the range of ln(size) left out
FORMS = (OFFSET, SATURATING)
EXPONENT = (np.log(0.5), 0.4)  # belief: mean and standard deviation of ln a
BEND = 1.0  # belief: standard deviation of ln b around the smallest size
NOISE = 0.01  # belief: standard deviation of ln error, as if seen once
FEWEST = 3  # sizes in a window

_STARTS = 4
# Refits start at their member's optimum. Without a belief some run along a valley: stopped after 12 steps, they made
# intervals too narrow.
_REFIT_STEPS, _FREE_STEPS = 60, 200
_EXACT = 1e-8
_SEEN = 1  # observations that the belief about noise is worth


@dataclass(frozen=True)
class Member:
    """One law on one window of one curve: where its window starts (ln size), theta, noise and degrees of freedom.

    `believed` is whether beliefs entered the fit, and enter refits.
    """

    form: Form
    start: float
    theta: Floats
    noise: float
    freedom: float
    believed: bool = True


@dataclass(frozen=True)
class Pool:
    """What is predicted of one curve.

    Attributes:
        centre, last: mean and largest ln size.
        members: whose predictions are averaged.
        draws: refits of each member, (r, k + 1) thetas, and (r,) noises of a new run; refit q of member j was made to
            resample q · members + j.
        own: standard deviation of ln error of one run as runs or test clips tell it; 0 where they do not.
        measured: whether refits are to resampled runs, and not to the law plus residual noise.
    """

    centre: float
    last: float
    members: tuple[Member, ...]
    draws: tuple[tuple[Floats, Floats], ...] = ()
    own: float = 0.0
    measured: bool = False

    @property
    def first(self) -> float:
        """Smallest ln size."""
        return min(member.start for member in self.members)

    def weights(self, x: Floats) -> Floats:
        """(members, n) how much each member counts at ln sizes x; columns sum to 1."""
        rows = [
            np.ones_like(x)
            if member.start <= self.first
            else np.clip((x - member.start) / max(self.last - member.start, 1e-12), 0, 1)
            for member in self.members
        ]
        return np.asarray(np.stack(rows) / np.sum(rows, axis=0))

    def log_error(self, x: Floats) -> Floats:
        """(n,) pooled ln error at ln sizes x."""
        u = (x - self.centre)[None]
        each = [member.form.log_error(u, member.theta[None])[0][0] for member in self.members]
        return np.asarray((self.weights(x) * np.stack(each)).sum(axis=0))

    def replicates(self, x: Floats) -> Floats:
        """(r, n) ln errors at ln sizes x of one curve a resample, in the resamples' order, without a new run's noise.

        Each is the refit of one member, members in turn. Below its window's start it goes on along the pooled curve.
        """
        centre = self.log_error(x)
        found = np.empty((sum(len(theta) for theta, _ in self.draws), x.size))
        for j, (member, (theta, _)) in enumerate(zip(self.members, self.draws, strict=True)):
            inside = np.maximum(x, member.start)
            u = np.broadcast_to(inside - self.centre, (len(theta), x.size))
            value, _ = member.form.log_error(u, theta)
            found[j :: len(self.members)] = value + (centre - self.log_error(inside))
        return found

    def sample(self, x: Floats, seed: int = 0) -> tuple[Floats, Floats]:
        """(r, n) ln errors of new observations at ln sizes x, and the weight of each draw, columns summing to 1."""
        rng = np.random.default_rng(seed)
        found, weights = [], []
        for row, member, (theta, noise) in zip(self.weights(x), self.members, self.draws, strict=True):
            u = np.broadcast_to(x - self.centre, (len(theta), x.size))
            value, _ = member.form.log_error(u, theta)
            found.append(value + noise[:, None] * rng.standard_normal(len(theta))[:, None])
            weights.append(np.broadcast_to(row / len(theta), value.shape))
        return np.concatenate(found), np.concatenate(weights)


def _prior(form: Form, data: Table, noise: Floats) -> Prior:
    b, k = len(data.y), len(form.low)
    mean, strength = np.zeros((b, k)), np.zeros((b, k))
    place = form.parameters.index("a") - 1
    mean[:, place], strength[:, place] = EXPONENT[0], noise**2 / EXPONENT[1] ** 2
    if "b" in form.parameters:
        place = form.parameters.index("b") - 1
        mean[:, place], strength[:, place] = data.first - data.centre, noise**2 / BEND**2
    return Prior(mean, strength)


def fit_pools(data: Table, law: tuple[Floats, Floats], own: Floats) -> list[Pool]:
    """Fit all members of all curves.

    Args:
        data: curves of three sizes or more.
        law: (b, 3) theta of the default law on all sizes, and (b,) its largest residual: a curve that follows it to
            rounding needs no pool.
        own: (b,) noise of one run as known (`Pool.own`).
    """
    u, delta = data.u, threshold(data.noise_of_means(own))
    found: list[list[Member]] = [[] for _ in data.y]
    exact = (law[1] < _EXACT) & (data.n_sizes > len(OFFSET.parameters))
    for form in FORMS:
        k = len(form.parameters)
        for share in WINDOWS:
            start = data.first + share * (data.last - data.first)
            inside = data.w * (data.x >= start[:, None] - 1e-9)
            sizes = (inside > 0).sum(axis=1)
            rows = np.flatnonzero((sizes >= FEWEST) & ~exact)
            if not rows.size:
                continue
            part = Table(data.x[rows], data.y[rows], inside[rows])
            whole = Table(data.x[rows], data.y[rows], data.w[rows])
            _, loss = solve(form, u[rows], part.y, part.w, _STARTS, delta[rows])
            freedom = np.maximum(sizes[rows] - k, 0) + _SEEN
            noise = np.sqrt((2 * loss + _SEEN * np.maximum(own[rows], NOISE) ** 2) / freedom)
            theta, _ = solve(form, u[rows], part.y, part.w, _STARTS, delta[rows], _prior(form, whole, noise))
            for j, i in enumerate(rows):
                found[i].append(Member(form, float(start[i]), theta[j], float(noise[j]), float(freedom[j])))
    for i in np.flatnonzero(exact):
        freedom_left = float(data.n_sizes[i] - len(OFFSET.parameters) + _SEEN)
        noise_left = NOISE / np.sqrt(freedom_left)
        found[i] = [Member(OFFSET, float(data.first[i]), law[0][i], noise_left, freedom_left, False)]
    return [
        Pool(float(centre), float(last), tuple(members), own=float(noise))
        for centre, last, members, noise in zip(data.centre, data.last, found, own, strict=True)
    ]


def with_draws(pools: list[Pool], data: Table, draws: int, seed: int, resampled: Floats | None = None) -> list[Pool]:
    """Refit every member to what might have been seen instead.

    Without `resampled` the window's law plus normal noise is refitted, the noise's own size drawn as its degrees of
    freedom allow; beliefs are drawn too, so that what only they decide spreads as they do.

    Args:
        draws: refits a curve, shared out evenly over its members; with `resampled`, as many as it holds.
        resampled: (b, r, n) resampled ln errors (of runs, test clips), used in place of law plus noise.
    """
    draws = draws if resampled is None else resampled.shape[1]
    u, delta = data.u, threshold(data.noise_of_means(np.array([pool.own for pool in pools])))
    found: list[dict[int, tuple[Floats, Floats]]] = [{} for _ in pools]
    for form in {m.form.name: m.form for pool in pools for m in pool.members}.values():
        jobs = [(i, j, m) for i, pool in enumerate(pools) for j, m in enumerate(pool.members) if m.form is form]
        counts = [len(range(j, draws, len(pools[i].members))) for i, j, _ in jobs]
        rng = np.random.default_rng([seed, len(form.parameters)])
        job = np.repeat(np.arange(len(jobs)), counts)
        curve = np.array([i for i, _, _ in jobs])[job]
        theta = np.stack([m.theta for _, _, m in jobs])[job]
        freedom, noise = (np.array([getattr(m, name) for _, _, m in jobs])[job] for name in ("freedom", "noise"))
        drawn = noise * np.sqrt(freedom / rng.chisquare(freedom))
        start = np.array([m.start for _, _, m in jobs])[job]
        w = data.w[curve] * (data.x[curve] >= start[:, None] - 1e-9)
        if resampled is None:
            y = form.log_error(u[curve], theta)[0]
            y += rng.standard_normal(y.shape) * drawn[:, None] / np.sqrt(np.maximum(data.w[curve], 1e-9))
        else:
            order = np.concatenate([np.arange(j, draws, len(pools[i].members)) for i, j, _ in jobs])
            y = resampled[curve, order]
        believed = np.array([m.believed for _, _, m in jobs])[job]
        prior = _prior(form, Table(data.x[curve], data.y[curve], data.w[curve]), noise * believed)
        prior = Prior(_drawn(prior, noise, rng), prior.strength)
        steps = _REFIT_STEPS if believed.any() else _FREE_STEPS
        refitted, _ = polish(form, u[curve], y, w, theta, delta[curve], prior, steps)
        own = np.array([pools[i].own for i, _, _ in jobs])[job]
        if resampled is None:
            own = drawn
        else:
            # Runs tell their noise no better than their number allows.
            known = np.maximum(data.w.sum(axis=1) - data.n_sizes, 1)[curve]
            own = np.where(own > 0, own * np.sqrt(known / rng.chisquare(known)), drawn)
        for k, (i, j, _) in enumerate(jobs):
            found[i][j] = (refitted[job == k], own[job == k])
    return [
        replace(pool, draws=tuple(mine[j] for j in range(len(pool.members))), measured=resampled is not None)
        for pool, mine in zip(pools, found, strict=True)
    ]


def _drawn(prior: Prior, noise: Floats, rng: np.random.Generator) -> NDArray[np.float64]:
    """Beliefs' centres, drawn from the beliefs."""
    # The strength is noise² over the belief's variance: this is the belief's standard deviation.
    width = noise[:, None] / np.sqrt(np.where(prior.strength > 0, prior.strength, np.inf))
    return np.asarray(prior.mean + width * rng.standard_normal(prior.mean.shape))
