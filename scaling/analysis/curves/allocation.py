"""Which size is best for a given compute: the minimum of L(N, D) where N and D may be traded for each other.

What a run costs is measured, not supposed: flops = c(N) D^q, where c(N) adds up what does not grow with N (a text
side), what grows with its root (attention, N being parameters), with N and with its square (N being a width). With
c(N) = 6 N, q = 1 and a surface E + A N^-a + B D^-b the best N grows as C^(b / (a + b)) (Hoffmann et al. 2022,
equation 4).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.surface import Surface

_POWERS = np.array([0.0, 0.5, 1.0, 2.0])  # of N, that a cost may grow with
_FREE = 0.05  # exponents of D below this: D costs nothing
_FAR = 0.2  # of ln flops: a law that is further off says nothing
_GRID = 65


@dataclass(frozen=True)
class Cost:
    """What a run costs: c(N) D^q flops.

    Attributes:
        sizes: (m,) the N measured, ascending, two or more.
        weights: (4,) of c(N), for N in units of the largest.
        q: exponent of D.
    """

    sizes: Floats
    weights: Floats
    q: float

    def compute(self, N: Floats, D: Floats) -> Floats:
        """The flops of runs of these sizes (broadcast against each other)."""
        return np.asarray(_terms(N / self.sizes[-1]) @ self.weights * D**self.q)

    def affordable(self, compute: float, N: Floats) -> Floats:
        """The D that this many flops buy at (...) sizes N."""
        return np.asarray((compute / self.compute(N, np.array(1.0))) ** (1 / self.q))


def fit_cost(N: Floats, D: Floats, flops: Floats) -> Cost:
    """Fit the cost to (n,) runs.

    Raises:
        ValueError: a value that is not a finite number above 0, one N alone, flops that do not grow with D, or that do
            not follow the law within 20 %.
    """
    N, D, flops = (np.asarray(v, dtype=np.float64) for v in (N, D, flops))
    if not all(np.isfinite(v).all() and np.all(v > 0) for v in (N, D, flops)):
        raise ValueError("what the runs cost is not known")
    sizes, place = np.unique(N, return_inverse=True)
    if len(sizes) < 2 or np.ptp(D) == 0:
        raise ValueError("nothing can be traded where one of the sizes does not vary")
    # A level a size first, which tells q whatever c is.
    known = np.concatenate([place[:, None] == np.arange(len(sizes)), np.log(D)[:, None]], axis=1).astype(np.float64)
    *levels, q = np.linalg.lstsq(known, np.log(flops))[0]
    if q < _FREE:
        raise ValueError("runs of one size cost the same whatever they are given")
    weights, _ = nnls(_terms(sizes / sizes[-1]) / np.exp(levels)[:, None], np.ones(len(sizes)))
    found = Cost(sizes, weights, float(q))
    if np.abs(np.log(flops / found.compute(N, D))).max() > _FAR:
        raise ValueError("what a run costs does not follow from its sizes")
    return found


def _terms(N: Floats) -> Floats:
    """(...) sizes -> (..., 4) their powers."""
    return np.asarray(N[..., None] ** _POWERS)


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
    return np.asarray(np.where(best <= low, smallest, np.where(best >= high, largest, np.exp(best)))[:, 0])
