"""Several arms that end at the same error: one offset, a scale and an exponent each.

Arms that are scored on the same test clips share what no encoder can get right (wrong labels, clips that fit two
classes). With few sizes an exponent hangs on its arm's offset; one offset for all is what makes exponents comparable.
With v = ln(size / centre) arm i reads ln error = s + ln(1 + exp(p_i - a_i v)), the offset being e^s: linear in s, so
that the solver of the curves polishes all arms together, from a grid over the offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scaling.analysis.curves.forms import EXPONENT_BOUNDS, Floats, Form
from scaling.analysis.curves.observed import NOWHERE, Interval, interval, observe
from scaling.analysis.curves.solve import HUBER, polish

_SHARES = np.array([1e-3, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])  # of the lowest error
_RATIO = (-12.0, 12.0)  # ln of the falling part over the offset, at the centre
_STEPS = 300
_NO_OFFSET = 1e-3  # an offset below this share of the lowest error is none


@dataclass(frozen=True)
class Shared:
    """Arms fitted with one offset, in the order given; errors in the unit given, exponents without one.

    Attributes:
        E: the offset.
        A, a: (arms,) scales and exponents.
        loss: the Huber loss of ln error, summed over arms and sizes.
        draws: (r, 1 + 2 arms) E, A and a under each resample; (0, ...) without resamples.
    """

    status: Literal["converged", "offset at zero", "exponent at bound"]
    E: float
    A: Floats
    a: Floats
    loss: float
    draws: Floats = field(repr=False)

    def predict(self, arm: int, x: Floats | float) -> Floats:
        """The error of an arm at these sizes."""
        return np.asarray(self.E + self.A[arm] * np.asarray(x, dtype=np.float64) ** -self.a[arm])

    def exponent_difference(self, arm: int, other: int) -> Interval:
        """Interval (level `LEVEL`) of the exponent of `arm` minus that of `other`; NaN without resamples."""
        if not len(self.draws):
            return NOWHERE
        exponents = self.draws[:, 1 + len(self.a) :]
        return interval(exponents[:, arm] - exponents[:, other])


def fit_shared(curves: Sequence[tuple[Floats, Floats]], resampled: Sequence[Floats] | None = None) -> Shared:
    """Fit arms together.

    Args:
        curves: (sizes, errors) of each arm, as `fit_curve` takes them; two arms or more, three sizes or more each.
        resampled: (r, sizes) resampled mean errors of each arm, row q of all arms being one resample.

    Raises:
        ValueError: as `fit_curve`; or too few arms, sizes, or points for the parameters.
    """
    seen = observe(curves, resampled)
    data, k = seen.data, len(curves)
    if k < 2 or data.n_sizes.min() < 3:
        raise ValueError("a shared offset needs two arms or more, each with three sizes or more")
    arm, place = np.nonzero(data.seen)
    y, w = data.y[arm, place][None], data.w[arm, place][None]
    centre = float((data.x[arm, place] * w[0]).sum() / w.sum())
    v = data.x[arm, place] - centre
    form = _form(v, arm, k)
    begin = np.stack([_start(share * float(np.exp(y.min())), v, y[0], w[0], arm, k) for share in _SHARES])
    many = np.repeat(y, len(begin), axis=0), np.repeat(w, len(begin), axis=0)
    theta, loss = polish(form, np.zeros_like(many[0]), *many, begin, HUBER, steps=_STEPS)
    best = theta[[loss.argmin()]]
    draws = np.empty((0, 1 + 2 * k))
    if seen.given is not None:
        again = seen.given[arm, :, place].T
        if not np.isfinite(again).all():
            raise ValueError("resampled errors are missing for some arm")
        start, weights = np.repeat(best, len(again), axis=0), np.repeat(w, len(again), axis=0)
        draws = form.natural(
            np.full(len(again), centre), *_split(polish(form, np.zeros_like(again), again, weights, start)[0])
        )
    values = form.natural(np.array([centre]), *_split(best))[0]
    E, A, a = float(values[0]), values[1 : 1 + k], values[1 + k :]
    at_bound = bool(((a <= EXPONENT_BOUNDS[0] * 1.0001) | (a >= EXPONENT_BOUNDS[1] * 0.9999)).any())
    zero = _NO_OFFSET * float(np.exp(y.min())) >= E
    status: Literal["converged", "offset at zero", "exponent at bound"] = "converged"
    if at_bound or zero:
        status = "exponent at bound" if at_bound else "offset at zero"
    return Shared(status, E, A, a, float(loss.min()), draws)


def _split(theta: Floats) -> tuple[Floats, Floats]:
    return theta[:, 0], theta[:, 1:]


def _start(E: float, v: Floats, y: Floats, w: Floats, arm: NDArray[np.int64], k: int) -> Floats:
    """(1 + 2k,) theta at this offset: each arm's line through ln(error - E), near the offset with little weight."""
    rest = np.maximum(1 - E / np.exp(y), 1e-3)
    z, weight = y + np.log(rest), w * rest**2
    p, a = np.empty(k), np.empty(k)
    for i in range(k):
        mine = arm == i
        total = weight[mine].sum()
        at, level = (weight[mine] @ part[mine] / total for part in (v, z))
        spread = weight[mine] @ (v[mine] - at) ** 2
        a[i] = np.clip(-(weight[mine] * (v[mine] - at)) @ (z[mine] - level) / spread, *EXPONENT_BOUNDS)
        p[i] = level + a[i] * at - np.log(E)
    return np.concatenate([[np.log(E)], p, np.log(a)])


def _form(v: Floats, arm: NDArray[np.int64], k: int) -> Form:
    """All arms as one form whose sizes are built in: u is not used. phi = (p, ln a)."""
    mine = (arm[:, None] == np.arange(k)).astype(np.float64)  # (n, k)

    def shape(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
        a = np.exp(phi[:, k:])[:, arm]
        z = phi[:, :k][:, arm] - a * v
        share = 0.5 * (1 + np.tanh(0.5 * z))
        return np.logaddexp(0, z), np.concatenate(
            [share[..., None] * mine, (-a * v * share)[..., None] * mine], axis=-1
        )

    def natural(centre: Floats, s: Floats, phi: Floats) -> Floats:
        a = np.exp(phi[:, k:])
        return np.concatenate([np.exp(s)[:, None], np.exp(s[:, None] + phi[:, :k] + a * centre[:, None]), a], axis=1)

    ratio, exponent = np.array([_RATIO] * k), np.log(np.array([EXPONENT_BOUNDS] * k))
    low, high = np.concatenate([ratio, exponent]).T
    names = ("E", *(f"A{i}" for i in range(k)), *(f"a{i}" for i in range(k)))
    return Form("E + A_i x^-a_i", names, shape, natural, low, high, np.empty((0, 2 * k)))
