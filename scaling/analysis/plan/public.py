"""Laws and noises of real curves, for a plan in which nobody guesses them.

`laws.csv` holds what two collections of public learning curves told: of each curve the law with one break that
describes it, in units of the largest size that a study of it would have had (an 8th of where it ends), and how much
runs vary from seed to seed. `tests/bench/learn_laws.py --write` makes it; `tests/bench/real_plan.py` says how a plan
that draws from it keeps its promises on data sets that it was not learned on.
"""

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import combinations

import numpy as np

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.simulate import Law

_STEEPEST = 5.0  # of noise over size: beyond what was seen, noise is no power of it
_MOST = 1.0  # of noise
_ALIKE = float(np.log(2))  # standard deviation of ln noise among pairs that are taken for alike


@dataclass(frozen=True)
class PublicArm:
    """One public curve.

    Attributes:
        study: what it shares with others that may be compared with it: a data set or task.
        law: in units of the largest size.
        noise: standard deviation of a run's ln error at the largest size; slope: its power over the size.
    """

    study: str
    law: Law
    noise: float
    slope: float

    def noise_at(self, x: Floats) -> Floats:
        """(n,) standard deviations of a run's ln error at sizes in units of the largest; at most `_MOST`."""
        return np.minimum(self.noise * np.exp(np.clip(self.slope * np.log(x), -_STEEPEST, _STEEPEST)), _MOST)


@functools.cache
def public_arms() -> tuple[PublicArm, ...]:
    """All of them, as they are shipped."""
    text = resources.files("scaling.analysis.plan").joinpath("laws.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    found = []
    for i, row in enumerate(rows):
        E, A, a, b, c, noise, slope = (float(row[name]) for name in ("E", "A", "a", "b", "c", "noise", "slope"))
        found.append(PublicArm(row["study"], Law(f"{row['study']} {i}", E, A, a, b, c), noise, slope))
    return tuple(found)


def drawn_pairs(
    n: int, rng: np.random.Generator, among: Sequence[PublicArm] | None = None, noise: float = 0.0
) -> list[tuple[PublicArm, PublicArm]]:
    """Two arms of one study, n times: a study by chance, then two of its arms.

    Where the noise of runs is told, pairs of about such a noise come more often: arms that differ little vary little.
    """
    by_study: dict[str, list[PublicArm]] = {}
    for arm in public_arms() if among is None else among:
        by_study.setdefault(arm.study, []).append(arm)
    pairs, weight = [], []
    for arms in by_study.values():
        own = list(combinations(arms, 2))
        pairs += own
        weight += [1 / len(own) for _ in own]
    chance = np.array(weight)
    if noise:
        own_noise = np.array([np.hypot(one.noise, other.noise) for one, other in pairs]) / np.sqrt(2)
        far = (np.log(noise / own_noise) / _ALIKE) ** 2 / 2
        chance *= np.exp(far.min() - far)
    found = []
    for k in rng.choice(len(pairs), size=n, p=chance / chance.sum()):
        found.append(pairs[k] if rng.random() < 0.5 else pairs[k][::-1])
    return found
