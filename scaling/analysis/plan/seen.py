"""What studies of a grid say of two arms, real or simulated ones: each is analysed as a report analyses a study."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.ahead import exponents_apart
from scaling.analysis.curves.crossover import STAYS, crossover, sought
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import interval
from scaling.analysis.curves.simulate import Studies, studies

Spread = tuple[float, float, float]  # median, and the ends of the middle 80 %


@dataclass(frozen=True)
class Seen:
    """What one study says of two arms.

    Attributes:
        exponents, crossover, largest, stays: whether it says whose exponent is larger, that they cross, which is better
            at the largest size, that who leads there stays ahead.
        first, leads: whether the first arm is better at the largest size by its runs, and ahead there by the curves.
        width, apart: widths of the intervals of the exponents' difference, and of the ln errors' at the largest size.
        low, high: the interval of the crossover.
    """

    exponents: bool
    crossover: bool
    largest: bool
    stays: bool
    first: bool
    leads: bool
    width: float
    apart: float
    low: float
    high: float


def seen_in(
    errors: Floats, sizes: Floats, rng: np.random.Generator, pairs: Sequence[tuple[int, int]] = ((0, 1),)
) -> list[list[Seen]]:
    """(studies, arms, sizes, seeds) errors -> of every pair of arms, what each study says."""
    x, made = sought(float(sizes[0]), float(sizes[-1])), studies(errors, sizes, rng)
    return [[_seen(made, i, two, x) for i in range(len(errors))] for two in pairs]


def _seen(made: Studies, study: int, two: tuple[int, int], x: Floats) -> Seen:
    low, high = interval(exponents_apart(made.exponents(study, two)))
    largest = made.seen(study, two)
    better, worse = interval(largest[1] - largest[0])
    ln = made.log_error(study, two, x)
    at = crossover(x, float(made.sizes[-1]), ln[1] - ln[0])
    return Seen(
        low > 0 or high < 0, at.claimed, better > 0 or worse < 0, not at.claimed and at.none_near >= STAYS,
        better + worse > 0, at.leads == 0, high - low, worse - better, at.low, at.high,
    )  # fmt: skip


def share(happened: Sequence[bool] | NDArray[np.bool_], otherwise: float = 0.0) -> float:
    """How often it happened; `otherwise` of nothing."""
    return float(np.mean(happened)) if len(happened) else otherwise


def quantile(values: Sequence[float] | Floats, p: float = 0.5) -> float:
    """Of those that are known; NaN of none."""
    # By rank, not between: some are inf.
    known = [value for value in values if not np.isnan(value)]
    return float(np.quantile(known, p, method="inverted_cdf")) if known else float("nan")


def spread(values: Sequence[float] | Floats) -> Spread:
    """Of those that are known; NaN of none."""
    return quantile(values), quantile(values, 0.1), quantile(values, 0.9)
