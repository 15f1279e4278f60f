"""The laws that a curve may follow, each as a shape times a scale, with derivatives of the log error.

With u = ln(x / centre) every law reads ln error = s + g(u; phi): the scale s enters linearly and the shape g hangs on
few non-linear parameters phi, all on a log scale and in a box. That is what lets one solver (`solve.py`) fit all of
them from a grid over phi. rho is the offset E in units of the rest of the law at the centre.

| form       | error                                   | phi                        | source                          |
|------------|-----------------------------------------|----------------------------|---------------------------------|
| OFFSET     | E + A x^-a                              | rho, a                     | Hestness et al. 2017            |
| POWER      | A x^-a                                  | a                          | Hestness et al. 2017            |
| SATURATING | E + A (1 + x/b)^-a                      | rho, a, b                  | levels off at E + A below b     |
| BROKEN     | E + A x^-a (1 + (x/b)^(1/f))^(-f c)     | rho, a, b, c, f            | Caballero et al. 2022, one break |
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EXPONENT_BOUNDS = (0.02, 2.0)
MAGNITUDES = (1e-50, 1e50)  # of sizes and errors: a law's parameters are products of their powers, and stay finite
_RHO = (1e-6, 1e4)

_EXPONENT = (np.log(EXPONENT_BOUNDS[0]), np.log(EXPONENT_BOUNDS[1]))
_OFFSET = (np.log(_RHO[0]), np.log(_RHO[1]))
_BREAK = (-14.0, 14.0)  # ln(b / centre): a factor of a million either way
_WIDTH = (np.log(0.05), np.log(2.0))


@dataclass(frozen=True)
class Form:
    """One law.

    Attributes:
        name: as reports print it.
        parameters: names of the parameters in the law's own units, as `natural` gives them.
        shape: (b, n) u and (b, k) phi -> (b, n) g and (b, n, k) its derivatives by phi.
        natural: centre (b,), s (b,) and phi (b, k) -> (b, k + 1) parameters in the law's own units.
        low, high: (k,) the box of phi.
        grid: (g, k) starting points that cover the box where curves live.
    """

    name: str
    parameters: tuple[str, ...]
    shape: Callable[[Floats, Floats], tuple[Floats, Floats]]
    natural: Callable[[Floats, Floats, Floats], Floats]
    low: Floats
    high: Floats
    grid: Floats

    def log_error(self, u: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """(b, n) u and (b, k + 1) theta = (s, phi) -> (b, n) ln error and (b, n, k + 1) its derivatives."""
        g, by_phi = self.shape(u, theta[:, 1:])
        derivatives = np.ones((*g.shape, 1 + by_phi.shape[-1]))
        derivatives[..., 1:] = by_phi
        return theta[:, :1] + g, derivatives


def refuse_unusable(name: str, values: Floats, reach: float = 1) -> None:
    """Raise ValueError for sizes or errors that no law can be fitted to, or asked for `reach` times beyond them."""
    low, high = MAGNITUDES[0] / reach, MAGNITUDES[1] * reach
    # What is not a number is neither.
    if not np.all((values >= low) & (values <= high)):
        raise ValueError(f"{name} must be finite and above 0, between {low:g} and {high:g}")


def _power(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
    g = -np.exp(phi) * u
    return g, g[..., None]


def _offset(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
    rho, a = np.exp(phi[:, :1]), np.exp(phi[:, 1:])
    slope = -a * u
    power = np.exp(slope)
    total = rho + power
    return np.log(total), _beside(rho / total, slope * (power / total))


def _saturating(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
    rho, a, t = np.exp(phi[:, :1]), np.exp(phi[:, 1:2]), phi[:, 2:]
    # Divided by its value at u = 0, so that rho means the same as in the other forms.
    bend = np.logaddexp(0, u - t) - np.logaddexp(0, -t)
    power = np.exp(-a * bend)
    total = rho + power
    share = power / total
    by_t = a * (_logistic(u - t) - _logistic(-t))
    return np.log(total), _beside(rho / total, -a * bend * share, by_t * share)


def _broken(u: Floats, phi: Floats) -> tuple[Floats, Floats]:
    rho, a = np.exp(phi[:, :1]), np.exp(phi[:, 1:2])
    t, c, f = phi[:, 2:3], np.exp(phi[:, 3:4]), np.exp(phi[:, 4:])
    z, z0 = (u - t) / f, -t / f
    bend = np.logaddexp(0, z) - np.logaddexp(0, z0)
    power = np.exp(-a * u - c * f * bend)
    total = rho + power
    share = power / total
    s, s0 = _logistic(z), _logistic(z0)
    by_f = -c * f * (bend - z * s + z0 * s0)
    return np.log(total), _beside(
        rho / total, -a * u * share, c * (s - s0) * share, -c * f * bend * share, by_f * share
    )


def _beside(*columns: Floats) -> Floats:
    """As `np.stack` along a last axis, in a third of the time."""
    found = np.empty((*columns[0].shape, len(columns)))
    for k, column in enumerate(columns):
        found[..., k] = column
    return found


def _logistic(z: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def _natural_power(centre: Floats, s: Floats, phi: Floats) -> Floats:
    a = np.exp(phi[:, 0])
    return np.stack([np.exp(s + a * np.log(centre)), a], axis=1)


def _natural_offset(centre: Floats, s: Floats, phi: Floats) -> Floats:
    a = np.exp(phi[:, 1])
    return np.stack([np.exp(s + phi[:, 0]), np.exp(s + a * np.log(centre)), a], axis=1)


def _natural_saturating(centre: Floats, s: Floats, phi: Floats) -> Floats:
    a, t = np.exp(phi[:, 1]), phi[:, 2]
    scale = s + a * np.logaddexp(0, -t)
    return np.stack([np.exp(s + phi[:, 0]), np.exp(scale), a, centre * np.exp(t)], axis=1)


def _natural_broken(centre: Floats, s: Floats, phi: Floats) -> Floats:
    a, t, c, f = np.exp(phi[:, 1]), phi[:, 2], np.exp(phi[:, 3]), np.exp(phi[:, 4])
    scale = s + a * np.log(centre) + c * f * np.logaddexp(0, -t / f)
    return np.stack([np.exp(s + phi[:, 0]), np.exp(scale), a, centre * np.exp(t), c, f], axis=1)


def _product(*axes: Floats) -> Floats:
    return np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=1)


def _box(*bounds: tuple[float, float]) -> dict[str, Floats]:
    low, high = np.array(bounds).T
    return {"low": low, "high": high}


_EXPONENTS = np.log(np.geomspace(EXPONENT_BOUNDS[0] * 1.05, EXPONENT_BOUNDS[1] / 1.05, 14))
_FEW_EXPONENTS = np.log(np.array([0.05, 0.12, 0.25, 0.5, 1.0]))
_RHOS = np.log(np.geomspace(1e-2, 1e2, 11))
_FEW_RHOS = np.log(np.array([1e-2, 0.2, 1.0, 5.0]))
_BREAKS = np.array([-2.5, -1.0, 0.0, 1.0])

POWER = Form("A x^-a", ("A", "a"), _power, _natural_power, **_box(_EXPONENT), grid=_EXPONENTS[:, None])
OFFSET = Form(
    "E + A x^-a", ("E", "A", "a"), _offset, _natural_offset, **_box(_OFFSET, _EXPONENT),
    grid=_product(_RHOS, _EXPONENTS),
)  # fmt: skip
SATURATING = Form(
    "E + A (1 + x/b)^-a", ("E", "A", "a", "b"), _saturating, _natural_saturating,
    **_box(_OFFSET, _EXPONENT, _BREAK), grid=_product(_FEW_RHOS, _FEW_EXPONENTS, _BREAKS),
)  # fmt: skip
BROKEN = Form(
    "E + A x^-a (1 + (x/b)^(1/f))^(-f c)", ("E", "A", "a", "b", "c", "f"), _broken, _natural_broken,
    **_box(_OFFSET, _EXPONENT, _BREAK, _EXPONENT, _WIDTH),
    grid=_product(_FEW_RHOS, _FEW_EXPONENTS[::2], _BREAKS, _FEW_EXPONENTS[::2], np.log(np.array([0.3]))),
)  # fmt: skip
FORMS = (OFFSET, POWER, SATURATING, BROKEN)
