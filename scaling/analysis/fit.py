"""Power law with offset, error = E + A·clips^(-a), fitted robustly and globally to the logarithm of the error.

With u = ln(clips / geometric mean of the sizes) and rho = E / (A·mean^(-a)), the law reads
ln error = s + ln(rho + e^(-a·u)). A grid over (a, rho), with s the median of what remains, finds the basin; a
damped Gauss-Newton with Huber weights polishes it. A single start from a guess is the well-known way to a
wrong curve (Besiroglu et al. 2024, on Hoffmann et al. 2022, approach 3). Everything works on batches of
curves that share their sizes, so that a resampled interval costs little more than the fit.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Status = Literal["converged", "offset at zero", "exponent at bound", "too few sizes", "rises with data", "flat"]
Interval = tuple[float, float]

LEVEL = 0.9
EXPONENT_BOUNDS = (0.02, 2.0)
BEYOND = 4  # predictions are shown up to this many times the largest size
HUBER = 0.05  # residuals in log error beyond 5 % pull linearly only
NOWHERE: Interval = (np.nan, np.nan)

_FLAT = 0.01  # without resamples: a change below 1 % over the whole range is none
_RHO = (1e-6, 1e4)
_NO_OFFSET = 1e-3  # an offset below this share of the error at BEYOND x the largest size is none
_CHUNK = 4096


@dataclass(frozen=True)
class Curve:
    """A fitted curve. Errors are shares (0 to 1); where no law is fitted `E`, `A`, `a` are NaN.

    Intervals have level `LEVEL`; they are NaN without resamples. `residual` is the root mean square of
    ln(error) minus ln(curve) over the sizes. `n_points` counts the scores, `n_sizes` the distinct sizes.
    """

    status: Status
    form: Literal["E + A x^-a", "constant", "none"]
    E: float
    A: float
    a: float
    n_points: int
    n_sizes: int
    largest: float
    residual: float
    E_interval: Interval = NOWHERE
    A_interval: Interval = NOWHERE
    a_interval: Interval = NOWHERE
    at_largest: Interval = NOWHERE
    beyond: Interval = NOWHERE

    def predict(self, clips: Floats | float) -> Floats:
        """The curve's error at these numbers of clips; NaN where no law is fitted."""
        return law(clips, self.E, self.A, self.a)


def law(clips: Floats | float, E: float, A: float, a: float) -> Floats:
    """E + A·clips^(-a)."""
    return np.asarray(E + A * np.power(np.asarray(clips, dtype=np.float64), -a))


def fit_curve(clips: Floats, error: Floats, resampled: Floats | None = None) -> Curve:
    """Fit one curve.

    Args:
        clips: (n,) sizes; a size may come several times (seeds) and then counts by its mean error.
        error: (n,) errors, above 0.
        resampled: (r, number of distinct sizes, ascending) resampled mean errors, for the intervals.

    Returns:
        The curve. With 3 sizes or fewer, or an error that rises with data, no law is forced: see `status`.

    Raises:
        ValueError: shapes that do not fit, or an error or size that is not above 0.
    """
    clips, error = np.asarray(clips, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if clips.ndim != 1 or clips.shape != error.shape or clips.size == 0:
        raise ValueError(f"clips {clips.shape} and error {error.shape} must be equal and one-dimensional")
    sizes, place = np.unique(clips, return_inverse=True)
    mean = np.bincount(place, weights=error) / np.bincount(place)
    draws = None if resampled is None else np.asarray(resampled, dtype=np.float64)[None]
    return fit_batch(sizes, mean[None], draws, [clips.size])[0]


def fit_batch(sizes: Floats, error: Floats, resampled: Floats | None, n_points: list[int]) -> list[Curve]:
    """Fit many curves over the same sizes.

    Args:
        sizes: (n,) distinct sizes, ascending.
        error: (c, n) mean errors.
        resampled: (c, r, n) resampled mean errors; a curve without them holds NaN.
        n_points: scores behind each of the c curves.
    """
    if not (np.all(sizes > 0) and np.all(error > 0)):
        raise ValueError("sizes and errors must be above 0")
    if resampled is not None and (resampled.ndim != 3 or resampled.shape[::2] != error.shape):
        raise ValueError(f"resampled {resampled.shape} does not match errors {error.shape}")
    c, n = error.shape
    if n <= 3:
        return [_unfitted("too few sizes", sizes, points) for points in n_points]
    log = np.log(error)
    theta = _solve(sizes, log, starts=12)
    r = 0 if resampled is None else resampled.shape[1]
    known = np.zeros((c,), dtype=np.bool_)
    log_draws, theta_draws = np.empty((c, r, n)), np.full((c, r, 3), np.nan)
    if resampled is not None and r:
        log_draws = np.log(np.maximum(resampled, 1e-9))
        known = np.asarray(np.isfinite(log_draws).all(axis=(1, 2)))
        theta_draws[known] = _solve(sizes, log_draws[known].reshape(-1, n), starts=1).reshape(-1, r, 3)
    return [
        _judge(sizes, log[i], theta[i], n_points[i], *(
            (log_draws[i], theta_draws[i]) if known[i] else (None, None)
        ))
        for i in range(c)
    ]  # fmt: skip


def _unfitted(status: Status, sizes: Floats, n_points: int) -> Curve:
    nan = float("nan")
    return Curve(status, "none", nan, nan, nan, n_points, len(sizes), float(sizes[-1]), nan)


def _judge(
    sizes: Floats, log: Floats, theta: Floats, n_points: int, log_draws: Floats | None, theta_draws: Floats | None
) -> Curve:
    """Turn one solution into a curve with a status, or say that there is no falling law to fit."""
    u = np.log(sizes) - np.log(sizes).mean()
    slope = float(log @ u / (u @ u))
    low, high = (slope, slope)
    change = abs(slope) * np.ptp(u)
    if log_draws is not None:
        low, high = interval(log_draws @ u / (u @ u))
        trend = low > 0 or high < 0
    else:
        trend = change > _FLAT
    if not trend:
        level = float(np.exp(log.mean()))
        spread = interval(np.exp(log_draws.mean(axis=1))) if log_draws is not None else NOWHERE
        residual = float(np.sqrt(np.mean((log - log.mean()) ** 2)))
        return Curve(
            "flat", "constant", level, 0.0, 0.0, n_points, len(sizes), float(sizes[-1]), residual,
            E_interval=spread, at_largest=spread, beyond=spread,
        )  # fmt: skip
    if slope > 0:
        return _unfitted("rises with data", sizes, n_points)
    E, A, a = (float(v) for v in theta)
    status: Status = "converged"
    far = BEYOND * sizes[-1]
    if _NO_OFFSET * law(far, E, A, a) >= E:
        status = "offset at zero"
    if a <= EXPONENT_BOUNDS[0] * 1.0001 or a >= EXPONENT_BOUNDS[1] * 0.9999:
        status = "exponent at bound"
    residual = float(np.sqrt(np.mean((log - np.log(law(sizes, E, A, a))) ** 2)))
    curve = Curve(status, "E + A x^-a", E, A, a, n_points, len(sizes), float(sizes[-1]), residual)
    if theta_draws is None:
        return curve
    Es, As, exponents = theta_draws.T
    return Curve(
        status, curve.form, E, A, a, n_points, len(sizes), float(sizes[-1]), residual,
        interval(Es), interval(As), interval(exponents),
        interval(Es + As * sizes[-1] ** -exponents), interval(Es + As * far**-exponents),
    )  # fmt: skip


def interval(draws: Floats) -> Interval:
    """The central interval of level `LEVEL` of resampled numbers; NaN if any of them is missing."""
    if draws.size == 0 or not np.isfinite(draws).all():
        return NOWHERE
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _solve(sizes: Floats, log: Floats, starts: int) -> Floats:
    """(b, n) log errors -> (b, 3) parameters E, A, a of the best robust fit with and without an offset."""
    centre = np.log(sizes).mean()
    u = np.log(sizes) - centre
    found = [_solve_chunk(u, log[i : i + _CHUNK], starts) for i in range(0, len(log), _CHUNK)]
    s, q, p = np.concatenate(found).T if found else np.empty((3, 0))
    a = np.exp(p)
    scale = np.exp(s)
    return np.stack([scale * np.exp(q), scale * np.exp(a * centre), a], axis=1)


def _solve_chunk(u: Floats, log: Floats, starts: int) -> Floats:
    """(b, n) -> (b, 3) parameters s, ln rho (-inf: no offset), ln a."""
    low, high = EXPONENT_BOUNDS
    exponents = np.geomspace(low * 1.05, high / 1.05, 14)
    rhos = np.geomspace(1e-2, 1e2, 11)
    a, rho = (grid.ravel() for grid in np.meshgrid(exponents, rhos, indexing="ij"))
    shape = np.log(rho[:, None] + np.exp(-a[:, None] * u))  # (g, n)
    rest = (log[:, None, :] - shape[None]).astype(np.float32)  # (b, g, n)
    scale = _median(rest)
    cost = _huber(rest - scale[..., None]).sum(axis=-1)
    chosen = np.argpartition(cost, starts - 1, axis=1)[:, :starts]  # (b, starts)
    row = np.arange(len(log))[:, None]
    start = np.stack([scale[row, chosen].astype(np.float64), np.log(rho)[chosen], np.log(a)[chosen]], axis=-1)
    y = np.repeat(log, starts, axis=0)
    theta, cost = _polish(u, y, start.reshape(-1, 3), offset=True)
    best = cost.reshape(-1, starts).argmin(axis=1)
    theta, cost = theta.reshape(-1, starts, 3)[row[:, 0], best], cost.reshape(-1, starts)[row[:, 0], best]
    plain, plain_cost = _polish(u, log, theta, offset=False)
    # The offset may only go to zero exactly where it explains nothing: at the edge of its range the two agree.
    simpler = plain_cost <= cost + 1e-12
    return np.where(simpler[:, None], plain, theta)


def _median(rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over the last axis; numpy's own is many times slower on short axes."""
    ordered = np.sort(rest, axis=-1)
    n = rest.shape[-1]
    return np.asarray((ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2)


def _huber(r: NDArray[np.floating]) -> NDArray[np.floating]:
    size = np.abs(r)
    return np.where(size <= HUBER, 0.5 * r * r, HUBER * (size - 0.5 * HUBER))


def _polish(u: Floats, y: Floats, theta: Floats, offset: bool) -> tuple[Floats, Floats]:
    """Levenberg-Marquardt on the Huber cost for a batch: (b, n), (b, 3) -> (b, 3), cost (b,)."""
    theta = theta.copy()
    if not offset:
        theta[:, 1] = -np.inf
    low = np.array([-np.inf, np.log(_RHO[0]), np.log(EXPONENT_BOUNDS[0])])
    high = np.array([np.inf, np.log(_RHO[1]), np.log(EXPONENT_BOUNDS[1])])
    damping = np.full(len(y), 1e-3)
    residual, jacobian = _linearize(u, y, theta)
    cost = _huber(residual).sum(axis=1)
    active = np.arange(len(y))
    for _ in range(60):
        r, J, t = residual[active], jacobian[active], theta[active]
        weighted = J * np.minimum(1, HUBER / np.maximum(np.abs(r), 1e-300))[..., None]
        normal = np.swapaxes(weighted, 1, 2) @ J
        gradient = (weighted * r[..., None]).sum(axis=1)
        diagonal = np.arange(3)
        normal[:, diagonal, diagonal] += damping[active, None] * normal[:, diagonal, diagonal] + 1e-12
        step = np.linalg.solve(normal, gradient[..., None])[..., 0]
        trial = t + np.clip(step, -2, 2)
        trial[:, 2] = np.clip(trial[:, 2], low[2], high[2])
        trial[:, 1] = np.clip(trial[:, 1], low[1], high[1]) if offset else -np.inf
        new_residual, new_jacobian = _linearize(u, y[active], trial)
        new_cost = _huber(new_residual).sum(axis=1)
        better = new_cost < cost[active]
        gain = cost[active] - new_cost
        where = active[better]
        theta[where], cost[where] = trial[better], new_cost[better]
        residual[where], jacobian[where] = new_residual[better], new_jacobian[better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 4)
        done = (better & (gain <= 1e-10 * cost[active])) | (damping[active] > 1e6) | (cost[active] < 1e-26)
        active = active[~done]
        if active.size == 0:
            break
    return theta, cost


def _linearize(u: Floats, y: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Residuals (b, n) and the model's derivatives (b, n, 3) by s, ln rho, ln a."""
    s, q, p = theta[:, 0, None], theta[:, 1, None], theta[:, 2, None]
    a, rho = np.exp(p), np.exp(q)
    power = np.exp(-a * u)
    total = rho + power
    jacobian = np.stack([np.ones_like(total), rho / total, -a * u * power / total], axis=-1)
    return y - s - np.log(total), jacobian
