"""Surfaces over two sizes: L(N, D) = E + A N^-a + B D^-b (Hoffmann et al. 2022, approach 3).

N may be parameters and D clips. In units of the first term at the centre, ln L = s + ln(rho + N^-a + sigma D^-b). Where
one of the sizes counts how often the other is repeated, `repetition` has the law.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scaling.analysis.curves.forms import EXPONENT_BOUNDS, Floats, Form
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval, interval
from scaling.analysis.curves.points import checked, fit_points

FEWEST = 6  # one more than the parameters
SurfaceStatus = Literal["converged", "offset at zero", "exponent at bound"]


@dataclass(frozen=True)
class Surface:
    """A fitted surface; errors in the unit given, N and D in theirs.

    Attributes:
        E, A, B, a, b: of the law.
        loss: the mean Huber loss of the log error, what the fit minimises.
        draws: (r, 5) E, A, B, a, b refitted to resampled errors.
        residuals: (n,) of ln error, widened for the parameters spent.
    """

    status: SurfaceStatus
    E: float
    A: float
    B: float
    a: float
    b: float
    loss: float
    n_points: int
    draws: Floats = field(default_factory=lambda: np.empty((0, 5)), repr=False, compare=False)
    residuals: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    def parameter_interval(self, name: Literal["E", "A", "B", "a", "b"]) -> Interval:
        """Interval (level `LEVEL`) of a parameter over resamples; NaN without any."""
        return interval(self.draws[:, "EABab".index(name)]) if len(self.draws) else NOWHERE

    def interval(self, N: Floats | float, D: Floats | float, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Low and high end for a new observation, from resamples; NaN without any.

        Not calibrated on public data, of which there is none: it trusts that the law holds. On 24 simulated surfaces of
        240 points (tests/analysis/curves/test_surface.py) 90 % intervals of the parameters held 83 % of the time.
        """
        N, D = np.broadcast_arrays(np.asarray(N, dtype=np.float64), np.asarray(D, dtype=np.float64))
        if not 0 < level < 1:
            raise ValueError(f"level {level} must lie between 0 and 1")
        if not len(self.draws):
            return np.full(N.shape, np.nan), np.full(N.shape, np.nan)
        noise = np.random.default_rng(0).choice(self.residuals, len(self.draws))
        values = self.replicates(N, D) * np.exp(noise).reshape(-1, *([1] * N.ndim))
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return np.asarray(low), np.asarray(high)

    def predict(self, N: Floats | float, D: Floats | float) -> Floats:
        """The error at these sizes (broadcast against each other)."""
        return np.asarray(self.E + self.A * np.asarray(N) ** -self.a + self.B * np.asarray(D) ** -self.b)

    def replicates(self, N: Floats, D: Floats) -> Floats:
        """(r, ...) the error at these sizes under each resample."""
        E, A, B, a, b = (self.draws[:, k].reshape(-1, *([1] * N.ndim)) for k in range(5))
        return np.asarray(E + A * N**-a + B * D**-b)


def fit_surface(
    N: Floats,
    D: Floats,
    error: Floats,
    *,
    delta: float | None = None,
    draws: int = 0,
    resampled: Floats | None = None,
) -> Surface:
    """Fit a surface to (n,) sizes N and D and errors.

    Args:
        delta: threshold of the Huber loss, in ln(error); None: as the noise has it.
        draws: refits to noise as the residuals tell it, for intervals.
        resampled: (r, n) errors that the caller resampled together (seeds, test clips), instead.

    Raises:
        ValueError: shapes that do not fit, fewer than 6 points, a value that is not a finite number above 0, or a size
            that does not vary.
    """
    N, D, error = checked(error, FEWEST, "a surface of five parameters", N=N, D=D)
    n, d = np.log(N), np.log(D)
    form = _form(n - n.mean(), d - d.mean())
    found = fit_points(form, error, delta=delta, resampled=resampled, draws=draws)
    E, A, B, a, b = _natural(found.theta[None], n, d)[0]
    zero = found.at_bound(form, 0, high=False)
    status: SurfaceStatus = "offset at zero" if zero else "converged"
    if found.at_bound(form, 2) or found.at_bound(form, 3):
        status = "exponent at bound"
    return Surface(
        status, 0.0 if zero else float(E), float(A), float(B), float(a), float(b), found.loss, N.size,
        draws=_natural(found.draws, n, d), residuals=found.residuals * np.sqrt(N.size / (N.size - 5)),
    )  # fmt: skip


def _natural(theta: Floats, n: Floats, d: Floats) -> Floats:
    """(r, 5) theta -> E, A, B, a, b."""
    s, (rho, sigma, a, b) = theta[:, 0], np.exp(theta[:, 1:]).T
    return np.stack([np.exp(s) * rho, np.exp(s + a * n.mean()), np.exp(s + b * d.mean()) * sigma, a, b], axis=1)


def _form(n: Floats, d: Floats) -> Form:
    """The surface as a form whose sizes are built in. phi = ln(rho, sigma, a, b)."""

    def shape(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
        rho, sigma, a, b = (np.exp(phi[:, k : k + 1]) for k in range(4))
        first, second = np.exp(-a * n), sigma * np.exp(-b * d)
        total = rho + first + second
        parts = [np.broadcast_to(rho, total.shape), second, -a * n * first, -b * d * second]
        return np.log(total), np.stack(parts, axis=-1) / total[..., None]

    def natural(centre: Floats, s: Floats, phi: Floats) -> Floats:
        return np.concatenate([s[:, None], phi], axis=1)

    ratios, exponents = np.log([0.05, 0.5, 2.0, 10.0]), np.log([0.1, 0.2, 0.35, 0.6, 1.0])
    grid = np.stack([g.ravel() for g in np.meshgrid(ratios, np.log([0.1, 1.0, 10.0]), exponents, exponents)], axis=1)
    exponent = np.log(EXPONENT_BOUNDS)
    low = np.array([np.log(1e-6), np.log(1e-6), exponent[0], exponent[0]])
    high = np.array([np.log(1e6), np.log(1e6), exponent[1], exponent[1]])
    return Form("E + A N^-a + B D^-b", ("s", "rho", "sigma", "a", "b"), shape, natural, low, high, grid)
