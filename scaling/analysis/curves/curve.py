"""A fitted curve: what it is, what it predicts, how sure that is, and how many clips an error needs."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from scaling.analysis.curves.bands import Cell, band, coverage
from scaling.analysis.curves.forms import Floats, Form, refuse_unusable
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval, interval
from scaling.analysis.curves.pool import Pool
from scaling.analysis.curves.solve import polish

Status = Literal[
    "converged", "offset at zero", "offset at the lowest point", "exponent at bound", "too few points",
    "rises with data", "rises at the largest sizes", "flat",
]  # fmt: skip
Noise = Literal["residuals of one run a size", "several runs a size", "none"]

BEYOND = 4  # predictions are shown up to this many times the largest size
_STEPS = 200  # of a refit
_ENDS = (-700.0, 700.0)  # ln of what is a number
_REACH = 1e6  # times the largest size: clips for an error are sought, and errors told, up to there


@dataclass(frozen=True)
class Refits:
    """A law to be refitted to (r, n) resampled ln mean errors, `drawn`, from its optimum; the rest as of `solve`."""

    form: Form
    centre: float
    u: Floats
    w: Floats
    theta: Floats
    delta: float
    drawn: Floats

    def intervals(self) -> dict[str, Interval]:
        """Of each parameter."""
        r = len(self.drawn)
        u, w, theta = (np.broadcast_to(part, (r, part.size)) for part in (self.u, self.w, self.theta))
        found, _ = polish(self.form, u, self.drawn, w, theta, self.delta, steps=_STEPS)
        natural = self.form.natural(np.full(r, np.exp(self.centre)), found[:, 0], found[:, 1:])
        return {name: interval(column) for name, column in zip(self.form.parameters, natural.T, strict=True)}


@dataclass(frozen=True)
class Curve:
    """A fitted curve. Errors are in the unit given (shares, losses); where no law is fitted `E`, `A`, `a` are NaN.

    Attributes:
        status: how the fit ended. "too few points" predicts from three sizes on; one or two predict nothing (NaN).
            "flat": neither falls nor rises beyond its noise, and is predicted between its level and falling laws;
            "rises with data": predicted to stay at its last error. "rises at the largest sizes": a falling law is
            fitted, but the predictions rise towards the largest size, or beyond it above what was seen there.
        form: the law of the parameters: a form's name, "constant" or "none".
        E, A, a: offset, scale and exponent of the robust fit to all sizes.
        n_points, n_sizes: scores and distinct sizes behind the curve.
        largest: the largest size fitted.
        residual: root mean square of ln(error) minus ln(law) over the sizes.
        unit: what sizes count; the offset has the error's unit, the exponent none.
        parameters: name and value of every parameter of the form.
        noise_from: what the interval's noise between runs rests on.
        pool: what predicts; None where nothing does.
        refits: what the parameters' intervals come from, when they are asked for; None without resamples.
        level_interval: of a flat curve's mean error, over what was resampled; NaN without.
    """

    status: Status
    form: str
    E: float
    A: float
    a: float
    n_points: int
    n_sizes: int
    largest: float
    residual: float
    unit: str = "clips"
    parameters: tuple[tuple[str, float], ...] = ()
    noise_from: Noise = "none"
    pool: Pool | None = field(default=None, repr=False, compare=False)
    refits: Refits | None = field(default=None, repr=False, compare=False)
    level_interval: Interval = NOWHERE

    @property
    def E_interval(self) -> Interval:  # noqa: N802
        """Interval (level `LEVEL`) of the offset over what was resampled; NaN without."""
        return self.level_interval if self.refits is None else self._intervals.get("E", NOWHERE)

    @property
    def A_interval(self) -> Interval:  # noqa: N802
        """The same of the scale."""
        return self._intervals.get("A", NOWHERE)

    @property
    def a_interval(self) -> Interval:
        """The same of the exponent."""
        return self._intervals.get("a", NOWHERE)

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return {} if self.refits is None else self.refits.intervals()

    @property
    def at_largest(self) -> Interval:
        """`interval` at the largest size."""
        return self._band_at(1.0)

    @property
    def beyond(self) -> Interval:
        """`interval` at `BEYOND` times the largest size."""
        return self._band_at(float(BEYOND))

    def _band_at(self, factor: float) -> Interval:
        low, high = self.interval(factor * self.largest)
        return float(low), float(high)

    def predict(self, x: Floats | float) -> Floats:
        """The error at these numbers of clips, pooled over laws and windows of sizes; NaN where nothing is fitted.

        Raises:
            ValueError: a number of clips that is not above 0.
        """
        x = _sizes(x)
        if self.pool is None:
            return np.full(x.shape, np.nan)
        return np.exp(self.pool.log_error(np.log(x).ravel())).reshape(x.shape)

    def interval(self, x: Floats | float, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Low and high end of the calibrated interval of a new observation at x; NaN with one or two sizes.

        `coverage` tells what the level really covers. A single new run is meant, not the mean of several.

        Raises:
            ValueError: a level outside 0 to 1, or a number of clips that is not above 0.
        """
        x = _sizes(x)
        if not 0 < level < 1:
            raise ValueError(f"level {level} must lie between 0 and 1")
        if self.pool is None:
            return np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        low, high = (np.exp(np.clip(end, *_ENDS)).reshape(x.shape) for end in band(self.pool, np.log(x).ravel(), level))
        centre = self.predict(x)
        return np.minimum(low, centre), np.maximum(high, centre)

    def coverage(self, x: float, level: float = LEVEL) -> Cell | None:
        """What intervals like the one at x really covered (see `bands.coverage`); None where that is not known."""
        if self.pool is None:
            return None
        return coverage(self.pool.known, self.n_sizes, x / self.largest, level)

    def windows(self, x: Floats) -> Floats:
        """(members, n) the errors that each law and window of the pool predicts; NaN below a window's start."""
        if self.pool is None or self.pool.trend == "rises":
            return np.empty((0, x.size))
        ln = np.log(x)
        found = np.full((len(self.pool.members), x.size), np.nan)
        for k, member in enumerate(self.pool.members):
            value = member.form.log_error((ln - self.pool.centre)[None], member.theta[None])[0][0]
            found[k] = np.where(ln >= member.start - 1e-9, np.exp(value), np.nan)
        return found

    def inverse(self, error: float) -> float:
        """The fewest clips at which the curve predicts this error: inf if 1,000,000 times the data do not reach it,
        NaN for a curve that does not fall.

        Raises:
            ValueError: an error that is not above 0.
        """
        if not error > 0:
            raise ValueError(f"error {error} must be above 0")
        if self.pool is None or self.pool.trend != "falls":
            return float("nan")
        x = np.linspace(self.pool.last - np.log(_REACH), self.pool.last + np.log(_REACH), 4001)
        reached = np.flatnonzero(self.pool.log_error(x) <= np.log(error))
        if not reached.size:
            return float("inf")
        if reached[0] == 0:
            return float(np.exp(x[0]))
        low, high = float(x[reached[0] - 1]), float(x[reached[0]])
        for _ in range(60):
            middle = 0.5 * (low + high)
            if self.pool.log_error(np.array([middle]))[0] <= np.log(error):
                high = middle
            else:
                low = middle
        return float(np.exp(high))


def _sizes(x: Floats | float) -> Floats:
    x = np.asarray(x, dtype=np.float64)
    refuse_unusable("numbers of clips", x, _REACH)
    return x
