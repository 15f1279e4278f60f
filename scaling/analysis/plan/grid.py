"""A grid of runs that is planned, and what it costs."""

from dataclasses import dataclass

import numpy as np

from scaling.analysis.curves.crossover import FAR
from scaling.analysis.curves.forms import refuse_unusable
from scaling.analysis.curves.pool import FEWEST
from scaling.analysis.curves.simulate import Law

_MOST_NOISE = 10.0  # of ln error: a factor of 20,000
_MOST_SEEDS = 100
_ROOM = 1e-25  # share of the magnitudes that an error may have, for noise to leave it within them


def refuse_noise(noise: float) -> None:
    """Raise ValueError for what is no noise of ln error between runs."""
    if not 0 < noise <= _MOST_NOISE:
        raise ValueError(f"noise must be above 0 and at most {_MOST_NOISE:g} (0.02: errors vary by about 2 %)")


@dataclass(frozen=True)
class Grid:
    """Every arm at every size with every seed.

    Attributes:
        laws: the arms, two or more; all as names alone where no law is guessed.
        sizes: places on the axis, ascending, three or more.
        seeds: runs of each arm and size.
        noise: standard deviation of a run's ln error over seeds; 0: as in public curves.
        samples_seen: clips seen in training by one run.
        hours_per_million: GPU-hours for a million clips seen.
        hours_per_run: GPU-hours of a run besides (start, probes).
        unit: what sizes count.

    Raises:
        ValueError: what makes no sense.
    """

    laws: tuple[Law, ...] | tuple[str, ...]
    sizes: tuple[float, ...]
    seeds: int
    noise: float
    samples_seen: float
    hours_per_million: float
    hours_per_run: float = 0.0
    unit: str = "clips"

    def __post_init__(self) -> None:
        names = {one if isinstance(one, str) else one.name for one in self.laws}
        if len(names) < max(2, len(self.laws)) or "" in names:
            raise ValueError("a plan needs two arms or more, each with a name of its own")
        if len(self.sizes) < FEWEST or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"a plan needs {FEWEST} different sizes or more, ascending and above 0")
        refuse_unusable("sizes", np.array(self.sizes, dtype=np.float64))
        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise ValueError(f"seeds must be 1 to {_MOST_SEEDS}")
        if self.noise != 0:
            refuse_noise(self.noise)
        if not all(0 <= v < np.inf for v in (self.samples_seen, self.hours_per_million, self.hours_per_run)):
            raise ValueError("samples seen and hours must be finite and not negative")
        # A law falls: what it gives between these two is between.
        ends = np.array([self.sizes[0], FAR * self.sizes[-1]])
        for one in self.guessed:
            with np.errstate(all="ignore"):
                what = f"errors of {one.name} from the smallest to {FAR:.0f} times the largest size"
                refuse_unusable(what, one.error(ends), _ROOM)

    @property
    def guessed(self) -> tuple[Law, ...]:
        """The laws, if they are guessed."""
        return tuple(one for one in self.laws if isinstance(one, Law))

    @property
    def runs(self) -> int:
        """How many runs the grid has."""
        return len(self.laws) * len(self.sizes) * self.seeds

    @property
    def hours(self) -> float:
        """GPU-hours of all runs."""
        return self.runs * (self.samples_seen * self.hours_per_million / 1e6 + self.hours_per_run)
