"""A metric over test cases with what each of them adds to it."""

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
    """

    value: float
    parts: Floats

    @classmethod
    def mean(cls, parts: Floats) -> "Measured":
        """The mean over cases."""
        return cls(float(parts.mean()), parts)

    @property
    def stderr(self) -> float:
        """The standard error over independent cases; of shares of 0 and 1 it is the binomial one."""
        return float(self.parts.std() / np.sqrt(len(self.parts)))
