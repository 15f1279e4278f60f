"""A fitted curve: what it is, what it predicts, how sure that is, and how many clips an error needs."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scaling.analysis.curves.bands import Cell, band, coverage
from scaling.analysis.curves.forms import Floats, refuse_unusable
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval
from scaling.analysis.curves.pool import Pool

Status = Literal[
    "converged", "offset at zero", "offset at the lowest point", "exponent at bound", "too few points",
    "rises with data", "rises at the largest sizes", "flat",
]  # fmt: skip
Noise = Literal["residuals of one run a size", "several runs a size", "none"]

BEYOND = 4  # predictions are shown up to this many times the largest size
_REACH = 1e6  # clips for an error are sought up to this many times the largest size


@dataclass(frozen=True)
class Curve:
    """A fitted curve. Errors are in the unit given (shares, losses); where no law is fitted `E`, `A`, `a` are NaN.

    Attributes:
        status: how the fit ended. "too few points" (three sizes) still predicts, with a wide interval; "rises with
            data" and one or two sizes predict nothing (NaN). "rises at the largest sizes": a falling law is fitted, but
            the predictions rise towards the largest size, or beyond it above what was seen there.
        form: the law of the parameters: a form's name, "constant" or "none".
        E, A, a: offset, scale and exponent of the robust fit to all sizes.
        n_points, n_sizes: scores and distinct sizes behind the curve.
        largest: the largest size fitted.
        residual: root mean square of ln(error) minus ln(law) over the sizes.
        unit: what sizes count; the offset has the error's unit, the exponent none.
        E_interval, A_interval, a_interval: of the parameters, level `LEVEL`, over what was resampled; NaN without.
        at_largest, beyond: `interval` at the largest size and at `BEYOND` times it.
        parameters: name and value of every parameter of the form.
        noise_from: what the interval's noise between runs rests on.
        pool: what predicts; None where nothing or a constant does.
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
    E_interval: Interval = NOWHERE
    A_interval: Interval = NOWHERE
    a_interval: Interval = NOWHERE
    at_largest: Interval = NOWHERE
    beyond: Interval = NOWHERE
    parameters: tuple[tuple[str, float], ...] = ()
    noise_from: Noise = "none"
    pool: Pool | None = field(default=None, repr=False, compare=False)

    def predict(self, x: Floats | float) -> Floats:
        """The error at these numbers of clips, pooled over laws and windows of sizes; NaN where nothing is fitted.

        Raises:
            ValueError: a number of clips that is not above 0.
        """
        x = _sizes(x)
        if self.pool is None:
            return np.full(x.shape, self.E if self.form == "constant" else np.nan)
        return np.exp(self.pool.log_error(np.log(x).ravel())).reshape(x.shape)

    def interval(self, x: Floats | float, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Low and high end of the calibrated interval of a new observation at x; NaN where there is none.

        `coverage` tells what the level really covers. A single new run is meant, not the mean of several.

        Raises:
            ValueError: a level outside 0 to 1, or a number of clips that is not above 0.
        """
        x = _sizes(x)
        if not 0 < level < 1:
            raise ValueError(f"level {level} must lie between 0 and 1")
        if self.pool is None or not self.pool.draws:
            return np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        low, high = band(self.pool, self.n_sizes, np.log(x).ravel(), level)
        return np.exp(low).reshape(x.shape), np.exp(high).reshape(x.shape)

    def coverage(self, x: float, level: float = LEVEL) -> Cell | None:
        """What intervals like the one at x really covered (see `bands.coverage`); None where that is not known.

        On public curves for one run a size, in simulation for several.
        """
        if self.pool is None or not self.pool.draws:
            return None
        return coverage(self.pool.measured, self.n_sizes, x / self.largest, level)

    def windows(self, x: Floats) -> Floats:
        """(members, n) the errors that each law and window of the pool predicts; NaN below a window's start."""
        if self.pool is None:
            return np.empty((0, x.size))
        ln = np.log(x)
        found = np.full((len(self.pool.members), x.size), np.nan)
        for k, member in enumerate(self.pool.members):
            value = member.form.log_error((ln - self.pool.centre)[None], member.theta[None])[0][0]
            found[k] = np.where(ln >= member.start - 1e-9, np.exp(value), np.nan)
        return found

    def inverse(self, error: float) -> float:
        """The fewest clips at which the curve predicts this error: inf if 1,000,000 times the data do not reach it.

        Raises:
            ValueError: an error that is not above 0.
        """
        if not error > 0:
            raise ValueError(f"error {error} must be above 0")
        if self.pool is None:
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
    refuse_unusable("numbers of clips", x)
    return x
