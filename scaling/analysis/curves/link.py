"""Links from a loss to the error on a task: the second of two stages, where a curve of the loss is the first.

A link is a straight line between a loss, or its logarithm, and an error on the scale where such lines are straight
(Bhagia et al. 2024, task scaling laws by model ladders, link losses to accuracies by a sigmoid):

    sigmoid   error = c / (1 + exp(-(alpha + beta loss))), c the error of chance
    power     error = exp(alpha) loss^beta

Two parameters each: a study has a handful of sizes.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from scaling.analysis.curves.forms import Floats

Form = Literal["sigmoid", "power"]
FORMS: tuple[Form, ...] = ("sigmoid", "power")
FEWEST = 3  # points: one more than the parameters
_EDGE = 1e-3  # of chance: an error nearer to it, or above, counts as that near
_TINY = 1e-9


@dataclass(frozen=True)
class Link:
    """A fitted link.

    Attributes:
        alpha, beta: of the form.
        chance: the largest error, c.
        spread: standard deviation of what is left, on the line's scale; NaN without a degree of freedom.
        freedom: of it.
        n, centre, square: points, mean and sum of squares about it of the losses on the line's scale.
    """

    form: Form
    alpha: float
    beta: float
    chance: float
    spread: float
    freedom: int
    n: int
    centre: float
    square: float

    def error(self, loss: Floats | float) -> Floats:
        """The errors at these losses, above 0."""
        return _backward(self.form, self._line(loss), self.chance)

    def interval(self, loss: Floats, low: Floats, high: Floats, level: float) -> tuple[Floats, Floats]:
        """Low and high end of a new error at (n,) losses that are themselves known within `low` to `high`, an interval
        of the same level: half-widths on the line's scale are added as squares. NaN without a degree of freedom."""
        z, at = self._line(loss), _of_loss(self.form, np.asarray(loss, dtype=np.float64))
        t = float(stdtrit(self.freedom, (1 + level) / 2)) if self.freedom > 0 else float("nan")
        own = t * self.spread * np.sqrt(1 + 1 / self.n + (at - self.centre) ** 2 / self.square)
        ends = np.sort([self._line(low) - z, self._line(high) - z], axis=0)
        below, above = np.minimum(ends[0], 0), np.maximum(ends[1], 0)
        return (
            _backward(self.form, z - np.hypot(own, below), self.chance),
            _backward(self.form, z + np.hypot(own, above), self.chance),
        )

    def _line(self, loss: Floats | float) -> Floats:
        return np.asarray(self.alpha + self.beta * _of_loss(self.form, np.asarray(loss, dtype=np.float64)))


def fit_link(form: Form, loss: Floats, error: Floats, chance: float = 1.0) -> Link:
    """Fit a link by least squares to (n,) losses and errors.

    Args:
        chance: the error that no loss exceeds; the power link knows none.

    Raises:
        ValueError: shapes that do not fit, fewer than `FEWEST` points, a value that is not a finite number above 0, or
            losses that do not vary.
    """
    loss, error = (np.asarray(v, dtype=np.float64) for v in (loss, error))
    if loss.ndim != 1 or loss.shape != error.shape or loss.size < FEWEST:
        raise ValueError(f"losses {loss.shape} and errors {error.shape}: {FEWEST} or more of each are needed")
    if not (np.isfinite([loss, error]).all() and (loss > 0).all() and (error > 0).all() and chance > 0):
        raise ValueError("losses and errors must be finite numbers above 0")
    x, y = _of_loss(form, loss), _forward(form, error, chance)
    centre = float(x.mean())
    square = float(((x - centre) ** 2).sum())
    if square <= _TINY**2:
        raise ValueError("the loss does not vary")
    beta = float((x - centre) @ y / square)
    alpha = float(y.mean() - beta * centre)
    freedom = loss.size - 2
    rest = y - alpha - beta * x
    return Link(form, alpha, beta, chance, float(np.sqrt(rest @ rest / freedom)), freedom, loss.size, centre, square)


def _of_loss(form: Form, loss: Floats) -> Floats:
    return loss if form == "sigmoid" else np.log(np.maximum(loss, _TINY))


def _forward(form: Form, error: Floats, chance: float) -> Floats:
    """An error on the line's scale."""
    if form == "power":
        return np.log(error)
    share = np.minimum(error / chance, 1 - _EDGE)
    return np.asarray(np.log(share / (1 - share)))


def _backward(form: Form, z: Floats, chance: float) -> Floats:
    z = np.clip(z, -50.0, 50.0)
    return np.asarray(np.exp(z) if form == "power" else chance / (1 + np.exp(-z)))
