"""What repeated data are worth: L(U, S) = E + B D'^-b with D' = U (1 + R (1 - exp(-(S / U - 1) / R))).

U unique clips seen S times in all, S / U passes, count as D' fresh ones: equations (5) and (13) of Muennighoff et al.
2023, "Scaling data-constrained language models", with models of one size. The first pass is worth U clips, each further
one exp(-1 / R) of the one before; however long one trains, U clips are never worth more than U (1 + R). After
1 + R ln 2 passes a further one is worth half of as many fresh clips.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scaling.analysis.curves.forms import EXPONENT_BOUNDS, Floats, Form
from scaling.analysis.curves.observed import NOWHERE, Interval, interval
from scaling.analysis.curves.points import checked, fit_points

FEWEST = 5  # one more than the parameters
_LEAST = 0.01  # R below which repeats count for nothing
_MOST = 100.0  # R in units of the most passes, above which a repeat is as good as new
RepetitionStatus = Literal[
    "converged", "offset at zero", "exponent at bound", "repeats are worth nothing", "repeats are as good as new"
]


@dataclass(frozen=True)
class Repetition:
    """A fitted law of repeated data; errors in the unit given.

    Attributes:
        E, B, b, R: of the law. At an end of its box, which `status` tells, R has no value of its own.
        loss: the mean Huber loss of the log error, what the fit minimises.
        passes: the most that were seen.
        draws: (r, 4) E, B, b, R refitted to resampled errors.
    """

    status: RepetitionStatus
    E: float
    B: float
    b: float
    R: float
    loss: float
    n_points: int
    passes: float
    draws: Floats = field(default_factory=lambda: np.empty((0, 4)), repr=False, compare=False)

    @property
    def half_worth(self) -> float:
        """The number of passes after which a further one is worth half of as many fresh clips."""
        return 1 + self.R * float(np.log(2))

    def half_worths(self) -> Floats:
        """(r,) the same under each resample."""
        return np.asarray(1 + self.draws[:, 3] * np.log(2))

    def parameter_interval(self, name: Literal["E", "B", "b", "R"]) -> Interval:
        """Interval (level `LEVEL`) of a parameter over resamples; NaN without any."""
        return interval(self.draws[:, "EBbR".index(name)]) if len(self.draws) else NOWHERE

    def effective(self, clips: Floats | float, samples: Floats | float) -> Floats:
        """How many fresh clips, seen once, this many unique ones are worth when so many samples were seen."""
        return fresh(np.asarray(clips, dtype=np.float64), np.asarray(samples, dtype=np.float64), self.R)

    def predict(self, clips: Floats | float, samples: Floats | float) -> Floats:
        """The error at these sizes (broadcast against each other)."""
        return np.asarray(self.E + self.B * self.effective(clips, samples) ** -self.b)


def fresh(clips: Floats, samples: Floats, R: Floats | float) -> Floats:
    """D' of `clips` unique ones after `samples`; broadcast against each other."""
    return np.asarray(clips * (1 - R * np.expm1(-(samples / clips - 1) / R)))


def fit_repetition(
    clips: Floats,
    samples: Floats,
    error: Floats,
    *,
    delta: float | None = None,
    draws: int = 200,
    resampled: Floats | None = None,
) -> Repetition:
    """Fit the law to (n,) unique clips, samples seen and errors.

    Args:
        delta, draws, resampled: as `fit_surface`.

    Raises:
        ValueError: as `fit_surface`, with 5 points or more; fewer samples than clips, so that not all clips were seen;
            or no clip seen more than once.
    """
    clips, samples, error = checked(error, FEWEST, "a law of four parameters", clips=clips, samples=samples)
    if np.any(samples < clips):
        raise ValueError("fewer samples seen than unique clips: count the clips that were seen")
    repeats = samples / clips - 1
    if repeats.max() < _LEAST:
        raise ValueError("no clip was seen more than once")
    centre = float(np.log(clips).mean())
    form = _form(np.log(clips) - centre, repeats)
    found = fit_points(form, error, delta=delta, resampled=resampled, draws=draws)
    E, B, b, R = _natural(found.theta[None], centre)[0]
    zero = found.at_bound(form, 0, high=False)
    status: RepetitionStatus = "offset at zero" if zero else "converged"
    if found.at_bound(form, 1):
        status = "exponent at bound"
    elif found.at_bound(form, 2):
        status = "repeats are worth nothing" if R < 1 else "repeats are as good as new"
    return Repetition(
        status, 0.0 if zero else float(E), float(B), float(b), float(R), found.loss, clips.size,
        float(repeats.max() + 1), _natural(found.draws, centre),
    )  # fmt: skip


def _natural(theta: Floats, centre: float) -> Floats:
    """(r, 4) theta -> E, B, b, R."""
    s, (rho, b, R) = theta[:, 0], np.exp(theta[:, 1:]).T
    return np.stack([np.exp(s) * rho, np.exp(s + b * centre), b, R], axis=1)


def _form(u: Floats, repeats: Floats) -> Form:
    """The law as a form whose sizes are built in: u = ln(clips / centre). phi = ln(rho, b, R)."""

    def shape(_: Floats, phi: Floats) -> tuple[Floats, Floats]:
        rho, b, R = (np.exp(phi[:, k : k + 1]) for k in range(3))
        left = np.exp(-repeats / R)
        gain = 1 + R * (1 - left)  # D' / clips
        ln = u + np.log(gain)
        falls = np.exp(-b * ln)
        total = rho + falls
        by_R = -b * falls * R * (1 - left - repeats / R * left) / gain
        parts = [np.broadcast_to(rho, total.shape), -b * ln * falls, by_R]
        return np.log(total), np.stack(parts, axis=-1) / total[..., None]

    def natural(centre: Floats, s: Floats, phi: Floats) -> Floats:
        return np.concatenate([s[:, None], phi], axis=1)

    exponent, worth = np.log(EXPONENT_BOUNDS), np.log([_LEAST, _MOST * (1 + repeats.max())])
    ratios, exponents = np.log([0.05, 0.5, 2.0, 10.0]), np.log([0.1, 0.2, 0.35, 0.6, 1.0])
    worths = np.linspace(np.log(0.3), worth[1] - 2, 6)
    grid = np.stack([g.ravel() for g in np.meshgrid(ratios, exponents, worths)], axis=1)
    low, high = np.array([np.log(1e-6), exponent[0], worth[0]]), np.array([np.log(1e6), exponent[1], worth[1]])
    return Form("E + B D'^-b", ("s", "rho", "b", "R"), shape, natural, low, high, grid)
