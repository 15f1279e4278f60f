"""Which size is best for a compute without a law over both: parabolas through runs of equal compute.

Approach 2 of Hoffmann et al. (2022), IsoFLOP profiles. Runs of exactly one compute are rare in a grid, so each size's
ln error is interpolated along ln compute, by a parabola through its runs, never beyond them. At a compute that three
sizes or more reach, a parabola in ln size through the interpolated ln errors has the best size as its lowest point.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from scaling.analysis.curves.forms import Floats

FEWEST = 3  # sizes, for a parabola
BUDGETS = 3
_OFF = 0.06  # of a step between ln sizes: what a parabola through few of them is off by itself
_SURELY = 0.9
_WITHIN = 1e-6  # of ln compute


@dataclass(frozen=True)
class Profile:
    """One compute.

    Attributes:
        compute: in flops.
        sizes, error: (m,) sizes, ascending, and their errors there.
        optimum: the best size; an end of the sizes where it lies there or beyond, or nothing lies lowest inside.
        draws: (r,) the same of resampled errors.
    """

    compute: float
    sizes: Floats
    error: Floats
    optimum: float
    draws: Floats = field(repr=False, compare=False)

    @property
    def inside(self) -> bool:
        """Whether the optimum lies between the sizes."""
        return bool(self.sizes[0] < self.optimum < self.sizes[-1])

    @property
    def surely_inside(self) -> bool:
        """Whether nine of ten resamples' lie there too."""
        between = (self.draws > self.sizes[0]) & (self.draws < self.sizes[-1])
        return self.inside and float(between.mean()) >= _SURELY


def profiles(size: Floats, compute: Floats, error: Floats, resampled: Floats) -> list[Profile]:
    """Profiles at up to `BUDGETS` computes, evenly spaced in the logarithm over those that three sizes or more reach.

    Args:
        size, compute, error: (n,) of each place, above 0.
        resampled: (r, n) errors, resampled together.

    Raises:
        ValueError: shapes that do not fit, or a value that is not a finite number above 0.
    """
    given = (size, compute, error, resampled)
    size, compute, error, resampled = (np.asarray(v, dtype=np.float64) for v in given)
    if not size.shape == compute.shape == error.shape == resampled.shape[1:] or size.ndim != 1:
        raise ValueError(f"sizes {size.shape}, computes {compute.shape}, errors {error.shape} do not fit")
    if not all(np.isfinite(v).all() and np.all(v > 0) for v in (size, compute, error, resampled)):
        raise ValueError("sizes, computes and errors must be finite numbers above 0")
    own = {float(one): size == one for one in np.unique(size)}
    reach = np.log([[compute[mine].min(), compute[mine].max()] for mine in own.values()])
    ends = _common(reach)
    if ends is None:
        return []
    ln = np.log(np.concatenate([error[None], resampled]))
    found, noise = [], np.random.default_rng(0)
    for at in np.linspace(*ends, 2 * BUDGETS + 1)[1::2] if ends[1] - ends[0] > _WITHIN else ends[:1]:
        there = [
            (one, _along(np.log(compute[mine]), ln[:, mine], float(at)))
            for (one, mine), (low, high) in zip(own.items(), reach, strict=True)
            if low - _WITHIN <= at <= high + _WITHIN
        ]
        sizes = np.array([one for one, _ in there])
        errors = np.stack([line for _, line in there], axis=1)
        best = _lowest(sizes, errors)
        moved = _OFF * float(np.diff(np.log(sizes)).mean()) * noise.standard_normal(len(best))
        moved[0] = 0.0
        ends_here = (best <= sizes[0]) | (best >= sizes[-1])
        best = np.where(ends_here, best, np.clip(best * np.exp(moved), *sizes[[0, -1]]))
        found.append(Profile(float(np.exp(at)), sizes, np.exp(errors[0]), float(best[0]), best[1:]))
    return found


def _common(reach: Floats) -> tuple[float, float] | None:
    """The widest range of ln compute that `FEWEST` of the (m, 2) ranges share at least; None where there is none."""
    marks = np.unique(reach)
    inner = [
        (low, high) for low, high in pairwise(marks)
        if int(((reach[:, 0] <= low + _WITHIN) & (reach[:, 1] >= high - _WITHIN)).sum()) >= FEWEST
    ]  # fmt: skip
    if inner:
        # What as many as FEWEST sizes reach is one range where sizes grow dearer in order.
        return float(inner[0][0]), float(inner[-1][1])
    shared = [mark for mark in marks if ((reach[:, 0] <= mark) & (reach[:, 1] >= mark)).sum() >= FEWEST]
    return (float(shared[0]), float(shared[0])) if shared else None


def _along(x: Floats, y: Floats, at: float) -> Floats:
    """(n,) ln computes of one size, (r, n) ln errors -> (r,) at one between them."""
    if x.size == 1:
        return y[:, 0]
    degree = min(2, np.unique(x).size - 1)
    z = (x - at)[:, None] ** np.arange(degree + 1)
    return np.asarray((y @ np.linalg.pinv(z).T)[:, 0])


def _lowest(sizes: Floats, y: Floats) -> Floats:
    """(m,) sizes, (r, m) ln errors -> (r,) the lowest point of each parabola, within the sizes."""
    x = np.log(sizes)
    centre, scale = x.mean(), np.ptp(x)
    z = ((x - centre) / scale)[:, None] ** np.arange(3)
    _, b, c = (y @ np.linalg.pinv(z).T).T
    ends = ((x[[0, -1]] - centre) / scale).tolist()
    # A parabola that opens downwards is lowest at an end.
    edge = np.where(b * (ends[1] - ends[0]) + c * (ends[1] ** 2 - ends[0] ** 2) < 0, ends[1], ends[0])
    best = np.where(c > 0, -b / (2 * np.where(c > 0, c, 1.0)), edge)
    return np.asarray(
        np.where(best <= ends[0], sizes[0], np.where(best >= ends[1], sizes[-1], np.exp(centre + scale * best)))
    )
