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

import numpy as np

from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.simulate import Law

_STEEPEST = 5.0  # of noise over size: beyond what was seen, noise is no power of it
_MOST = 1.0  # of noise


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
    n: int, rng: np.random.Generator, among: Sequence[PublicArm] | None = None
) -> list[tuple[PublicArm, PublicArm]]:
    """Two arms of one study, n times: a study by chance, then two of its arms."""
    by_study: dict[str, list[PublicArm]] = {}
    for arm in public_arms() if among is None else among:
        by_study.setdefault(arm.study, []).append(arm)
    those = [arms for arms in by_study.values() if len(arms) > 1]
    found = []
    for k in rng.integers(len(those), size=n):
        one, other = rng.choice(len(those[k]), 2, replace=False)
        found.append((those[k][one], those[k][other]))
    return found
