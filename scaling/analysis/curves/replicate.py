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
the belief of `pool`, intervals of such arms held 82 to 87 % (`tests/bench/crossover.py`). Where an arm's means stray
from its law by more than their noise, its replicates follow the means (`Replicates.as_seen`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scaling.analysis.curves.curve import Curve
from scaling.analysis.curves.fit import fit_observed
from scaling.analysis.curves.forms import OFFSET, Floats
from scaling.analysis.curves.observed import Table, observe
from scaling.analysis.curves.pool import NOISE, Pool
from scaling.analysis.curves.solve import polish, threshold

_STEPS = 200


@dataclass(frozen=True)
class Replicates:
    """Curves of several arms, and r paired refits of each.

    Attributes:
        curves: the arms' own fits, without intervals of parameters.
        thetas: (arms, r, 3) the refits of arms whose curves fall; NaN for others.
        given: (arms, r, n) resampled ln mean errors, padded.
    """

    curves: tuple[Curve, ...]
    thetas: Floats = field(repr=False)
    given: Floats = field(repr=False)

    def log_error(self, x: Floats) -> Floats:
        """(arms, r, n) ln error at (n,) sizes x; NaN for an arm below 3 sizes.

        A flat arm stays at its level; one that rises goes straight from size to size and stays at its last error.
        """
        x = np.asarray(x, dtype=np.float64)
        return np.array([self.log_error_of(i, x) for i in range(len(self.curves))])

    def log_error_of(self, arm: int, x: Floats) -> Floats:
        """(r, n) of one arm, as `log_error`."""
        if x.ndim != 1 or not np.all(x > 0):
            raise ValueError("sizes must be one-dimensional and above 0")
        ln, pool, given = np.log(x), self.curves[arm].pool, self.given[arm]
        if pool is None:
            return np.full((len(given), x.size), np.nan)
        if pool.trend == "falls":
            u = np.broadcast_to(ln - pool.centre, (len(given), x.size))
            return OFFSET.log_error(u, self.thetas[arm])[0]
        return np.asarray(given[:, : pool.sizes.size] @ _between(pool, ln))

    def as_seen(self, arm: int, x: Floats) -> Floats:
        """(r, n) of one arm, moved towards the means that each replicate was fitted to.

        What is left of them around the law, by the share of it that is beyond the noise (as James and Stein 1961
        shrink), counts at its size, and in between by the nearness in ln size; beyond the data as at the nearest. A
        curve that bends more than its law crosses another where the means do, and nobody knows how it goes from size to
        size: as far off, midway, as the geometric mean of how far the means are beyond their noise and of that noise
        (of 1 % at least): a law hides a weak bend and is wrong between the sizes too, a strong one shows at the sizes.
        """
        found, pool = self.log_error_of(arm, x), self.curves[arm].pool
        if pool is None or pool.trend != "falls":
            return found
        ln, n = np.log(x), pool.sizes.size
        left = self.given[arm][:, :n] - self.log_error_of(arm, np.exp(pool.sizes))
        square, freedom = float(np.mean(np.median(left, axis=0) ** 2)), n - len(OFFSET.parameters)
        own = float(np.mean(pool.own**2 / pool.runs))
        noise = own * freedom / n
        # A standard deviation (of chi-square) beyond what noise leaves; with as many parameters as sizes nothing tells.
        if freedom < 1 or square <= noise * (1 + np.sqrt(2 / freedom)):
            return found
        rest = square - noise
        part = np.clip((ln - pool.sizes[:-1, None]) / np.diff(pool.sizes)[:, None], 0, 1)
        z = np.random.default_rng([arm, n]).standard_normal((len(left), n - 1))
        between = np.sqrt(np.sqrt(rest) * max(np.sqrt(own), NOISE)) * z @ (4 * part * (1 - part))
        return np.asarray(found + rest / square * left @ _nearness(pool, ln) + between)

    def exponents(self) -> Floats:
        """(arms, r) exponents of the refits; NaN for an arm without a law."""
        return np.asarray(np.exp(self.thetas[..., 2]))


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
    falls = [i for i, curve in enumerate(fitted) if curve.pool is not None and curve.pool.trend == "falls"]
    thetas = np.full((*seen.given.shape[:2], len(OFFSET.parameters)), np.nan)
    if falls:
        thetas[falls] = _refits(seen.data.rows(falls), [fitted[i] for i in falls], seen.given[falls])
    return Replicates(tuple(fitted), thetas, seen.given)


def _between(pool: Pool, x: Floats) -> Floats:
    """(sizes, n) how much each size counts at ln sizes x: a flat curve's by its runs, a rising one's by nearness."""
    if pool.trend == "flat":
        return np.repeat((pool.runs / pool.runs.sum())[:, None], x.size, axis=1)
    return _nearness(pool, x)


def _nearness(pool: Pool, x: Floats) -> Floats:
    """(sizes, n) how much each size counts at ln sizes x on straight lines from size to size."""
    return np.stack([np.interp(x, pool.sizes, one) for one in np.eye(pool.sizes.size)])


def _refits(data: Table, fitted: list[Curve], given: Floats) -> Floats:
    """(b, r, 3) thetas refitted to (b, r, n) resampled ln errors, each from its curve's optimum.

    Without a belief some run along a valley: stopped after 12 steps, they made intervals too narrow.
    """
    pools = [curve.pool for curve in fitted if curve.pool is not None]
    b, r, n = given.shape
    start = np.stack([pool.members[0].theta for pool in pools])
    delta = threshold(data.noise_of_means(np.array([pool.own for pool in pools])))
    u, w, theta, delta = (np.repeat(part, r, axis=0) for part in (data.u, data.w, start, delta))
    found, _ = polish(OFFSET, u, given.reshape(b * r, n), w, theta, delta, steps=_STEPS)
    return found.reshape(b, r, -1)
