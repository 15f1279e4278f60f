"""A metric over test cases with what each of them adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A metric's value over n cases.

    `parts` float64 [n] has the value as its mean. Of a mean over cases they are the cases' own values; of any other
    metric the value plus each case's influence on it (the derivative by its weight, times n), so that means over
    resampled cases spread as the metric does (the infinitesimal jackknife, Efron 1982).
    `spread` is a standard error from elsewhere: that of the mean of several trainings of a probe.
    """

    value: float
    parts: Floats
    spread: float = 0.0

    @classmethod
    def mean(cls, parts: Floats) -> "Measured":
        """The mean over cases."""
        return cls(float(parts.mean()), parts)

    @classmethod
    def over_seeds(cls, each: Sequence["Measured"]) -> "Measured":
        """The mean over trainings of a probe, of the same cases."""
        values = np.array([one.value for one in each])
        spread = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        return cls(float(values.mean()), np.mean([one.parts for one in each], axis=0), spread)

    @property
    def stderr(self) -> float:
        """The standard error over independent cases, and of `spread`; of shares of 0 and 1 it is the binomial one."""
        return float(np.hypot(self.parts.std() / np.sqrt(len(self.parts)), self.spread))
