"""Studies made up from known laws, to see how often what is said of two arms is true.

    held = crossovers(study.sizes, simulate(study, noise=0.01, studies=300, rng=rng))

`tests/bench/crossover.py` prints the table; the tests check a small one.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scaling.analysis.crossover import Crossover, crossover, sought
from scaling.analysis.forms import Floats
from scaling.analysis.replicate import Replicates, replicate, seed_noise

SIZES = np.geomspace(400, 25600, 4)
DRAWS = 240


@dataclass(frozen=True)
class Pair:
    """Two laws (E, A, a), and the size where they cross (None: nowhere)."""

    name: str
    one: tuple[float, float, float]
    other: tuple[float, float, float]
    crosses: float | None = None


def crossing(name: str, at: float) -> Pair:
    """Two laws with one offset and exponents 0.45 and 0.3, that cross at this size."""
    return Pair(name, (0.08, 3.0, 0.45), (0.08, 3.0 * at ** (0.3 - 0.45), 0.3), at)


PAIRS = (
    crossing("cross inside the data", 3000.0),
    crossing("cross at 3x the data", 3 * float(SIZES[-1])),
    Pair("never: one exponent, 20 % apart", (0.1, 2.0, 0.35), (0.1, 2.4, 0.35)),
    Pair("never: they part", (0.1, 2.0, 0.4), (0.1, 2.0, 0.35)),
    Pair("never: the same law", (0.1, 2.0, 0.35), (0.1, 2.0, 0.35)),
)


def drawn_pairs(where: Literal["inside", "at 3x"], n: int, rng: np.random.Generator) -> list[Pair]:
    """Pairs of laws drawn at random that cross once: inside the data or at 3 times the largest size.

    Exponents from 0.2 to 0.6, at least 0.05 apart, offsets from none to half of the largest size's error. The largest
    size's error is 0.4 for the first arm; the second arm's scale is what makes it cross there.
    """
    x = sought(float(SIZES[0]), float(SIZES[-1]))
    found: list[Pair] = []
    while len(found) < n:
        at = float(SIZES[-1]) * (3.0 if where == "at 3x" else np.exp(-rng.uniform(0.2, 0.8) * np.log(64)))
        (a, b), (share, other) = rng.uniform(0.2, 0.6, 2), rng.uniform(0, 0.5, 2)
        one = (0.4 * share, 0.4 * (1 - share) * float(SIZES[-1]) ** a, a)
        level = one[0] + one[1] * at**-a
        two = (level * other, level * (1 - other) * at**b, b)
        apart = np.array([one[0] + one[1] * x**-a - two[0] - two[1] * x**-b])
        if abs(a - b) >= 0.05 and (np.diff(np.sign(apart)) != 0).sum() == 1:
            found.append(Pair(where, one, two, at))
    return found


def simulate(pair: Pair, noise: float, studies: int, rng: np.random.Generator, runs: int = 3) -> Floats:
    """(studies, 2, sizes, runs) errors with independent normal noise of ln error."""
    laws = np.array([E + A * SIZES**-a for E, A, a in (pair.one, pair.other)])
    return np.asarray(laws[..., None] * np.exp(noise * rng.standard_normal((studies, 2, len(SIZES), runs))))


def replicates(errors: Floats, rng: np.random.Generator) -> Replicates:
    """Paired replicates of all studies: arms 2 i and 2 i + 1 are study i's. Errors as `simulate` gives them."""
    studies, arms, n, runs = errors.shape
    mean = errors.mean(axis=3)
    again = [mean[i][:, None] * np.exp(seed_noise(errors[i], DRAWS, rng)) for i in range(studies)]
    return replicate(
        [(SIZES, row) for row in mean.reshape(-1, n)],
        list(np.concatenate(again)),
        [np.full(n, float(runs))] * (studies * arms),
    )


def crossovers(errors: Floats, rng: np.random.Generator) -> list[Crossover]:
    """The crossover of each study, as a report would find it."""
    x = sought(float(SIZES[0]), float(SIZES[-1]))
    ln = replicates(errors, rng).log_error(x).reshape(len(errors), 2, DRAWS, x.size)
    return [crossover(x, float(SIZES[-1]), two[1] - two[0]) for two in ln]
