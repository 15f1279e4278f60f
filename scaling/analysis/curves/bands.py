"""Intervals for a new observation, and what makes their level the one that really covers.

Raw draws (`pool.with_draws`) say how wide a band should be from one size to the next, but not how wide it must be:
with one run a size the noise between runs is only guessed from the residuals, and no member of the pool may be the
law. So the half-widths above and below the pooled prediction are multiplied by a number learned on public curves:
the level's quantile of |ln error - prediction| / half-width (conformal prediction with a normalised score), log-linear
in the number of sizes and in how far beyond the data one looks, each curve counting once: three numbers a level.
`calibration.csv` tabulates it with the coverage that cross-validation found; `tests/bench/extrapolation.py --write`
makes it. Where runs tell their noise (several a size) a band needs no such help: in simulation it holds as it is.
"""

import csv
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from statistics import NormalDist
from typing import Literal

import numpy as np

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.pool import Pool

LEVELS = (0.5, 0.8, 0.9, 0.95)
FACTORS = (1.0, 1.5, 2.5, 5.0, 10.0)  # lower ends of the classes of size / largest size fitted
Noise = Literal["one run", "several runs"]
SIZES = (3, 4, 5, 8, 20)  # smallest numbers of sizes of the classes


@dataclass(frozen=True)
class Cell:
    """One class of the calibration: widths are multiplied by `multiplier` to reach `level`.

    Attributes:
        noise: "one run" a size, learned on public curves; "several runs" a size, which are not adjusted, and whose
            coverage was measured by simulation.
        sizes: the class's smallest number of sizes.
        factor: size over the largest one fitted, the class's geometric mean.
        covered, stderr: share of new observations covered, in cross-validation over `curves` curves (for several runs:
            over that many simulated ones), and its standard error.
    """

    noise: Noise
    sizes: int
    factor: float
    level: float
    multiplier: float
    covered: float
    stderr: float
    curves: int


@functools.cache
def calibration() -> tuple[Cell, ...]:
    """The table that is shipped."""
    text = resources.files("scaling.analysis.curves").joinpath("calibration.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Cell(
            "one run" if r["noise"] == "one run" else "several runs", int(r["sizes"]), float(r["factor"]),
            float(r["level"]), float(r["multiplier"]), float(r["covered"]), float(r["stderr"]), int(r["curves"]),
        )
        for r in rows
    )  # fmt: skip


def multiplier(cells: Iterable[Cell], n_sizes: int, factor: Floats, level: float) -> Floats:
    """(n,) what half-widths are multiplied by: between classes linear in ln(sizes), ln(factor) and the level."""
    by: dict[int, dict[float, list[tuple[float, float]]]] = {}
    for cell in cells:
        by.setdefault(cell.sizes, {}).setdefault(cell.level, []).append((cell.factor, cell.multiplier))
    lines = []
    for sizes in sorted(by):
        levels = sorted(by[sizes])
        at = np.stack([
            np.interp(np.log(factor), *np.log(np.array(sorted(by[sizes][p])).T).astype(float)) for p in levels
        ])  # fmt: skip
        lines.append(np.array([np.interp(level, levels, column) for column in at.T]))
    logs = np.log(sorted(by))
    return np.array([np.exp(np.interp(np.log(n_sizes), logs, column)) for column in np.array(lines).T])


def half_widths(pool: Pool, x: Floats, levels: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """(n,) pooled ln error at ln sizes x and the raw half-widths (levels, n) of the bands below and above it."""
    centre = pool.log_error(x)
    values, weights = pool.sample(x)
    ends = weighted_quantiles(values, weights, [(1 + side * level) / 2 for side in (-1, 1) for level in levels])
    low, high = ends[: len(levels)], ends[len(levels) :]
    # The mean of the members may lie outside their draws' middle: neither side may vanish.
    least = 0.1 * (high - low)
    return centre, np.maximum(centre - low, least), np.maximum(high - centre, least)


def weighted_quantiles(values: Floats, weights: Floats, at: Sequence[float]) -> Floats:
    """(r, n) values and weights -> (q, n) quantiles of each column."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    mass = np.take_along_axis(weights, order, axis=0)
    place = np.cumsum(mass, axis=0) - 0.5 * mass
    return np.array([[np.interp(p, place[:, j], ordered[:, j]) for j in range(values.shape[1])] for p in at])


def band(pool: Pool, n_sizes: int, x: Floats, level: float) -> tuple[Floats, Floats]:
    """(n,) lower and upper ln error of a new run at ln sizes x, calibrated.

    Where noise is measured (several runs a size) the public curves, which have one, may only widen a band. Neither is
    a band ever narrower than one of a lower level, or than the noise of a single run where that is known.
    """
    cells = [cell for cell in calibration() if cell.noise == "one run"]
    factor = np.exp(np.maximum(x - pool.last, 0))
    wider = np.stack([multiplier(cells, n_sizes, factor, p) for p in LEVELS])
    if pool.measured:
        wider = np.maximum(wider, 1)
    at, z = _normal(level), np.array([0.0, *(_normal(p) for p in LEVELS)])
    centre, *raw = half_widths(pool, x, LEVELS)
    sides = []
    for half in raw:
        grown = np.maximum.accumulate(wider * half, axis=0)
        # Between the table's levels along the quantiles of a normal, and beyond the last in proportion to them.
        side = np.array([np.interp(at, z, [0.0, *column]) for column in grown.T]) * max(at / z[-1], 1.0)
        sides.append(np.maximum(side, pool.own * at))
    return centre - sides[0], centre + sides[1]


def _normal(level: float) -> float:
    """Half the width of a standard normal's central interval."""
    return NormalDist().inv_cdf((1 + level) / 2)


def coverage(measured: bool, n_sizes: int, factor: float, level: float) -> Cell | None:
    """What bands of this kind really covered; None where nobody measured it.

    The class that holds the number of sizes and the size over the largest one fitted (within the data: the nearest), at
    the nearest level of the table. Beyond `FACTORS` nobody measured it.
    """
    if factor > FACTORS[-1] * (1 + 1e-9):
        return None
    noise = "several runs" if measured else "one run"
    nearest = min(LEVELS, key=lambda p: abs(p - level))
    cells = [c for c in calibration() if c.noise == noise and c.level == nearest]
    if not cells:
        return None
    sizes = max((c.sizes for c in cells if c.sizes <= n_sizes), default=min(c.sizes for c in cells))
    here = [c for c in cells if c.sizes == sizes]
    return min(here, key=lambda c: abs(np.log(c.factor) - np.log(max(factor, 1.0))))
