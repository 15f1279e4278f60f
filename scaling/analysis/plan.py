"""Before money is spent: what a study of this grid would find, and what it costs.

    laws = Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25)
    found = power(Grid(laws, (1000, 4000, 16000, 64000), seeds=3, noise=0.02, samples_seen=64e6, hours_per_million=2.5))

The study is simulated many times: every run's ln error is its law's plus normal seed noise. Each simulated study is
analysed as a real one: seeds are resampled with the spread of Student's t, all sizes are refitted to every resample,
and a difference of exponents is found where its interval excludes 0, a crossing where its probability is at least
`crossing.SURE`. Test clips are not simulated: their noise belongs in the guess of the noise.

With few sizes the offset hangs on the exponent, and plain intervals of exponents are then too narrow: at log-noise
0.03 (4 sizes, 3 seeds) they find a difference in 18 % of studies without one instead of in 10 %. So the same grid is
simulated without a difference, and intervals are widened until such studies find one as often as the level says.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from scaling.analysis.crossing import REACH, SURE, crossing_size
from scaling.analysis.fit import LEVEL, Floats, law
from scaling.analysis.forms import OFFSET
from scaling.analysis.replicate import replicate
from scaling.analysis.solve import polish, solve

STUDIES = 200
RESAMPLES = 100  # of each simulated study: ends of intervals are averaged over the studies
_FEWEST = 3  # sizes that carry a curve
_LINE = 33
_STEPS = 10  # a refit starts at the optimum
_STARTS = 3


@dataclass(frozen=True)
class Law:
    """A guess of an arm's curve: error = E + A clips^-a, as a share."""

    name: str
    E: float
    A: float
    a: float

    def __post_init__(self) -> None:
        if not (self.E >= 0 and self.A > 0 and self.a > 0):
            raise ValueError(f"{self.name}: E must be 0 or more, A and a above 0")

    def error(self, clips: Floats) -> Floats:
        """Errors at these sizes."""
        return law(clips, self.E, self.A, self.a)


@dataclass(frozen=True)
class Grid:
    """Every arm at every size with every seed.

    Attributes:
        laws: the arms, two or more.
        clips: sizes, ascending, three or more.
        seeds: runs of each arm and size.
        noise: standard deviation of a run's ln error over seeds.
        samples_seen: clips seen in training by one run.
        hours_per_million: GPU-hours for a million clips seen.
        hours_per_run: GPU-hours of a run besides (start, probes).
    """

    laws: tuple[Law, ...]
    clips: tuple[int, ...]
    seeds: int
    noise: float
    samples_seen: float
    hours_per_million: float
    hours_per_run: float = 0.0

    def __post_init__(self) -> None:
        if len({one.name for one in self.laws}) < 2 or len({one.name for one in self.laws}) < len(self.laws):
            raise ValueError("a plan needs two arms or more, each with a name of its own")
        if len(self.clips) < _FEWEST or list(self.clips) != sorted(set(self.clips)) or self.clips[0] < 1:
            raise ValueError(f"a plan needs {_FEWEST} different sizes or more, ascending and above 0")
        if self.seeds < 1 or not self.noise > 0:
            raise ValueError("seeds must be 1 or more, and noise above 0")
        if min(self.samples_seen, self.hours_per_million, self.hours_per_run) < 0:
            raise ValueError("samples seen and hours must not be negative")

    @property
    def runs(self) -> int:
        """How many runs the grid has."""
        return len(self.laws) * len(self.clips) * self.seeds

    @property
    def hours(self) -> float:
        """GPU-hours of all runs."""
        return self.runs * (self.samples_seen * self.hours_per_million / 1e6 + self.hours_per_run)


@dataclass(frozen=True)
class Power:
    """What the simulated studies found of two arms.

    Attributes:
        arm, other: their names.
        exponents: exponent of `arm` minus that of `other`, as guessed.
        exponents_found: share of studies whose interval of that difference excludes 0.
        exponents_width: median width of that interval (level `fit.LEVEL`, widened as above).
        crossing: where the guessed curves cross within the reach; inf: nowhere.
        crossing_found: share of studies that claim a crossing within `crossing.REACH` times the largest size.
        crossing_interval: medians of the lower and upper ends of its interval; an upper inf: beyond the reach or never.
        largest: points (shares) of error that `arm` is better by at the largest size.
        largest_found: share of studies whose interval of that difference, between the curves, excludes 0.
        studies: how many were simulated; a share is uncertain by about sqrt(share (1 - share) / studies).
    """

    arm: str
    other: str
    exponents: float
    exponents_found: float
    exponents_width: float
    crossing: float
    crossing_found: float
    crossing_interval: tuple[float, float]
    largest: float
    largest_found: float
    studies: int


def power(grid: Grid, studies: int = STUDIES, seed: int = 0) -> list[Power]:
    """Simulate a grid; every pair of arms, in the order of the laws. The same arguments give the same numbers.

    With one seed nothing tells a run's noise, so nothing can be found: the shares are 0 and the widths NaN.
    """
    clips = np.array(grid.clips, dtype=np.float64)
    x = np.geomspace(clips[0], REACH * clips[-1], _LINE)
    x = np.sort(np.append(x, clips[-1]))
    found: list[Power] = []
    if grid.seeds > 1:
        means, again = simulate(grid, studies, seed)
        exponent = exponents(clips, means, again, np.ones(len(clips)))
        ln = replicated(clips, means, again, grid.seeds, x)
    for i, j in combinations(range(len(grid.laws)), 2):
        one, two = grid.laws[i], grid.laws[j]
        true = crossing_size(np.log([[one.error(x)], [two.error(x)]]), x)[0]
        known = (one.name, two.name, one.a - two.a)
        ahead = float(two.error(clips[-1]) - one.error(clips[-1]))
        if grid.seeds == 1:
            nan = float("nan")
            found.append(Power(*known, 0.0, nan, float(true), 0.0, (nan, nan), ahead, 0.0, studies))
            continue
        low, high = widened(exponent[:, i] - exponent[:, j], _factor(grid, i, j, studies, seed))
        size = np.stack([crossing_size(ln[s, [i, j]], x) for s in range(studies)])
        crossed = np.isfinite(size).mean(axis=1) >= SURE
        tail = (1 - LEVEL) / 2
        ends = np.nanquantile(size, [tail, 1 - tail], axis=1, method="nearest")
        middle = np.nanquantile(ends, 0.5, axis=1, method="nearest")
        at = int(np.flatnonzero(x == clips[-1])[0])
        gap_low, gap_high = _ends(np.exp(ln[:, j, :, at]) - np.exp(ln[:, i, :, at]))
        found.append(
            Power(
                *known, _outside(low, high), float(np.nanmedian(high - low)), float(true), float(crossed.mean()),
                (float(middle[0]), float(middle[1])), ahead, _outside(gap_low, gap_high), studies,
            )
        )  # fmt: skip
    return found


def _ends(draws: Floats) -> tuple[Floats, Floats]:
    """(s, r) -> (s,) ends of the interval of level `LEVEL`."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return low, high


def widened(draws: Floats, factor: float) -> tuple[Floats, Floats]:
    """(s, r) -> (s,) ends of the interval, both made `factor` times as far from the median."""
    low, high = _ends(draws)
    middle = np.median(draws, axis=1)
    return middle - factor * (middle - low), middle + factor * (high - middle)


def _factor(grid: Grid, i: int, j: int, studies: int, seed: int) -> float:
    """What intervals of exponents are widened by, so that arms i and j are told apart in 1 - `LEVEL` of studies where
    they have one exponent (the mean of both) and each its offset and its error at the middle of the sizes."""
    centre = float(np.exp(np.log(grid.clips).mean()))
    a = (grid.laws[i].a + grid.laws[j].a) / 2
    alike = tuple(Law(one.name, one.E, one.A * centre ** (a - one.a), a) for one in (grid.laws[i], grid.laws[j]))
    clips = np.array(grid.clips, dtype=np.float64)
    null = exponents(clips, *simulate(replace(grid, laws=alike), studies, seed + 1), np.ones(len(clips)))
    draws = null[:, 0] - null[:, 1]
    low, high = _ends(draws)
    middle = np.median(draws, axis=1)
    needed = np.abs(middle) / np.maximum(np.where(middle > 0, middle - low, high - middle), 1e-12)
    return max(float(np.quantile(needed, LEVEL)), 1.0)


def _outside(low: Floats, high: Floats) -> float:
    """Share of intervals that exclude 0; an unknown one does not."""
    return float(((low > 0) | (high < 0)).mean())


def simulate(grid: Grid, studies: int, seed: int) -> tuple[Floats, Floats]:
    """(studies, arms, n) mean errors and (studies, arms, RESAMPLES, n) resampled ones; two seeds or more.

    Resampled means spread about the means as Student's t with the noise that the seeds of an arm showed, as those of
    a study do.
    """
    clips = np.array(grid.clips, dtype=np.float64)
    rng = np.random.default_rng(seed)
    ln = np.log(np.stack([one.error(clips) for one in grid.laws]))
    k, shape = grid.seeds, (studies, *ln.shape)
    runs = ln[None, :, :, None] + grid.noise * rng.standard_normal((*shape, k))
    means = np.exp(runs).mean(axis=3)
    freedom = len(clips) * (k - 1)
    shown = np.sqrt(runs.var(axis=3, ddof=1).mean(axis=2))  # (studies, arms)
    wide = shown[..., None] * np.sqrt(freedom / rng.chisquare(freedom, (*shape[:2], RESAMPLES)))
    z = rng.standard_normal((*shape[:2], RESAMPLES, len(clips))) / np.sqrt(k)
    return means, means[:, :, None] * np.exp(wide[..., None] * z)


def exponents(clips: Floats, means: Floats, again: Floats, runs: Floats) -> Floats:
    """Exponents of the default law under every resample, without beliefs.

    Args:
        clips: (n,) sizes.
        means, again: (s, arms, n) and (s, arms, r, n) errors.
        runs: (n,) how many runs stand behind each, or any multiple of it.

    Returns:
        (s, arms, r) exponents, within `forms.EXPONENT_BOUNDS`.
    """
    s, arms, r, n = again.shape
    u = np.log(clips) - np.log(clips).mean()
    y, many = np.log(means).reshape(-1, n), np.log(again).reshape(-1, n)
    theta, _ = solve(OFFSET, np.broadcast_to(u, y.shape), y, np.broadcast_to(runs, y.shape), _STARTS)
    starts = np.repeat(theta, r, axis=0)
    weights = np.broadcast_to(runs, many.shape)
    theta, _ = polish(OFFSET, np.broadcast_to(u, many.shape), many, weights, starts, steps=_STEPS)
    return np.asarray(np.exp(theta[:, 2]).reshape(s, arms, r))


def replicated(clips: Floats, means: Floats, again: Floats, seeds: int, x: Floats) -> Floats:
    """(s, arms, r, g) ln errors at (g,) sizes x of all studies' paired replicates; arguments as of `exponents`."""
    s, arms, r, n = again.shape
    curves = [(clips, row) for row in means.reshape(-1, n)]
    resampled = list(again.reshape(-1, r, n))
    runs = [np.full(n, float(seeds))] * len(curves)
    return replicate(curves, resampled, runs).log_error(x).reshape(s, arms, r, x.size)
