"""Where the leader changes between two curves: an interval, and how sure it is that it changes at all.

In each replicate the arm that errs less at the smallest size leads. The crossover is the first size at which the other
does: nowhere if there is none up to `FAR` times the largest size, below all sizes if the other leads from the start.
The interval's ends are quantiles of that size. At the crossover the difference D(x) of ln errors is 0; while no
replicate crosses back, the interval is the test "D(x) = 0" inverted, as Fieller (1954) does for a ratio. It holds the
true crossover as often as intervals of D hold 0 there, however badly the crossover is determined. An interval that
never ends is the honest answer where the data do not exclude that the curves never cross.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL

CLAIMED = 0.95  # probability from which on a crossover is claimed
STAYS = 0.9  # probability from which on it is said that who leads stays ahead
NEAR, FAR = 10.0, 100.0  # times the largest size
_POINTS = 121


@dataclass(frozen=True)
class Crossover:
    """Where arm `ahead` (0 or 1), which errs less at the smallest size, is overtaken.

    Attributes:
        at: the median replicate's crossover; 0 below the smallest size, inf beyond `FAR` times the largest.
        low, high: the interval of level `LEVEL`: 0 where crossing before the smallest size is not excluded, inf where
            not crossing is not.
        probability: that `ahead` leads at the smallest size and is overtaken by `FAR` times the largest.
        none_near, none_far: probabilities that `leads`, the arm that errs less at the largest size, does so from there
            to `NEAR` and to `FAR` times it.
    """

    ahead: int
    at: float
    low: float
    high: float
    probability: float
    none_near: float
    none_far: float
    leads: int

    @property
    def claimed(self) -> bool:
        """Whether a crossover is claimed."""
        return self.probability >= CLAIMED


def sought(smallest: float, largest: float) -> Floats:
    """(n,) sizes at which `crossover` wants the replicates: from the smallest to `FAR` times the largest."""
    return np.geomspace(smallest, FAR * largest, _POINTS)


def crossover(x: Floats, largest: float, apart: Floats) -> Crossover:
    """Find the crossover of two arms.

    Args:
        x: (n,) ascending sizes, as from `sought`.
        largest: the largest size measured.
        apart: (r, n) replicates of ln error of arm 1 minus that of arm 0.
    """
    ahead = int(np.median(apart[:, 0]) < 0)
    lead = -apart if ahead else apart
    first = overtaken(x, lead)
    # No interpolation between draws: some lie nowhere.
    low, at, high = np.quantile(first, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], method="inverted_cdf").tolist()
    beyond = x >= largest * (1 - 1e-9)
    leads = int(np.median(apart[:, beyond][:, 0]) < 0)
    stays = (apart < 0) if leads else (apart > 0)
    within = (beyond & (x <= NEAR * largest * (1 + 1e-9)), beyond)
    near, far = (share(np.asarray(stays[:, here].all(axis=1))) for here in within)
    return Crossover(ahead, at, low, high, share((lead[:, 0] > 0) & np.isfinite(first)), near, far, leads)


def overtaken(x: Floats, lead: Floats) -> Floats:
    """(r,) the first of the (n,) ascending sizes at which each (r, n) lead falls below 0, log-linear in between.

    0 where it is below 0 from the start, inf where it never is.
    """
    below = lead < 0
    place = np.maximum(below.argmax(axis=1), 1)
    rows = np.arange(len(lead))
    before, after = lead[rows, place - 1], lead[rows, place]
    part = np.clip(before / np.where(before > after, before - after, 1.0), 0, 1)
    found = x[place - 1] * (x[place] / x[place - 1]) ** part
    return np.where(below[:, 0], 0.0, np.where(below.any(axis=1), found, np.inf))


def needed(sizes: Floats, errors: Floats, goal: Floats) -> Floats:
    """(n,), (b, n), (b,) -> (b,) the size at which a piecewise power law meets the goal, within the sizes."""
    falling = np.log(np.maximum(np.minimum.accumulate(errors, axis=1), 1e-9))
    wanted = np.log(np.maximum(goal, 1e-9))
    log = np.log(sizes)
    return np.exp([np.interp(-g, -line, log) for g, line in zip(wanted, falling, strict=True)])


def share(happened: NDArray[np.bool_]) -> float:
    """Share of replicates in which something happened, never exactly 0 or 1."""
    return (float(happened.sum()) + 0.5) / (happened.size + 1)
