"""One solver for all laws: a robust, global fit of many curves at once.

Minimised is the weighted Huber loss of the log error, sum_i w_i h(ln y_i - ln f(x_i)). A grid over the shape's
parameters, with the scale a weighted median of what remains, finds the basins; a damped Gauss-Newton with Huber
weights (IRLS, Levenberg-Marquardt) and analytic derivatives polishes the best of them to the optimum. A single start
from a guess is the well-known way to a wrong curve (Besiroglu et al. 2024, on Hoffmann et al. 2022, approach 3).
Curves of different sizes are padded, with weight 0; so are windows of sizes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.forms import Floats, Form

HUBER = 0.01  # residuals in log error beyond 1 % pull linearly only
_EFFICIENT = 1.345  # standard deviations of normal noise: what Huber's loss loses against least squares there is 5 %
_CHUNK = 2048
_DIGITS = 1e-12
_BITS = 36  # of the range of ln sizes and ln errors
_SCANNED = 1 << 16  # residuals of the grid that are held at once: what fits the cache


@dataclass(frozen=True)
class Prior:
    """What is believed of the shape parameters before the data: sum_j strength_j (phi_j - mean_j)² / 2 is added.

    Attributes:
        mean: (b, k) centres.
        strength: (b, k) in units of the loss: noise variance over the belief's variance; 0 believes nothing.
    """

    mean: Floats
    strength: Floats

    def rows(self, rows: NDArray[np.int64] | slice) -> "Prior":
        """The same for some of the curves."""
        return Prior(self.mean[rows], self.strength[rows])

    def penalty(self, phi: Floats) -> Floats:
        """(b,) what is added to the loss."""
        return np.asarray((0.5 * self.strength * (phi - self.mean) ** 2).sum(axis=1))


def no_prior(form: Form, b: int) -> Prior:
    """Believes nothing of b curves."""
    return Prior(np.zeros((b, len(form.low))), np.zeros((b, len(form.low))))


def threshold(noise: Floats) -> Floats:
    """(b,) thresholds of the Huber loss for points whose noise is known, (b,) standard deviations of ln error; 0: not.

    Noise beyond the threshold pulls linearly, and so tells less than least squares think it does: a belief that is
    weighed against the noise would win. No threshold is below `HUBER`.
    """
    return np.asarray(np.maximum(HUBER, _EFFICIENT * noise))


def huber(r: Floats, delta: Floats | float) -> Floats:
    """The Huber loss: r²/2 up to delta, linear beyond."""
    size = np.abs(r)
    within = np.minimum(size, delta)
    return np.asarray(within * (size - 0.5 * within))


def solve(
    form: Form,
    u: Floats,
    y: Floats,
    w: Floats,
    starts: int = 6,
    delta: Floats | float = HUBER,
    prior: Prior | None = None,
    steps: int = 1000,
) -> tuple[Floats, Floats]:
    """Fit a batch from the form's grid.

    Args:
        form: the law, with k shape parameters.
        u: (b, n) ln(size / centre).
        y: (b, n) ln error; anything finite where padded.
        w: (b, n) weights, 0 where padded.
        starts: how many points of the grid are polished for each curve.
        delta: threshold of the Huber loss; (b,), or one for all.
        prior: what is believed of the shape parameters; nothing without.
        steps: the most that a start is polished.

    Returns:
        (b, k + 1) theta = (s, phi) and (b,) the loss.
    """
    prior = prior or no_prior(form, len(y))
    delta = np.broadcast_to(delta, len(y))
    # Where several optima are as good, the last digits would choose, which hang on units and order.
    middle = (w * y).sum(axis=1) / w.sum(axis=1)
    u, y = _rounded(u, w), _rounded(y - middle[:, None], w)
    thetas, losses = [], []
    for i in range(0, len(y), _CHUNK):
        part = slice(i, i + _CHUNK)
        mine = prior.rows(part)
        begin = _scan(form, u[part], y[part], w[part], starts, delta[part], mine)
        b, m, k = begin.shape
        rows = np.repeat(np.arange(b), m)
        theta, loss = polish(
            form, u[part][rows], y[part][rows], w[part][rows], begin.reshape(-1, k), delta[part][rows],
            mine.rows(rows), steps,
        )  # fmt: skip
        best = loss.reshape(b, m).argmin(axis=1)
        thetas.append(theta.reshape(b, m, k)[np.arange(b), best])
        losses.append(loss.reshape(b, m)[np.arange(b), best])
    if not thetas:
        return np.empty((0, len(form.low) + 1)), np.empty(0)
    found = np.concatenate(thetas)
    found[:, 0] += middle
    return found, np.concatenate(losses)


def _rounded(values: Floats, w: Floats) -> Floats:
    """(b, n) values to so many bits of their (weighted) range."""
    span = np.where(w > 0, values, -np.inf).max(axis=1) - np.where(w > 0, values, np.inf).min(axis=1)
    step = np.exp2(np.floor(np.log2(np.maximum(span, 1e-200))) - _BITS)[:, None]
    return np.asarray(np.round(values / step) * step)


def _scan(form: Form, u: Floats, y: Floats, w: Floats, starts: int, delta: Floats, prior: Prior) -> Floats:
    """(b, starts, k + 1) the best points of the grid for each curve."""
    b, n = y.shape
    g, k = form.grid.shape
    scale, loss = np.empty((b, g)), np.empty((b, g))
    step = max(_SCANNED // max(b * n, 1), 1)
    for i in range(0, g, step):
        phi = np.repeat(form.grid[None, i : i + step], b, axis=0)  # (b, step, k)
        m = phi.shape[1]
        shape, _ = form.shape(np.repeat(u, m, axis=0), phi.reshape(-1, k))
        rest = np.repeat(y, m, axis=0) - shape
        weight = np.repeat(w, m, axis=0)
        best = weighted_median(rest, weight)
        lost = (weight * huber(rest - best[:, None], np.repeat(delta, m)[:, None])).sum(axis=1)
        scale[:, i : i + step] = best.reshape(b, m)
        believed = (0.5 * prior.strength[:, None] * (phi - prior.mean[:, None]) ** 2).sum(axis=2)
        loss[:, i : i + step] = lost.reshape(b, m) + believed
    starts = min(starts, g)
    chosen = np.argpartition(loss, starts - 1, axis=1)[:, :starts]
    return np.concatenate([np.take_along_axis(scale, chosen, axis=1)[..., None], form.grid[chosen]], axis=-1)


def weighted_median(values: Floats, w: Floats) -> Floats:
    """(b, n) values and weights -> (b,) the lower weighted median."""
    order = np.argsort(values, axis=1)
    total = np.cumsum(np.take_along_axis(w, order, axis=1), axis=1)
    place = (total < 0.5 * total[:, -1:]).sum(axis=1)
    return np.asarray(np.take_along_axis(values, np.take_along_axis(order, place[:, None], axis=1), axis=1)[:, 0])


def polish(
    form: Form,
    u: Floats,
    y: Floats,
    w: Floats,
    theta: Floats,
    delta: Floats | float = HUBER,
    prior: Prior | None = None,
    steps: int = 1000,
) -> tuple[Floats, Floats]:
    """Levenberg-Marquardt with Huber weights from theta (b, k + 1), inside the box.

    Arguments and result as of `solve`: (b, k + 1) theta and (b,) the loss.
    """
    prior = prior or no_prior(form, len(y))
    delta = np.broadcast_to(delta, len(y))
    if len(y) > _CHUNK:
        # What fits the cache is several times faster.
        parts = [slice(i, i + _CHUNK) for i in range(0, len(y), _CHUNK)]
        done_parts = [polish(form, u[p], y[p], w[p], theta[p], delta[p], prior.rows(p), steps) for p in parts]
        return np.concatenate([t for t, _ in done_parts]), np.concatenate([v for _, v in done_parts])
    theta = theta.copy()
    theta[:, 1:] = np.clip(theta[:, 1:], form.low, form.high)
    low, high = np.append(-np.inf, form.low), np.append(np.inf, form.high)
    value, jacobian = form.log_error(u, theta)
    residual = y - value
    loss = (w * huber(residual, delta[:, None])).sum(axis=1) + prior.penalty(theta[:, 1:])
    # The rows still at work, side by side: what is done leaves, which costs less than picking rows in every step.
    place, limit = np.arange(len(y)), delta[:, None]
    t, lost, r, J, mean, strength = theta, loss, residual, jacobian, prior.mean, prior.strength
    damping, quiet = np.full(len(y), 1e-3), np.zeros(len(y), dtype=np.int64)
    believed, beside = bool(strength.any()), theta.shape[1] + 1
    theta, loss = theta.copy(), loss.copy()
    for _ in range(steps):
        pull = w * np.minimum(1, limit / np.maximum(np.abs(r), 1e-300))
        weighted = (J * pull[..., None]).swapaxes(1, 2)
        normal = weighted @ J
        gradient = (weighted @ r[..., None])[..., 0]
        diagonal = normal.reshape(len(normal), -1)[:, ::beside]  # a view
        if believed:
            diagonal[:, 1:] += strength
            gradient[:, 1:] -= strength * (t[:, 1:] - mean)
        # A parameter that its bound holds back must not spoil the step of the others.
        held = ((t <= low) & (gradient < 0)) | ((t >= high) & (gradient > 0))
        if held.any():
            normal[held] = 0
            normal.swapaxes(1, 2)[held] = 0
            gradient[held] = 0
            diagonal += damping[:, None] * diagonal + 1e-12 + held
        else:
            diagonal += damping[:, None] * diagonal + 1e-12
        step = np.linalg.solve(normal, gradient[..., None])[..., 0]
        trial = np.minimum(np.maximum(t + np.minimum(np.maximum(step, -2), 2), low), high)
        value, new_jacobian = form.log_error(u, trial)
        new_residual = y - value
        new_loss = (w * huber(new_residual, limit)).sum(axis=1)
        if believed:
            new_loss += (0.5 * strength * (trial[:, 1:] - mean) ** 2).sum(axis=1)
        gain = lost - new_loss
        better = gain > 0
        small = better & (gain <= _DIGITS * lost)
        every = bool(better.all())
        if every:
            t, lost, r, J = trial, new_loss, new_residual, new_jacobian
        elif better.any():
            t, lost = np.where(better[:, None], trial, t), np.where(better, new_loss, lost)
            r, J = np.where(better[:, None], new_residual, r), np.where(better[:, None, None], new_jacobian, J)
        damping = damping / 5 if every else np.where(better, damping / 5, damping * 4)
        quiet = (quiet + small) * (small | ~better)
        done = (quiet >= 2) | (damping > 1e8) | (lost < 1e-28)
        if done.any():
            theta[place[done]], loss[place[done]] = t[done], lost[done]
            left = ~done
            if not left.any():
                return theta, loss
            place, limit, t, lost, r, J, mean, strength, damping, quiet, u, y, w = (
                each[left] for each in (place, limit, t, lost, r, J, mean, strength, damping, quiet, u, y, w)
            )
    theta[place], loss[place] = t, lost
    return theta, loss
