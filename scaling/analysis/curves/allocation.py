"""Which size is best for a given compute: the minimum of L(N, D) where N and D may be traded for each other.

What a run costs is measured, not supposed: flops = c(N) D^q with c as measured at each N, and in between on straight
lines of logarithms. With c(N) = 6 N, q = 1 and a surface E + A N^-a + B D^-b the best N grows as C^(b / (a + b))
(Hoffmann et al. 2022, equation 4); an encoder with a text side beside it costs less than in proportion to its size.
"""

from dataclasses import dataclass

import numpy as np

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.surface import Surface

_FREE = 0.05  # exponents below this: D costs nothing
_GRID = 65


@dataclass(frozen=True)
class Cost:
    """What a run costs: ln flops = c(ln N) + q ln D.

    Attributes:
        sizes: (m,) the N measured, ascending, two or more.
        c: (m,) at these.
        q: exponent of D.
        misfit: the largest difference of ln flops from this law at a run.
    """

    sizes: Floats
    c: Floats
    q: float
    misfit: float

    def affordable(self, compute: float, N: Floats) -> Floats:
        """The D that this many flops buy at (...) sizes N within those measured."""
        return np.asarray(np.exp((np.log(compute) - np.interp(np.log(N), np.log(self.sizes), self.c)) / self.q))


def fit_cost(N: Floats, D: Floats, flops: Floats) -> Cost:
    """Fit the cost to (n,) runs.

    Raises:
        ValueError: a value that is not a finite number above 0, one N alone, or flops that do not grow with D.
    """
    N, D, flops = (np.asarray(v, dtype=np.float64) for v in (N, D, flops))
    if not all(np.isfinite(v).all() and np.all(v > 0) for v in (N, D, flops)):
        raise ValueError("what the runs cost is not known")
    sizes, place = np.unique(N, return_inverse=True)
    if len(sizes) < 2 or np.ptp(D) == 0:
        raise ValueError("nothing can be traded where one of the sizes does not vary")
    known = np.concatenate([place[:, None] == np.arange(len(sizes)), np.log(D)[:, None]], axis=1).astype(np.float64)
    found, *_ = np.linalg.lstsq(known, np.log(flops))
    if found[-1] < _FREE:
        raise ValueError("runs of one size cost the same whatever they are given")
    misfit = np.abs(np.log(flops) - known @ found).max()
    return Cost(sizes, np.asarray(found[:-1], dtype=np.float64), float(found[-1]), float(misfit))


def best_sizes(surface: Surface, cost: Cost, compute: float) -> Floats:
    """(r,) the N within the sizes measured at which each resample of the surface errs least for this many flops.

    An end of the sizes where the error falls up to there. Found on a grid and on a finer one about its best point, so
    to a share of a thousandth of the range of ln N.
    """
    low, high = np.log(cost.sizes[[0, -1]])
    grid = np.broadcast_to(np.linspace(low, high, _GRID), (len(surface.draws), _GRID))
    step = (high - low) / (_GRID - 1)
    for _ in range(2):
        N = np.exp(grid)
        E, A, B, a, b = surface.draws.T[..., None]
        error = E + A * N**-a + B * cost.affordable(compute, N) ** -b
        best = np.take_along_axis(grid, error.argmin(axis=1)[:, None], axis=1)
        grid = np.clip(best + np.linspace(-step, step, _GRID), low, high)
    smallest, largest = cost.sizes[[0, -1]]
    # A logarithm and back would leave 499999.9999999997 of an end.
    return np.where(best <= low, smallest, np.where(best >= high, largest, np.exp(best)))[:, 0]
