"""Two arms that differ in one thing, over paired replicates of their curves."""

from functools import cached_property

import numpy as np

from scaling.analysis.claims.averages import Averages
from scaling.analysis.claims.pairs import Pair
from scaling.analysis.curves.crossover import Crossover, crossover, sought
from scaling.analysis.curves.forms import Floats


class Twins:
    """Two arms and what both share.

    Attributes:
        found, pair: all arms of the study, and which two these are.
        arm, other: their sizes and mean errors.
        why: why nothing can be said of their curves ("" where something can). If there is a reason, what follows is
            empty.
        sizes: (n,) sizes at which both were measured.
        x: (g,) sizes from the smallest of these to `crossover.FAR` times the largest.
        ln: (2, r, g) replicates of ln error of `arm` and `other`.
    """

    def __init__(self, found: Averages, pair: Pair) -> None:
        self.found, self.pair = found, pair
        self.arm, self.other = found.of[pair.arm], found.of[pair.other]
        # An arm may lack a size.
        self.sizes: Floats = np.array(sorted(set(self.arm.sizes) & set(self.other.sizes)), dtype=float)
        self.why = next((one.why for one in (self.arm, self.other) if one.why), "")
        if not self.why and self.sizes.size < 2:
            self.why = "the arms share less than two sizes"
        if not self.why and np.array_equal(self.arm.error, self.other.error):
            self.why = "both arms score the same"
        self.x: Floats = np.empty(0)
        self.ln: Floats = np.empty((2, 0, 0))
        if not self.why:
            self.x = sought(float(self.sizes[0]), self.largest)
            self.ln = self.log_error(self.x)

    def log_error(self, x: Floats) -> Floats:
        """(2, r, n) replicates of ln error of `arm` and `other` at (n,) sizes; only where `why` is empty."""
        return self.found.pair_log_error(self.arm, self.other, self.largest, x)

    @property
    def largest(self) -> float:
        """The largest size at which both were measured."""
        return float(self.sizes[-1])

    @cached_property
    def crossover(self) -> Crossover:
        """Where one overtakes the other; only where `why` is empty."""
        return crossover(self.x, self.largest, self.ln[1] - self.ln[0])


def twins(found: Averages, compared: list[Pair]) -> list[Twins]:
    """Every two arms that are compared and have curves, in the order of the questions."""
    return [Twins(found, pair) for pair in compared if pair.arm in found.of]
