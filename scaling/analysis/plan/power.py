"""Before money is spent: what a study of this grid would find, and what it costs.

    laws = Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25)
    found = power(Grid(laws, (1000, 4000, 16000, 64000), seeds=3, noise=0.02, samples_seen=64e6, hours_per_million=2.5))

The study is simulated many times (every run's ln error is its law's plus normal seed noise), and each simulated study
is analysed as a report analyses a real one. Test clips are not simulated: their noise belongs in the guess of the
noise. Noise that nobody guesses is drawn for each study from that of public curves (`public`).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scaling.analysis.curves.crossover import overtaken, sought
from scaling.analysis.curves.simulate import noisy
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.public import drawn_pairs
from scaling.analysis.plan.seen import Seen, quantile, seen_in, share

STUDIES = 200
_BATCH = 50  # studies refitted together: more need more memory and no less time


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
        stays_found: share of studies that say of the arm ahead at the largest size that it stays so.
        largest: points (shares) of error that `arm` is better by at the largest size.
        largest_found: share of studies whose interval of that difference excludes 0.
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
    stays_found: float
    largest: float
    largest_found: float
    studies: int


def power(grid: Grid, studies: int = STUDIES, seed: int = 0) -> list[Power]:
    """Simulate a grid of laws that are guessed; every pair of arms, in the order of the laws. The same arguments give
    the same numbers.

    With one seed nothing tells a run's noise, so nothing can be found: the shares are 0 and the widths NaN.
    """
    sizes = np.array(grid.sizes, dtype=np.float64)
    pairs = list(combinations(range(len(grid.guessed)), 2))
    errors = np.array([law.error(sizes) for law in grid.guessed])
    seen: list[list[Seen]] = [[] for _ in pairs]
    if grid.seeds > 1:
        rng = np.random.default_rng(seed)
        for begin in range(0, studies, _BATCH):
            n = min(_BATCH, studies - begin)
            noise = np.full((n, 1, sizes.size), grid.noise)
            if not grid.noise:
                noise = np.array([[one.noise_at(sizes / sizes[-1])] for one, _ in drawn_pairs(n, rng)])
            made = noisy(np.broadcast_to(errors, (n, *errors.shape)), noise, rng, grid.seeds)
            for mine, found in zip(seen, seen_in(made, sizes, rng, pairs), strict=True):
                mine += found
    return [_power(grid, two, found, studies) for two, found in zip(pairs, seen, strict=True)]


def _power(grid: Grid, two: tuple[int, int], seen: list[Seen], studies: int) -> Power:
    one, other = (grid.guessed[i] for i in two)
    x, largest = sought(float(grid.sizes[0]), float(grid.sizes[-1])), np.array(grid.sizes[-1], dtype=np.float64)
    lead = np.log(other.error(x)) - np.log(one.error(x))
    crosses = float(overtaken(x, (lead if lead[0] > 0 else -lead)[None])[0])
    return Power(
        one.name, other.name, one.a - other.a, share([study.exponents for study in seen]),
        quantile([study.width for study in seen]), crosses, share([study.crossover for study in seen]),
        (quantile([study.low for study in seen]), quantile([study.high for study in seen])),
        share([study.stays for study in seen]), float(other.error(largest) - one.error(largest)),
        share([study.largest for study in seen]), studies,
    )  # fmt: skip
