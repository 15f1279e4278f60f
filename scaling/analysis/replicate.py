"""Paired replicates of several arms' curves: what statements about two curves rest on.

    arms = replicate([(sizes, error), ...], [resampled, ...])
    ln = arms.log_error(clips)             # (arms, r, n)
    low, high = np.quantile(ln[0] - ln[1], [0.05, 0.95], axis=0)

Row q of all arms belongs together: the caller resampled the same seeds and test clips for all of them, and arms over
the same sizes are refitted with the same law on the same window of sizes, so that what is uncertain about the model is
shared too. Beliefs are drawn for each arm alone. A replicate is a mean curve: no new run's noise is in it, and no
calibration (public curves have one arm). Many studies are replicated in one call: hand over all their arms, and
reshape what comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scaling.analysis.curve import Curve
from scaling.analysis.fit import fit_observed
from scaling.analysis.forms import Floats
from scaling.analysis.observed import observe
from scaling.analysis.pool import Pool, with_draws


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
    fitted = fit_observed(seen, draws=0)
    rows = [i for i, curve in enumerate(fitted) if curve.pool is not None]
    done = with_draws([p for c in fitted if (p := c.pool) is not None], seen.data.rows(rows), 0, seed, seen.given[rows])
    pools: list[Pool | None] = [None] * len(fitted)
    levels = np.full(seen.given.shape[:2], np.nan)
    for i, pool in zip(rows, done, strict=True):
        pools[i] = pool
    for i, curve in enumerate(fitted):
        if curve.form == "constant":
            w = seen.data.w[i]
            levels[i] = seen.given[i] @ w / w.sum()
    return Replicates(tuple(fitted), tuple(pools), levels)
