"""Before money is spent: what a study of this grid would find, and what it costs.

    laws = Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25)
    found = power(Grid(laws, (1000, 4000, 16000, 64000), seeds=3, noise=0.02, samples_seen=64e6, hours_per_million=2.5))

The study is simulated many times (every run's ln error is its law's plus normal seed noise), and each simulated study
is analysed as a report analyses a real one. Test clips are not simulated: their noise belongs in the guess of the
noise.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scaling.analysis.curves.crossover import FAR, crossover, overtaken, sought
from scaling.analysis.curves.forms import Floats, refuse_unusable
from scaling.analysis.curves.observed import interval
from scaling.analysis.curves.pool import FEWEST
from scaling.analysis.curves.simulate import DRAWS, Law, replicates, simulate

STUDIES = 200
_BATCH = 50  # studies refitted together: more need more memory and no less time
_MOST_NOISE = 10.0  # of ln error: a factor of 20,000
_MOST_SEEDS = 100
_ROOM = 1e-25  # share of the magnitudes that an error may have, for noise to leave it within them


def refuse_noise(noise: float) -> None:
    """Raise ValueError for what is no noise of ln error between runs."""
    if not 0 < noise <= _MOST_NOISE:
        raise ValueError(f"noise must be above 0 and at most {_MOST_NOISE:g} (0.02: errors vary by about 2 %)")


@dataclass(frozen=True)
class Grid:
    """Every arm at every size with every seed.

    Attributes:
        laws: the arms, two or more.
        sizes: places on the axis, ascending, three or more.
        seeds: runs of each arm and size.
        noise: standard deviation of a run's ln error over seeds.
        samples_seen: clips seen in training by one run.
        hours_per_million: GPU-hours for a million clips seen.
        hours_per_run: GPU-hours of a run besides (start, probes).
        unit: what sizes count.

    Raises:
        ValueError: what makes no sense.
    """

    laws: tuple[Law, ...]
    sizes: tuple[float, ...]
    seeds: int
    noise: float
    samples_seen: float
    hours_per_million: float
    hours_per_run: float = 0.0
    unit: str = "clips"

    def __post_init__(self) -> None:
        if len({one.name for one in self.laws}) < 2 or len({one.name for one in self.laws}) < len(self.laws):
            raise ValueError("a plan needs two arms or more, each with a name of its own")
        if len(self.sizes) < FEWEST or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"a plan needs {FEWEST} different sizes or more, ascending and above 0")
        refuse_unusable("sizes", np.array(self.sizes, dtype=np.float64))
        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise ValueError(f"seeds must be 1 to {_MOST_SEEDS}")
        refuse_noise(self.noise)
        if not all(0 <= v < np.inf for v in (self.samples_seen, self.hours_per_million, self.hours_per_run)):
            raise ValueError("samples seen and hours must be finite and not negative")
        # A law falls: what it gives between these two is between.
        ends = np.array([self.sizes[0], FAR * self.sizes[-1]])
        for one in self.laws:
            with np.errstate(all="ignore"):
                what = f"errors of {one.name} from the smallest to {FAR:.0f} times the largest size"
                refuse_unusable(what, one.error(ends), _ROOM)

    @property
    def runs(self) -> int:
        """How many runs the grid has."""
        return len(self.laws) * len(self.sizes) * self.seeds

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
        exponents_width: median width of that interval (level `observed.LEVEL`).
        crosses: where the guessed curves cross, as `crossover` tells it; inf: nowhere, 0: below the smallest size.
        crossover_found: share of studies that claim a crossover.
        crossover_interval: medians of the lower and upper ends of its interval, as `Crossover` tells them.
        largest: points (shares) of error that `arm` is better by at the largest size.
        largest_found: share of studies whose interval of that difference, between the curves, excludes 0.
        studies: how many were simulated; a share is uncertain by about sqrt(share (1 - share) / studies).
    """

    arm: str
    other: str
    exponents: float
    exponents_found: float
    exponents_width: float
    crosses: float
    crossover_found: float
    crossover_interval: tuple[float, float]
    largest: float
    largest_found: float
    studies: int


def power(grid: Grid, studies: int = STUDIES, seed: int = 0) -> list[Power]:
    """Simulate a grid; every pair of arms, in the order of the laws. The same arguments give the same numbers.

    With one seed nothing tells a run's noise, so nothing can be found: the shares are 0 and the widths NaN.
    """
    sizes = np.array(grid.sizes, dtype=np.float64)
    x = sought(float(sizes[0]), float(sizes[-1]))
    pairs = list(combinations(range(len(grid.laws)), 2))
    seen: list[list[_Seen]] = [[] for _ in pairs]
    if grid.seeds > 1:
        rng = np.random.default_rng(seed)
        for begin in range(0, studies, _BATCH):
            n = min(_BATCH, studies - begin)
            made = replicates(simulate(grid.laws, sizes, grid.noise, n, rng, grid.seeds), sizes, rng)
            shape = (n, len(grid.laws), DRAWS)
            exponents = made.exponents().reshape(shape)
            ln = made.log_error(np.append(x, sizes[-1])).reshape(*shape, -1)
            for two, found in zip(pairs, seen, strict=True):
                found += [_seen(x, exponents[s, list(two)], ln[s, list(two)]) for s in range(n)]
    return [_power(grid, two, x, found, studies) for two, found in zip(pairs, seen, strict=True)]


@dataclass(frozen=True)
class _Seen:
    """What one simulated study says of two arms: whether three things are found, and intervals of two of them."""

    exponents: bool
    crossover: bool
    largest: bool
    width: float
    low: float
    high: float


def _seen(x: Floats, exponents: Floats, ln: Floats) -> _Seen:
    """Exponents are (2, r), ln errors (2, r, len(x) + 1), the last at the largest size."""
    low, high = interval(exponents[0] - exponents[1])
    better, worse = interval(np.exp(ln[1, :, -1]) - np.exp(ln[0, :, -1]))
    at = crossover(x, float(x[-1]) / FAR, ln[1, :, :-1] - ln[0, :, :-1])
    return _Seen(low > 0 or high < 0, at.claimed, better > 0 or worse < 0, high - low, at.low, at.high)


def _power(grid: Grid, two: tuple[int, int], x: Floats, seen: list[_Seen], studies: int) -> Power:
    one, other = (grid.laws[i] for i in two)
    largest = np.array(grid.sizes[-1], dtype=np.float64)
    lead = np.log(other.error(x)) - np.log(one.error(x))
    crosses = float(overtaken(x, (lead if lead[0] > 0 else -lead)[None])[0])

    def share(happened: list[bool]) -> float:
        return float(np.mean(happened)) if happened else 0.0

    def middle(values: list[float]) -> float:
        # By rank, not between: some are inf.
        known = [value for value in values if not np.isnan(value)]
        return float(np.quantile(known, 0.5, method="inverted_cdf")) if known else float("nan")

    return Power(
        one.name, other.name, one.a - other.a, share([study.exponents for study in seen]),
        middle([study.width for study in seen]), crosses, share([study.crossover for study in seen]),
        (middle([study.low for study in seen]), middle([study.high for study in seen])),
        float(other.error(largest) - one.error(largest)),
        share([study.largest for study in seen]), studies,
    )  # fmt: skip
