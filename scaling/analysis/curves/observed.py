"""What was seen of many curves: distinct sizes, mean errors and runs, checked, side by side, and seen again.

"Seen again" is what resampling gives: the runs of a size under Student's t where every size has several, and whatever
mean errors the caller resampled itself (seeds, test clips).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from scaling.analysis.curves.forms import MAGNITUDES, Floats, refuse_unusable

Interval = tuple[float, float]
NOWHERE: Interval = (np.nan, np.nan)
LEVEL = 0.9
_FLAT = 0.01  # without resamples: a change below 1 % over the whole range is none
_ROUNDING = 1e-12  # a change of ln error that equal scores may show
_TRENDS = 400  # resamples that tell a trend
_TINY = 1e-9  # a resampled error of 0 has no logarithm
_IQR = 1.349  # the middle half of a standard normal


def interval(draws: Floats) -> Interval:
    """The central interval of level `LEVEL` of resampled numbers; NaN if any of them is missing."""
    if draws.size == 0 or not np.isfinite(draws).all():
        return NOWHERE
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Table:
    """Curves side by side, padded: ln sizes, ln errors and weights (runs; 0: padding), each (b, n)."""

    x: Floats
    y: Floats
    w: Floats

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(b, n) which places are no padding."""
        return np.asarray(self.w > 0)

    @property
    def n_sizes(self) -> NDArray[np.int64]:
        """(b,) how many sizes each curve has."""
        return np.asarray(self.seen.sum(axis=1))

    def noise_of_means(self, own: Floats) -> Floats:
        """(b,) standard deviations of the means, of those of one run (b,)."""
        return np.asarray(own / np.sqrt(self.w.sum(axis=1) / self.n_sizes))

    @property
    def centre(self) -> Floats:
        """(b,) mean ln size."""
        return np.asarray((self.w * self.x).sum(axis=1) / self.w.sum(axis=1))

    @property
    def u(self) -> Floats:
        """(b, n) ln(size / centre), 0 where padded."""
        return np.asarray((self.x - self.centre[:, None]) * self.seen)

    @property
    def first(self) -> Floats:
        """(b,) smallest ln size."""
        return np.asarray(np.where(self.seen, self.x, np.inf).min(axis=1))

    @property
    def last(self) -> Floats:
        """(b,) largest ln size."""
        return np.asarray(np.where(self.seen, self.x, -np.inf).max(axis=1))

    def rows(self, rows: NDArray[np.int64] | list[int]) -> "Table":
        """The same for some of the curves."""
        return Table(self.x[rows], self.y[rows], self.w[rows])

    def largest(self, i: int) -> float:
        """The largest size of curve i, to 12 digits: a logarithm and back would leave 9999.999999999998."""
        return float(f"{np.exp(self.last[i]):.12g}")


def table(curves: Sequence[tuple[Floats, Floats, Floats]]) -> Table:
    """Pad curves, each (sizes, errors, weights), one row a size."""
    n = max((len(sizes) for sizes, _, _ in curves), default=0)
    x, y, w = (np.zeros((len(curves), n)) for _ in range(3))
    for i, (sizes, error, weight) in enumerate(curves):
        k = len(sizes)
        x[i], y[i, :k], w[i, :k] = np.log(sizes).mean(), np.log(error), weight
        x[i, :k] = np.log(sizes)
    return Table(x, y, w)


@dataclass(frozen=True)
class Observed:
    """Many curves as they were seen.

    Attributes:
        data: one row a curve.
        runs: for each curve and size, the errors of its runs.
        given: (b, r, n) ln mean errors that the caller resampled, padded with 0; NaN for a curve without. None: no
            curve has any.
        clips: (b,) standard deviation of one run's ln error over test clips, as their number tells it; 0 where unknown.
    """

    data: Table
    runs: list[list[Floats]]
    given: Floats | None
    clips: Floats

    def resampled(self, i: int) -> Floats | None:
        """(r, sizes) what the caller resampled of curve i, if anything."""
        if self.given is None or self.given.shape[1] == 0:
            return None
        rows = self.given[i, :, : self.data.n_sizes[i]]
        return rows if np.isfinite(rows).all() else None

    def several(self, i: int) -> bool:
        """Whether every size of curve i has several runs, and they are known one by one or resampled."""
        known = self.resampled(i) is not None or all(len(errors) > 1 for errors in self.runs[i])
        return known and bool((self.data.w[i][self.data.seen[i]] > 1).all())

    def own_noise(self, i: int) -> float:
        """Standard deviation of ln error of one run about the law, as runs or test clips tell it; 0 if nothing does.

        Of resampled mean errors, what moves all sizes alike (the same test clips) is no noise about a law. Few runs
        that happen to agree tell less than the number of test clips.
        """
        return max(self._told_noise(i), float(self.clips[i]))

    def _told_noise(self, i: int) -> float:
        """The same as runs or resamples tell it."""
        rows = self.resampled(i)
        n = int(self.data.n_sizes[i])
        if rows is not None and n > 1:
            apart = rows - rows.mean(axis=1, keepdims=True)
            # The middle half: weights of two or three seeds have no variance (Student's t).
            low, high = np.quantile(apart, [0.25, 0.75], axis=0)
            width = (high - low) / _IQR * np.sqrt(n / (n - 1))
            return float(np.sqrt(np.mean(width**2 * self.data.w[i, :n])))
        if rows is None and self.several(i):
            logs = [np.log(errors) for errors in self.runs[i]]
            freedom = sum(len(log) - 1 for log in logs)
            return float(np.sqrt(sum(float(((log - log.mean()) ** 2).sum()) for log in logs) / freedom))
        return 0.0

    def runs_again(self, i: int, draws: int, seed: int) -> Floats:
        """(draws, n) ln mean errors of curve i under resampled runs, padded.

        As Student's t about the means: two or three runs drawn with replacement spread too little. Their spread is
        shared by the sizes, as the law's noise is.
        """
        count = self.data.w[i, : self.data.n_sizes[i]]
        freedom = count.sum() - len(count)
        rng = np.random.default_rng([seed, i])
        wide = self.own_noise(i) * np.sqrt(freedom / rng.chisquare(freedom, draws))
        found = np.zeros((draws, self.data.x.shape[1]))
        z = rng.standard_normal((draws, len(count)))
        found[:, : len(count)] = self.data.y[i, : len(count)] + wide[:, None] * z / np.sqrt(count)
        return found

    def rises(self, i: int) -> bool | None:
        """Whether curve i rises with data; None where it neither rises nor falls beyond its noise."""
        n = int(self.data.n_sizes[i])
        x, y, w = (part[i, :n] for part in (self.data.x, self.data.y, self.data.w))
        u = x - (w @ x) / w.sum()
        slope = float((w * u) @ y / ((w * u) @ u))
        if abs(slope) * float(np.ptp(u)) <= _ROUNDING:
            return None
        rows = self.resampled(i)
        if rows is None and self.several(i):
            rows = self.runs_again(i, _TRENDS, 0)[:, :n]
        if rows is not None:
            low, high = interval(rows @ (w * u) / ((w * u) @ u))
            return slope > 0 if low > 0 or high < 0 else None
        if abs(slope) * float(np.ptp(u)) <= _FLAT:
            return None
        # With one run a size, a rise has to stand out from what is left around the line; a fall only fits a law.
        rest = y - (w @ y) / w.sum() - slope * u
        error = np.sqrt((w @ rest**2) / (n - 2) / ((w * u) @ u))
        if slope > 0:
            return True if slope > stdtrit(n - 2, (1 + LEVEL) / 2) * error else None
        return False

    def level(self, i: int) -> tuple[float, Interval]:
        """Mean ln error of curve i and the interval of the mean error under what was resampled."""
        n = int(self.data.n_sizes[i])
        y, w = self.data.y[i, :n], self.data.w[i, :n]
        rows = self.resampled(i)
        spread = NOWHERE if rows is None else interval(np.exp(rows @ w / w.sum()))
        return float((w @ y) / w.sum()), spread


def observe(
    curves: Sequence[tuple[Floats, Floats]],
    resampled: Sequence[Floats] | None = None,
    runs: Sequence[Floats] | None = None,
    n_test: Sequence[Floats | float | None] | None = None,
) -> Observed:
    """Check and gather curves, each (sizes, errors) in any order, several runs a size welcome.

    Args:
        resampled: a curve's (r, number of distinct sizes, ascending) resampled mean errors; NaN for a curve without.
        runs: where only means are left, how many runs stand behind each, sizes ascending.
        n_test: of each curve, how many test clips errors are shares of, one number or one an error; None: not known.
            No error among n counts as ½/(n+1).

    Raises:
        ValueError: shapes that do not fit, an error, a size or a count that is not a finite number above 0, or with
            `n_test` an error above 1.
    """
    counts = list(n_test) if n_test is not None else [None] * len(curves)
    if len(counts) != len(curves):
        raise ValueError(f"{len(counts)} numbers of test clips do not match {len(curves)} curves")
    tested = [_tested(error, count) for (_, error), count in zip(curves, counts, strict=True)]
    gathered = [_gather(sizes, error) for (sizes, _), (error, _) in zip(curves, tested, strict=True)]
    data = table([entry[:3] for entry in gathered])
    if runs is not None:
        for i, count in enumerate(runs):
            if np.shape(count) != (data.n_sizes[i],) or not np.all(np.asarray(count) >= 1):
                raise ValueError(f"runs {np.shape(count)} must be ({data.n_sizes[i]},) counts of 1 or more")
        data = table([(*entry[:2], np.asarray(count)) for entry, count in zip(gathered, runs, strict=True)])
    clips = np.array([noise for _, noise in tested])
    return Observed(data, [entry[3] for entry in gathered], _given(resampled, data), clips)


def _tested(error: Floats, n_test: Floats | float | None) -> tuple[Floats, float]:
    """The errors, none among n counted as ½/(n+1), and their standard deviation of ln error over n test clips; 0
    without n."""
    if n_test is None:
        return error, 0.0
    error = np.asarray(error, dtype=np.float64)
    try:
        n = np.broadcast_to(np.asarray(n_test, dtype=np.float64), error.shape)
    except ValueError:
        raise ValueError(f"numbers of test clips {np.shape(n_test)} do not match errors {error.shape}") from None
    if not (np.all(n >= 1) and np.all(n <= MAGNITUDES[1]) and np.all((error >= 0) & (error <= 1))):
        raise ValueError("numbers of test clips must be 1 or more, and errors shares from 0 to 1 of them")
    least = 0.5 / (n + 1)
    error = np.maximum(error, least)
    # Half a clip more: the logarithm of few wrong ones spreads less than one over their number.
    variance = np.maximum(1 - error, least) / (error * n + 0.5)
    return error, float(np.sqrt(variance.mean())) if error.size else 0.0


def _gather(sizes: Floats, error: Floats) -> tuple[Floats, Floats, Floats, list[Floats]]:
    """Distinct sizes ascending, mean error, number of runs, and the runs' errors of each size."""
    sizes, error = np.asarray(sizes, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if sizes.ndim != 1 or sizes.shape != error.shape or sizes.size == 0:
        raise ValueError(f"clips {sizes.shape} and error {error.shape} must be equal and one-dimensional")
    for name, values in (("sizes", sizes), ("errors", error)):
        refuse_unusable(name, values)
    distinct, place, runs = np.unique(sizes, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=error) / runs
    return distinct, mean, runs.astype(np.float64), [error[place == k] for k in range(len(distinct))]


def _given(resampled: Sequence[Floats] | None, data: Table) -> Floats | None:
    if resampled is None:
        return None
    r = max((len(rows) for rows in resampled), default=0)
    found = np.zeros((len(resampled), r, data.x.shape[1]))
    for i, rows in enumerate(resampled):
        n = data.n_sizes[i]
        if np.ndim(rows) != 2 or np.shape(rows) != (r, n):
            raise ValueError(f"resampled {np.shape(rows)} must be (resamples, {n} sizes)")
        found[i, :, :n] = np.log(np.maximum(rows, _TINY))
    return found
