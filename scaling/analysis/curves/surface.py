"""Surfaces over two sizes: L(N, D) = E + A N^-a + B D^-b (Hoffmann et al. 2022, approach 3).

N may be parameters and D clips, or N unique clips and D samples seen: `fit_repetition`. Where data repeat these are two
axes, and a curve over one of them misses (see the anchors' image study); E + A N^-a is what unique clips allow however
long one trains, B D^-b what is still lost by training shortly. The
objective and the solver are those of the curves: the log error's Huber loss, a grid over the shape, a polish with
analytic derivatives. In units of the first term at the centre, ln L = s + ln(rho + N^-a + sigma D^-b).
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from scaling.analysis.curves.forms import EXPONENT_BOUNDS, Floats, Form
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval, interval
from scaling.analysis.curves.solve import huber, polish, solve

_FEWEST = 6  # one more than the parameters
_REFIT_STEPS = 60
_STAGES = (0.1, 0.01)  # thresholds before the one asked for: far from the optimum a small one is flat


@dataclass(frozen=True)
class Surface:
    """A fitted surface; errors in the unit given, N and D in theirs.

    Attributes:
        E, A, B, a, b: of the law.
        loss: the mean Huber loss of the log error, what the fit minimises.
        units: what N and D count.
        draws: (r, 5) E, A, B, a, b refitted to resampled residuals.
        residuals: (n,) of ln error, widened for the parameters spent.
    """

    status: Literal["converged", "offset at zero", "exponent at bound"]
    E: float
    A: float
    B: float
    a: float
    b: float
    loss: float
    n_points: int
    units: tuple[str, str] = ("N", "D")
    draws: Floats = field(default_factory=lambda: np.empty((0, 5)), repr=False, compare=False)
    residuals: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    def parameter_interval(self, name: Literal["E", "A", "B", "a", "b"]) -> Interval:
        """Interval (level `LEVEL`) of a parameter over resampled residuals; NaN without resamples."""
        return interval(self.draws[:, "EABab".index(name)]) if len(self.draws) else NOWHERE

    def interval(self, N: Floats | float, D: Floats | float, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Low and high end for a new observation, from resampled residuals; NaN without resamples.

        Not calibrated on public data, of which there is none: it trusts that the law holds. On 24 simulated surfaces of
        240 points (tests/analysis/test_surface.py) 90 % intervals of the parameters held 83 % of the time.
        """
        N, D = np.broadcast_arrays(np.asarray(N, dtype=np.float64), np.asarray(D, dtype=np.float64))
        if not 0 < level < 1:
            raise ValueError(f"level {level} must lie between 0 and 1")
        if not len(self.draws):
            return np.full(N.shape, np.nan), np.full(N.shape, np.nan)
        E, A, B, a, b = (self.draws[:, k].reshape(-1, *([1] * N.ndim)) for k in range(5))
        noise = np.random.default_rng(0).choice(self.residuals, len(self.draws)).reshape(E.shape)
        values = (E + A * N**-a + B * D**-b) * np.exp(noise)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return np.asarray(low), np.asarray(high)

    def predict(self, N: Floats | float, D: Floats | float) -> Floats:
        """The error at these sizes (broadcast against each other)."""
        return np.asarray(self.E + self.A * np.asarray(N) ** -self.a + self.B * np.asarray(D) ** -self.b)


def fit_repetition(clips: Floats, samples: Floats, error: Floats, *, draws: int = 200) -> Surface:
    """The surface over unique clips and samples seen, `predict(clips, samples)`.

    Raises:
        ValueError: as `fit_surface`; or fewer samples than clips, so that not all clips were seen.
    """
    if np.any(np.asarray(samples) < np.asarray(clips)):
        raise ValueError("fewer samples seen than unique clips: count the clips that were seen")
    return replace(fit_surface(clips, samples, error, draws=draws), units=("unique clips", "samples seen"))


def fit_surface(N: Floats, D: Floats, error: Floats, *, delta: float = 1e-3, draws: int = 0) -> Surface:
    """Fit a surface to (n,) sizes N and D and errors.

    Args:
        draws: refits to resampled residuals, for intervals.
        delta: threshold of the Huber loss, in ln(error).

    Raises:
        ValueError: shapes that do not fit, fewer than 6 points, a value that is not a finite number above 0, or a size
            that does not vary.
    """
    N, D, error = (np.asarray(v, dtype=np.float64) for v in (N, D, error))
    if N.ndim != 1 or not N.shape == D.shape == error.shape:
        raise ValueError(f"N {N.shape}, D {D.shape} and error {error.shape} must be equal and one-dimensional")
    if N.size < _FEWEST:
        raise ValueError(f"{N.size} points are too few for a surface of five parameters; {_FEWEST} are needed")
    for name, values in (("N", N), ("D", D), ("error", error)):
        if not (np.isfinite(values).all() and np.all(values > 0)):
            raise ValueError(f"{name} must be finite and above 0")
    for name, values in (("N", N), ("D", D)):
        if np.ptp(values) == 0:
            raise ValueError(f"{name} does not vary: fit a curve over the other size")
    n, d = np.log(N), np.log(D)
    form = _form(n - n.mean(), d - d.mean())
    y, w, u = np.log(error)[None], np.ones((1, N.size)), np.zeros((1, N.size))
    theta, _ = solve(form, u, y, w, starts=12, delta=max(_STAGES[0], delta))
    for stage in (*_STAGES[1:], delta):
        theta, _ = polish(form, u, y, w, theta, delta=max(stage, delta), steps=2000)
    E, A, B, a, b = _natural(theta, n, d)[0]
    fitted, _ = form.log_error(u, theta)
    residual = (y - fitted)[0]
    at_bound = [v <= EXPONENT_BOUNDS[0] * 1.0001 or v >= EXPONENT_BOUNDS[1] * 0.9999 for v in (a, b)]
    zero = theta[0, 1] <= form.low[0] + 1e-6
    wide = residual * np.sqrt(N.size / (N.size - 5))
    again = np.empty((0, 5))
    if draws:
        noisy = fitted + np.random.default_rng(0).choice(wide, (draws, N.size))
        weights, start = (np.repeat(part, draws, axis=0) for part in (w, theta))
        # Resamples need no more digits than their number gives.
        again = _natural(polish(form, np.zeros_like(noisy), noisy, weights, start, delta, steps=_REFIT_STEPS)[0], n, d)
    return Surface(
        "exponent at bound" if any(at_bound) else "offset at zero" if zero else "converged", 0.0 if zero else float(E),
        float(A), float(B), float(a), float(b), float(huber(residual, delta).mean()), N.size, draws=again,
        residuals=wide,
    )  # fmt: skip


def _natural(theta: Floats, n: Floats, d: Floats) -> Floats:
    """(r, 5) theta -> E, A, B, a, b."""
    s, (rho, sigma, a, b) = theta[:, 0], np.exp(theta[:, 1:]).T
    return np.stack([np.exp(s) * rho, np.exp(s + a * n.mean()), np.exp(s + b * d.mean()) * sigma, a, b], axis=1)


def _form(n: Floats, d: Floats) -> Form:
    """The surface as a form whose second size is built in: u is not used. phi = ln(rho, sigma, a, b)."""

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
