"""Predictions pooled over what is not known: from which size on the law holds, and which law it is.

A curve's smallest sizes rarely follow the law of its largest ones (errors near chance, warm-up), and no test on a
dozen points can say where the law begins. So the default law and the saturating one are fitted to four windows of
sizes, the last 100, 75, 50 and 25 % of the range of ln(size), and their log predictions averaged with equal weight
(equal weights over estimation windows: Pesaran and Timmermann 2007). Within the data a window counts from
nothing at its first size to fully at the curve's largest, so that predictions are continuous.

Few sizes do not fix three parameters. Beliefs hold them: exponents are log-normal, the bend of the saturating
form lies near the smallest size, and the noise is about 1 %, worth one observation; each weighs as its
variance says against the noise seen.

Where a curve neither falls nor rises beyond its noise, nobody knows whether it will: half of the weight is on its
level, half on the laws. One that rises is predicted to stay where it is.

Chosen by looking, in round numbers. At ../shared/extrapolation alone; `tests/bench/choices.py` says what each is worth,
and what choosing cost on domains that the choice did not see:
- the two laws that are pooled, with equal weight (FORMS; neither the pure power law nor the broken one);
- windows of sizes instead of all sizes, four of them, that a window has three sizes at least (WINDOWS, FEWEST);
- the belief about exponents: median 0.5, one standard deviation a factor e^0.4 (EXPONENT);
- the belief about the bend: near the smallest size, one standard deviation a factor e (BEND);
- the belief about noise: 1 %, worth one observation (NOISE, _SEEN), and the Huber threshold of 1 % (`solve.HUBER`).
At that and at ../shared/lcdb, half of each of which is kept back:
- that a flat curve is predicted half at its level, and that one that rises stays; that known noise widens the Huber
  threshold (`solve.threshold`);
- what a half-width is made of: the four parts, thirds for the steepness, a power of the distance, a factor at a bound
  (`bands`), that there are three sets of numbers; Student's t for the weights; a whole data set of margin, which is the
  theory's, where a half had been too little for kinds of learner left out;
- how two arms go on beyond their data (`ahead`, LCDB alone): what the deviation is made of, that it is Student's t, and
  from which probability on it is said that who leads stays ahead (`crossover.STAYS`); of what the deviations of a
  doubling and of exponents are made;
- how alike in noise pairs are that a plan draws for a noise that is told, a factor of 2 (`plan.public`, LCDB alone);
- how much cases count in learning (`tests/bench/band_points.py`): LCDB's protocol A most, each collection for itself.
At simulated laws: that replicates move to means that stray from their law (`replicate.as_seen`), from one standard
deviation on, and how far they are off midway: the geometric mean of two numbers and the 1 %.
The numbers in bands.csv and `ahead` are learned, not chosen; how bands do without the data sets that are judged, and
without kinds of learner and domains, is in tests/bench/README.md. Not chosen by looking: the default law, that windows
fade in within the data, the number of grid points and steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scaling.analysis.curves.forms import OFFSET, SATURATING, Floats, Form
from scaling.analysis.curves.observed import Table
from scaling.analysis.curves.solve import Prior, solve, threshold

WINDOWS = (0.0, 0.25, 0.5, 0.75)  # shares of the range of ln(size) left out
FORMS = (OFFSET, SATURATING)
EXPONENT = (np.log(0.5), 0.4)  # belief: mean and standard deviation of ln a
BEND = 1.0  # belief: standard deviation of ln b around the smallest size
NOISE = 0.01  # belief: standard deviation of ln error, as if seen once
FEWEST = 3  # sizes in a window

Trend = Literal["falls", "flat", "rises"]
Known = Literal["one run", "one run and test clips", "several runs"]

_STARTS = 4
_EXACT = 1e-8
_NOISE_STEPS = 60  # of a fit of which only the loss is needed
_PARTS = 3
_SEEN = 1  # observations that the belief about noise is worth


@dataclass(frozen=True)
class Member:
    """One law on one window of one curve: where its window starts (ln size), theta, and what noise is left."""

    form: Form
    start: float
    theta: Floats
    noise: float


@dataclass(frozen=True)
class Pool:
    """What is predicted of one curve.

    Attributes:
        sizes, errors, runs: (n,) ln sizes, ascending, ln mean errors seen there, and how many runs they are of.
        members: whose predictions are averaged.
        trend: of a flat curve the level counts as much as all members; one that rises stays at its last error.
        own: standard deviation of ln error of one run as runs or test clips tell it; 0 where they do not.
        known: what tells the noise of a run.
        bound: whether the default law's exponent is at a bound, so that it describes a step or no law at all.
    """

    centre: float
    sizes: Floats
    errors: Floats
    runs: Floats
    members: tuple[Member, ...]
    trend: Trend = "falls"
    own: float = 0.0
    known: Known = "one run"
    bound: bool = False

    @property
    def level(self) -> float:
        """Mean ln error over runs."""
        return float(self.runs @ self.errors / self.runs.sum())

    @property
    def first(self) -> float:
        """Smallest ln size."""
        return float(self.sizes[0])

    @property
    def last(self) -> float:
        """Largest ln size."""
        return float(self.sizes[-1])

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
        """(n,) predicted ln error at ln sizes x."""
        if self.trend == "rises":
            return np.interp(x, self.sizes, self.errors)
        return self._mixture(x)[0]

    def spread(self, x: Floats) -> Floats:
        """(n,) standard deviation of ln error among the members, and a flat curve's level, at ln sizes x."""
        return self._mixture(x)[1]

    def _mixture(self, x: Floats) -> tuple[Floats, Floats]:
        """(n,) means and standard deviations of the laws (and the level) that are averaged."""
        u = (x - self.centre)[None]
        each = np.stack([member.form.log_error(u, member.theta[None])[0][0] for member in self.members])
        weights = self.weights(x)
        if self.trend == "flat":
            each = np.concatenate([each, np.full((1, x.size), self.level)])
            weights = np.concatenate([0.5 * weights, np.full((1, x.size), 0.5)])
        mean = (weights * each).sum(axis=0)
        return np.asarray(mean), np.asarray(np.sqrt((weights * (each - mean) ** 2).sum(axis=0)))

    @property
    def noise(self) -> float:
        """Standard deviation of ln error of a new run: of runs, or of what is left around the laws and test clips."""
        if self.known == "several runs" and self.own > 0:
            return self.own
        left = float(np.median([member.noise for member in self.members]))
        return float(np.hypot(left, self.own))

    @property
    def apart(self) -> float:
        """How far from the laws the largest size's ln error lies."""
        return abs(float(self._mixture(self.sizes[-1:])[0][0] - self.errors[-1]))

    @property
    def steep(self) -> float:
        """Mean steepness, d ln error / d ln size either way, over the thirds of the range of ln sizes."""
        return steepness(lambda x: np.interp(x, self.sizes, self.errors), self.first, self.last)


def steepness(of: Callable[[Floats], Floats], first: float, last: float) -> float:
    """Mean steepness either way of a function of ln size, over the thirds of a range."""
    x = np.linspace(first, last, _PARTS + 1)
    return float(np.abs(np.diff(of(x))).sum() / (last - first))


def _prior(form: Form, data: Table, noise: Floats) -> Prior:
    b, k = len(data.y), len(form.low)
    mean, strength = np.zeros((b, k)), np.zeros((b, k))
    place = form.parameters.index("a") - 1
    mean[:, place], strength[:, place] = EXPONENT[0], noise**2 / EXPONENT[1] ** 2
    if "b" in form.parameters:
        place = form.parameters.index("b") - 1
        mean[:, place], strength[:, place] = np.round(data.first - data.centre, 10), noise**2 / BEND**2
    return Prior(mean, strength)


def pool_of(data: Table, i: int, members: list[Member], own: float, trend: Trend = "falls") -> Pool:
    """The pool of curve i, without draws."""
    here = data.seen[i]
    x, y, w = (part[i, here] for part in (data.x, data.y, data.w))
    return Pool(float(data.centre[i]), x, y, w, tuple(members), trend, own=own)


def fit_pools(data: Table, law: tuple[Floats, Floats], own: Floats, trends: list[Trend]) -> list[Pool]:
    """Fit all members of all curves.

    Args:
        data: curves of three sizes or more.
        law: (b, 3) theta of the default law on all sizes, and (b,) its largest residual: a curve that follows it to
            rounding needs no pool.
        own: (b,) noise of one run as known (`Pool.own`).
        trends: of each curve.
    """
    u, delta = data.u, threshold(data.noise_of_means(own))
    found: list[list[Member]] = [[] for _ in data.y]
    exact = (law[1] < _EXACT) & (data.n_sizes > len(OFFSET.parameters))
    for form in FORMS:
        # All windows in one batch: a curve alone would wait for NumPy's overhead eight times.
        starts = np.stack([data.first + share * (data.last - data.first) for share in WINDOWS], axis=1)
        inside = data.w[:, None] * (data.x[:, None] >= starts[..., None] - 1e-9)  # (b, windows, n)
        sizes = (inside > 0).sum(axis=2)
        rows, window = np.nonzero((sizes >= FEWEST) & ~exact[:, None])
        if not rows.size:
            continue
        part, u_part, delta_part = Table(data.x[rows], data.y[rows], inside[rows, window]), u[rows], delta[rows]
        _, loss = solve(form, u_part, part.y, part.w, _STARTS, delta_part, steps=_NOISE_STEPS)
        freedom = np.maximum(sizes[rows, window] - len(form.parameters), 0) + _SEEN
        noise = np.sqrt((2 * loss + _SEEN * np.maximum(own[rows], NOISE) ** 2) / freedom)
        believed = _prior(form, data.rows(rows), noise)
        theta, _ = solve(form, u_part, part.y, part.w, _STARTS, delta_part, believed)
        for j, i in enumerate(rows):
            start = float(starts[i, window[j]])
            found[i].append(Member(form, start, theta[j], float(noise[j])))
    for i in np.flatnonzero(exact):
        left = NOISE / float(np.sqrt(data.n_sizes[i] - len(OFFSET.parameters) + _SEEN))
        found[i] = [Member(OFFSET, float(data.first[i]), law[0][i], left)]
    return [pool_of(data, i, members, float(own[i]), trends[i]) for i, members in enumerate(found)]
