"""Intervals for a new observation, and what share of new observations such intervals really held.

How far a new run may lie from what is predicted comes from four things that a curve tells: the noise of runs, how far
the laws and windows that are pooled lie from each other there, how far the largest size lies from them, and how steep
the curve was times the log-distance beyond the data, in whatever direction: a law that held so far may break. Their
root mean square, each with its weight, is a band's half-width, which grows with a small power of that distance besides,
and by a factor where the law's exponent is at a bound. All of it is learned, for each level and side, on public
learning curves of two kinds (`bands.csv`): weights as the scale of Student's t, then multiplied to the quantiles that
hold the level (conformal prediction with a normalised score: Romano et al. 2019, Gibbs et al. 2023). Where every size
has several runs their noise is known; with one, test clips tell a part of it, or it has to be guessed from what is left
around the laws: three sets of numbers.

`calibration.csv` holds what such bands covered of data sets that they were not learned on.
`tests/bench/learn_bands.py --write` makes both.
"""

import csv
import functools
from dataclasses import dataclass
from importlib import resources
from statistics import NormalDist
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.forms import OFFSET, Floats
from scaling.analysis.curves.pool import Known, Pool

LEVELS = (0.5, 0.8, 0.9, 0.95)
FACTORS = (1.0, 1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)  # ends of the classes of size / largest size fitted
SIZES = (3, 4, 6, 10, 20)  # smallest numbers of sizes of the classes
NEAR, FAR = 0.1, 4.0  # ln factors between which a half-width's power of the distance was learned

_COLUMNS = ("noise", "spread", "apart", "steep", "power", "bound")
_WIDEST = 230.0  # ln error, beyond which nothing is told apart
_KNOTS = np.arange(0, 16.05, 0.1)  # ln factors; a band beyond is as wide as there


@dataclass(frozen=True)
class Cell:
    """One class of curves and distances, and what bands held there.

    Attributes:
        noise: what tells the noise of a run.
        sizes: the class's smallest number of sizes.
        factor: size over the largest one fitted, the class's geometric mean.
        covered, stderr: share of new observations covered, of data sets (and public curves) that the bands were not
            learned on, and its standard error over data sets.
        curves: how many data sets (and public curves) these were.
    """

    noise: Known
    sizes: int
    factor: float
    level: float
    covered: float
    stderr: float
    curves: int


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("scaling.analysis.curves").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@functools.cache
def calibration() -> tuple[Cell, ...]:
    """What bands held, as it is shipped."""
    return tuple(
        Cell(
            _known(row["runs"]), int(row["sizes"]), float(row["factor"]), float(row["level"]),
            float(row["covered"]), float(row["stderr"]), int(row["curves"]),
        )
        for row in _rows("calibration.csv")
    )  # fmt: skip


@functools.cache
def learned(known: Known) -> NDArray[np.float64]:
    """(2 sides, levels, 6) weights of `parts`, power of the distance, ln factor at a bound, as they are shipped."""
    found = np.full((2, len(LEVELS), len(_COLUMNS)), np.nan)
    for row in _rows("bands.csv"):
        if row["runs"] == known:
            place = ("below", "above").index(row["side"]), LEVELS.index(float(row["level"]))
            found[place] = [float(row[name]) for name in _COLUMNS]
    return found


def parts(pool: Pool, x: Floats) -> Floats:
    """(4, n) what a half-width at ln sizes x is made of: noise, spread of the laws, largest size apart, steepness.

    None shrinks beyond the largest size.
    """
    beyond = np.maximum(x - pool.last, 0)
    spread = np.maximum.accumulate(pool.spread(pool.last + _KNOTS))
    spread = np.where(x > pool.last, np.interp(beyond, _KNOTS, spread), pool.spread(np.minimum(x, pool.last)))
    noise, apart = (np.full(x.shape, value) for value in (pool.noise, pool.apart))
    return np.stack([noise, spread, apart, pool.steep * beyond])


def half_widths(weights: Floats, made_of: Floats, beyond: Floats, bound: NDArray[np.bool_]) -> Floats:
    """(..., 6) as `learned`, (4, n) parts, (n,) ln distances and whether at a bound -> (..., n) half-widths."""
    scale = np.sqrt((weights[..., :4] ** 2) @ made_of**2)
    return np.asarray(scale * np.exp(weights[..., 4:] @ np.stack([np.log(np.clip(beyond, NEAR, FAR)), bound])))


def band(pool: Pool, x: Floats, level: float) -> tuple[Floats, Floats]:
    """(n,) lower and upper ln error of a new run at ln sizes x.

    Never narrower than a band of a lower level, than one nearer to the data, or, where the noise of a run is known,
    than that and what it does to a law of three parameters.
    """
    weights, beyond = learned(pool.known), np.maximum(x - pool.last, 0)
    within = half_widths(weights, parts(pool, x), np.zeros_like(x), np.full(x.shape, pool.bound))
    ahead = half_widths(weights, parts(pool, pool.last + _KNOTS), _KNOTS, np.full(_KNOTS.shape, pool.bound))
    least = pool.own * float(np.sqrt(1 + len(OFFSET.parameters) / pool.runs.sum()))
    at, z = _normal(level), np.array([0.0, *(_normal(p) for p in LEVELS)])
    sides = []
    for near, far in zip(within, np.maximum.accumulate(ahead, axis=2), strict=True):
        grown = np.stack([np.interp(beyond, _KNOTS, row) for row in far])
        grown = np.maximum.accumulate(np.where(x > pool.last, grown, near), axis=0)
        # Between the table's levels along the quantiles of a normal, and beyond the last in proportion to them.
        side = np.array([np.interp(at, z, [0.0, *column]) for column in grown.T]) * max(at / z[-1], 1.0)
        sides.append(np.minimum(np.maximum(side, least * at), _WIDEST))
    centre = pool.log_error(x)
    return centre - sides[0], centre + sides[1]


def _normal(level: float) -> float:
    """Half the width of a standard normal's central interval."""
    return NormalDist().inv_cdf((1 + level) / 2)


def _known(name: str) -> Known:
    return next(each for each in get_args(Known) if each == name)


def coverage(known: Known, n_sizes: int, factor: float, level: float) -> Cell | None:
    """What bands of this kind really covered; None where nobody measured it.

    The class that holds the number of sizes and the size over the largest one fitted (within the data: the nearest), at
    the nearest level of the table. Beyond `FACTORS` nobody measured it.
    """
    if factor > FACTORS[-1] * (1 + 1e-9):
        return None
    nearest = min(LEVELS, key=lambda p: abs(p - level))
    cells = [c for c in calibration() if c.noise == known and c.level == nearest]
    if not cells:
        return None
    sizes = max((c.sizes for c in cells if c.sizes <= n_sizes), default=min(c.sizes for c in cells))
    here = [c for c in cells if c.sizes == sizes]
    return min(here, key=lambda c: abs(np.log(c.factor) - np.log(max(factor, 1.0))))
