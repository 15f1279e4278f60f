"""Studies made up from known laws, analysed as a report would: for plans, and to see how often what is said is true.

    errors = simulate(laws, sizes, noise=0.01, studies=300, rng=rng)
    held = crossovers(errors, sizes, rng)

`tests/bench/crossover.py` prints how often claims about two arms are true; the tests check a small table.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scaling.analysis.curves.ahead import ahead
from scaling.analysis.curves.crossover import Crossover, crossover, sought
from scaling.analysis.curves.fit import fit_observed
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import observe
from scaling.analysis.curves.pool import Pool
from scaling.analysis.curves.replicate import Replicates, replicate, seed_noise

SIZES = np.geomspace(400, 25600, 4)
DRAWS = 240
WIDTH = 0.3  # of a break, in ln sizes


@dataclass(frozen=True)
class Law:
    """An arm's curve, as a share: error = E + A clips^-a, or with one break (Caballero et al. 2022), about `b`, from
    the exponent a to a + c: E + A clips^-a (1 + (clips / b)^(1 / f))^(-f c) with f = `WIDTH`.

    Raises:
        ValueError: numbers that give no curve above 0, or, without a break, none that falls.
    """

    name: str
    E: float
    A: float
    a: float
    b: float = np.inf
    c: float = 0.0

    def __post_init__(self) -> None:
        if not (self.E >= 0 and self.A > 0 and (self.a > 0 or self.breaks) and self.b > 0):
            raise ValueError(f"{self.name}: E must be 0 or more, A and a above 0")

    @property
    def breaks(self) -> bool:
        """Whether there is a break."""
        return bool(self.b < np.inf)

    def error(self, clips: Floats) -> Floats:
        """Errors at these sizes."""
        bend = WIDTH * np.logaddexp(0, np.log(clips / self.b) / WIDTH) if self.breaks else 0.0
        return np.asarray(self.E + self.A * clips**-self.a * np.exp(-self.c * bend))

    def in_units(self, size: float) -> "Law":
        """The law of which this one is told in units of a size."""
        return replace(self, A=self.A * size**self.a, b=self.b * size)


@dataclass(frozen=True)
class Case:
    """Two laws, and the size where they cross (None: nowhere)."""

    name: str
    laws: tuple[Law, Law]
    crosses: float | None = None


def _case(name: str, one: tuple[float, float, float], two: tuple[float, float, float], at: float | None = None) -> Case:
    return Case(name, (Law("one", *one), Law("two", *two)), at)


def _bending(name: str, bends: tuple[float, float]) -> Case:
    """20 % apart, and both bend inside the data, by so much of an exponent, without meeting."""
    one, other = bends
    return Case(name, (Law("one", 0.1, 2.0, 0.35, 6400, one), Law("two", 0.1, 2.4, 0.35, 6400, other)))


def _crossing(name: str, at: float) -> Case:
    """One offset, exponents 0.45 and 0.3."""
    return _case(name, (0.08, 3.0, 0.45), (0.08, 3.0 * at ** (0.3 - 0.45), 0.3), at)


CASES = (
    _crossing("cross inside the data", 3000.0),
    _crossing("cross at 3x the data", 3 * float(SIZES[-1])),
    _case("never: one exponent, 20 % apart", (0.1, 2.0, 0.35), (0.1, 2.4, 0.35)),
    _case("never: they part", (0.1, 2.0, 0.4), (0.1, 2.0, 0.35)),
    _case("never: the same law", (0.1, 2.0, 0.35), (0.1, 2.0, 0.35)),
)
BENDING = (_bending("never: both steepen", (0.275, 0.25)), _bending("never: both flatten", (-0.15, -0.165)))
BENDS = {"break": (-0.5, 0.5), "steepen": (0.5, 1.0)}  # what is added to an exponent, in units of it


def drawn_cases(
    where: Literal["inside", "at 3x"], n: int, rng: np.random.Generator, bends: tuple[float, float] | None = None
) -> list[Case]:
    """Pairs of laws drawn at random that cross once: inside the data or at 3 times the largest of `SIZES`.

    Exponents from 0.2 to 0.6, at least 0.05 apart, offsets from none to half of the largest size's error. The largest
    size's error is 0.4 for the first arm; the second arm's scale is what makes it cross there. With `bends` each arm
    breaks once, between the second of `SIZES` and twice the largest, by so many times its exponent.
    """
    x = sought(float(SIZES[0]), float(SIZES[-1]))
    found: list[Case] = []
    while len(found) < n:
        at = float(SIZES[-1]) * (3.0 if where == "at 3x" else np.exp(-rng.uniform(0.2, 0.8) * np.log(64)))
        (a, b), (share, other) = rng.uniform(0.2, 0.6, 2), rng.uniform(0, 0.5, 2)
        breaks = [(np.inf, 0.0)] * 2
        if bends is not None:
            ends = np.log(SIZES[1]), np.log(2 * SIZES[-1])
            breaks = [(float(np.exp(rng.uniform(*ends))), power * rng.uniform(*bends)) for power in (a, b)]
        first = _scaled("one", (share, a, *breaks[0]), float(SIZES[-1]), 0.4)
        case = Case(where, (first, _scaled("two", (other, b, *breaks[1]), at, float(first.error(np.array(at))))), at)
        apart = case.laws[0].error(x) - case.laws[1].error(x)
        if abs(a - b) >= 0.05 and (np.diff(np.sign(apart)) != 0).sum() == 1:
            found.append(case)
    return found


def _scaled(name: str, shape: tuple[float, float, float, float], size: float, error: float) -> Law:
    """The law with this error at this size, of a share of offset, an exponent and a break."""
    share, a, b, c = shape
    falls = Law(name, 0.0, 1.0, a, b, c)
    return replace(falls, E=error * share, A=error * (1 - share) / float(falls.error(np.array(size))))


def simulate(
    laws: tuple[Law, ...], sizes: Floats, noise: float, studies: int, rng: np.random.Generator, seeds: int = 3
) -> Floats:
    """(studies, arms, sizes, seeds) errors with independent normal noise of ln error."""
    errors = np.array([law.error(sizes) for law in laws])
    return noisy(np.broadcast_to(errors, (studies, *errors.shape)), noise, rng, seeds)


def noisy(errors: Floats, noise: Floats | float, rng: np.random.Generator, seeds: int = 3) -> Floats:
    """(..., n) errors -> (..., n, seeds), each with its noise of ln error (one number, or as many as errors)."""
    scale = np.broadcast_to(noise, errors.shape)[..., None]
    return np.asarray(errors[..., None] * np.exp(scale * rng.standard_normal((*errors.shape, seeds))))


def replicates(errors: Floats, sizes: Floats, rng: np.random.Generator, draws: int = DRAWS) -> Replicates:
    """Paired replicates of all studies and arms, the arms of one study after another. Errors as from `simulate`."""
    mean = errors.mean(axis=3)
    again = [mean[i][:, None] * np.exp(seed_noise(errors[i], draws, rng)) for i in range(len(errors))]
    curves = [(sizes, row) for row in mean.reshape(-1, sizes.size)]
    return replicate(curves, list(np.concatenate(again)), [np.full(sizes.size, float(errors.shape[3]))] * len(curves))


@dataclass(frozen=True)
class Studies:
    """Studies of the same arms and sizes, analysed as a report does.

    Attributes:
        sizes: (n,) ascending.
        arms: how many each study has.
        made: replicates of all arms, those of one study after another; pools: what predicts each.
    """

    sizes: Floats
    arms: int
    made: Replicates
    pools: tuple[Pool, ...]

    def log_error(self, study: int, two: tuple[int, int], x: Floats) -> Floats:
        """(2, r, n) ln error of two arms of a study at (n,) sizes; beyond the largest as `ahead` says."""
        rows, last = [study * self.arms + arm for arm in two], float(np.log(self.sizes[-1]))
        ln = np.stack([self.made.as_seen(row, x) for row in rows])
        return ahead(ln, np.log(x), last, self.seen(study, two), (self.pools[rows[0]], self.pools[rows[1]]))

    def seen(self, study: int, two: tuple[int, int]) -> Floats:
        """(2, r) resampled ln mean errors of two arms of a study at the largest size."""
        return np.asarray(self.made.given[[study * self.arms + arm for arm in two], :, self.sizes.size - 1])

    def exponents(self, study: int, two: tuple[int, int]) -> Floats:
        """(2, r) exponents of two arms of a study; NaN for one without a law."""
        return np.asarray(np.exp(self.made.thetas[[study * self.arms + arm for arm in two], :, 2]))


def studies(errors: Floats, sizes: Floats, rng: np.random.Generator, draws: int = DRAWS) -> Studies:
    """Analyse studies of three sizes or more, of several seeds each; errors as from `simulate`."""
    made = replicates(errors, sizes, rng, draws)
    mean = errors.mean(axis=3).reshape(-1, sizes.size)
    runs = [np.full(sizes.size, float(errors.shape[3]))] * len(mean)
    fitted = fit_observed(observe([(sizes, row) for row in mean], list(np.exp(made.given)), runs), draws=0)
    return Studies(sizes, errors.shape[1], made, tuple(one.pool for one in fitted if one.pool is not None))


def crossovers(errors: Floats, sizes: Floats, rng: np.random.Generator, draws: int = DRAWS) -> list[Crossover]:
    """The crossover in each study of two arms, as a report would find it from so many replicates of each arm.

    Errors as from `simulate`.
    """
    x = sought(float(sizes[0]), float(sizes[-1]))
    ln = replicates(errors, sizes, rng, draws).log_error(x).reshape(len(errors), 2, draws, x.size)
    return [crossover(x, float(sizes[-1]), two[1] - two[0]) for two in ln]
