"""What a grid finds of two arms whose laws nobody guesses: those of public curves that may be compared.

    found = typical(Grid(("mae", "jepa"), (1000, 4000, 16000, 64000), 3, 0, samples_seen=64e6, hours_per_million=2.5))

Every simulated study has two arms of one public data set or task (`public`), laws that break as theirs do, and the
noise of their runs unless that is given. `tests/bench/real_plan.py` compares what is promised so with what such grids
found on real curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaling.analysis.curves.crossover import NEAR
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.simulate import noisy
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.public import PublicArm, drawn_pairs
from scaling.analysis.plan.seen import Seen, Spread, seen_in, share, spread

STUDIES = 200
_BATCH = 50  # studies refitted together: more need more memory and no less time


@dataclass(frozen=True)
class Typical:
    """What such a grid finds of two arms whose laws nobody knows, over studies of public curves.

    Attributes:
        largest_found: share of studies that say which is better at the largest size; largest_true: share of those in
            which it is; NaN where nothing is said.
        largest_width: median width of that interval of the difference of ln errors, and the middle 80 % of studies.
        exponents_found: share of studies that say whose exponent is larger.
        exponents_width: width of that interval, as `largest_width`.
        crossover_found: share of studies that claim a crossover.
        stays_found: share of studies that say of the arm ahead at the largest size that it stays so to `NEAR` times it;
            stays_true: share of those in which it is ahead there.
        noise: median standard deviation of a run's ln error at the largest size, and the middle 80 %.
        studies: how many were simulated.
    """

    largest_found: float
    largest_true: float
    largest_width: Spread
    exponents_found: float
    exponents_width: Spread
    crossover_found: float
    stays_found: float
    stays_true: float
    noise: Spread
    studies: int


def typical(grid: Grid, studies: int = STUDIES, seed: int = 0, among: Sequence[PublicArm] | None = None) -> Typical:
    """Simulate a grid of two arms that nobody guesses; `among` which public arms they are, all without.

    With one seed nothing can be found, as in `power`.
    """
    sizes, rng = np.array(grid.sizes, dtype=np.float64), np.random.default_rng(seed)
    at = sizes / sizes[-1]
    arms = drawn_pairs(studies, rng, among, grid.noise)
    noise = np.array(
        [[np.full(at.shape, grid.noise) if grid.noise else arm.noise_at(at) for arm in two] for two in arms]
    )
    seen: list[Seen] = []
    for i in range(0, studies if grid.seeds > 1 else 0, _BATCH):
        part = arms[i : i + _BATCH]
        errors = np.array([[arm.law.error(at) for arm in two] for two in part])
        seen += seen_in(noisy(errors, noise[i : i + _BATCH], rng, grid.seeds), sizes, rng)[0]
    ends = np.array([1.0, NEAR])
    true = np.array([[np.log(arm.law.error(ends)) for arm in two] for two in arms])
    return told(seen, true[:, 1] - true[:, 0], noise[:, :, -1].ravel())


def told(seen: list[Seen], true: Floats, noise: Floats) -> Typical:
    """What studies of two arms said, and how often that was true.

    Args:
        true: (n, 2) ln error of the second arm minus that of the first, at the largest size and `NEAR` times it.
        noise: standard deviations of runs' ln errors.
    """
    said = np.array([one.largest for one in seen], dtype=bool)
    stays = np.array([one.stays for one in seen], dtype=bool)
    first, leads = (np.array([getattr(one, name) for one in seen], dtype=bool) for name in ("first", "leads"))
    right = (true[: len(seen)] > 0) == np.stack([first, leads], axis=1)
    return Typical(
        share(said), share(right[said, 0], np.nan), spread([one.apart for one in seen]),
        share([one.exponents for one in seen]), spread([one.width for one in seen]),
        share([one.crossover for one in seen]), share(stays), share(right[stays, 1], np.nan), spread(noise),
        len(seen) or len(true),
    )  # fmt: skip
