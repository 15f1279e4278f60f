"""Paired replicates of several arms' curves: what statements about two curves rest on.

    arms = replicate([(sizes, error), ...], [resampled, ...])
    ln = arms.log_error(clips)             # (arms, r, n)
    low, high = np.quantile(ln[0] - ln[1], [0.05, 0.95], axis=0)

Row q of all arms belongs together: the caller resampled the same seeds and test clips for all of them (`seed_noise`
resamples seeds). A replicate is a mean curve: no new run's noise is in it, and no calibration (public curves have one
arm). Many studies are replicated in one call: hand over all their arms, and reshape what comes back.

Refitted is the default law on all sizes. Predictions of one arm average several laws and windows; statements about two
arms do not, as a handful of sizes cannot tell those apart, and a replicate a law then spreads by what all of them might
have been: 90 % intervals of a crossover held 94 to 98 % so. What is said of two arms therefore supposes the law. It
supposes no belief about exponents, which sharpens predictions and is wrong for an arm whose exponent is unusual: with
the belief of `pool`, intervals of such arms held 82 to 87 % (`tests/bench/crossover.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scaling.analysis.curves.curve import Curve
from scaling.analysis.curves.fit import fit_observed
from scaling.analysis.curves.forms import OFFSET, Floats
from scaling.analysis.curves.observed import observe
from scaling.analysis.curves.pool import Pool, with_draws


@dataclass(frozen=True)
class Replicates:
    """Curves of several arms, and r paired refits of each.

    `curves` are the arms' own fits, without intervals; their status says why a row of `log_error` is NaN.
    """

    curves: tuple[Curve, ...]
    _pools: tuple[Pool | None, ...] = field(repr=False)
    _levels: Floats = field(repr=False)

    def log_error(self, x: Floats) -> Floats:
        """(arms, r, n) ln error at (n,) sizes x. A flat arm stays at its level; NaN where nothing is fitted."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 1 or not np.all(x > 0):
            raise ValueError("sizes must be one-dimensional and above 0")
        found = np.repeat(self._levels[..., None], x.size, axis=2)
        for i, pool in enumerate(self._pools):
            if pool is not None:
                found[i] = pool.replicates(np.log(x))
        return found

    def exponents(self) -> Floats:
        """(arms, r) exponents of the refits; NaN for an arm without a law."""
        found = np.full(self._levels.shape, np.nan)
        for i, pool in enumerate(self._pools):
            if pool is not None:
                found[i] = np.exp(pool.draws[0][0][:, 2])
        return found


def seed_noise(runs: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Random deviations of arms' mean ln errors from what other seeds would have given.

    Two or three seeds do not tell a size's noise; all sizes together do, as the noise of ln error is taken to be the
    same at each. A deviation is a random combination of all residuals about the sizes' means (a wild bootstrap, Liu
    1988, with what it draws from pooled), scaled as the mean of k runs and as Student's t with as many degrees of
    freedom as the residuals have. The same combination serves all arms, so that what a seed does to all is kept.

    Args:
        runs: (arms, sizes, seeds) errors; NaN where there is no run. A place on the last axis is one seed for all arms.

    Returns:
        (arms, draws, sizes); 0 for a size without a run, NaN for an arm with no size of two seeds.
    """
    arms, sizes, _ = runs.shape
    seen = np.isfinite(runs)
    logs = np.log(np.where(seen, runs, 1.0))
    count = seen.sum(axis=2)
    mean = logs.sum(axis=2) / np.maximum(count, 1)
    residual = ((logs - mean[..., None]) * seen).reshape(arms, -1)
    freedom = np.maximum(count - 1, 0).sum(axis=1)
    least = int(freedom[freedom > 0].min()) if (freedom > 0).any() else 1
    z = rng.standard_normal((draws, sizes, residual.shape[1]))
    wide = np.sqrt(least / rng.chisquare(least, draws))
    scale = (count > 0) / np.sqrt(np.maximum(count, 1) * np.where(freedom > 0, freedom, np.nan)[:, None])
    return np.asarray(np.einsum("dsr,ar->ads", z, residual) * wide[None, :, None] * scale[:, None, :])


def replicate(
    curves: Sequence[tuple[Floats, Floats]],
    resampled: Sequence[Floats],
    runs: Sequence[Floats] | None = None,
    seed: int = 0,
) -> Replicates:
    """Fit arms and their resamples.

    Args:
        curves: (sizes, mean errors) of each arm; sizes may differ between arms (one missing at a size).
        resampled: (r, number of sizes, ascending) mean errors of each arm, paired by row.
        runs: how many runs stand behind each mean, one array an arm; one each without.

    Raises:
        ValueError: as `fit_curve`; no resamples, or a missing one.
    """
    seen = observe(curves, resampled, runs)
    if seen.given is None or seen.given.shape[1] == 0 or not np.isfinite(seen.given).all():
        raise ValueError("paired replicates need resampled errors of every arm, and none may be missing")
    fitted = fit_observed(seen, OFFSET, draws=0)
    rows = [i for i, curve in enumerate(fitted) if curve.pool is not None]
    done = with_draws([c.pool for c in fitted if c.pool is not None], seen.data.rows(rows), 0, seed, seen.given[rows])
    pools: list[Pool | None] = [None] * len(fitted)
    levels = np.full(seen.given.shape[:2], np.nan)
    for i, pool in zip(rows, done, strict=True):
        pools[i] = pool
    for i, curve in enumerate(fitted):
        if curve.form == "constant":
            w = seen.data.w[i]
            levels[i] = seen.given[i] @ w / w.sum()
    return Replicates(tuple(fitted), tuple(pools), levels)
