"""Which rate is tried next: a plain object that needs no Ray, and whose answers are a function of the losses alone.

Of each arm and size first a few rates are tried, evenly in the logarithm; then, twice, those halfway between the best
one and its neighbours. Killed and begun again it asks for the same rates in the same order, and those that were tried
before are answered at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scaling.errors import StudyError
from scaling.study.rates import Found
from scaling.study.run import with_fields
from scaling.study.study import Cell

LEAST_TRIALS = 2
REFINED = 2
"""Trials of each arm and size beside the best of the first ones."""


@dataclass(frozen=True)
class Space:
    """The range of rates, and how many are tried of each arm and size."""

    lowest: float
    highest: float
    trials: int

    def check(self) -> None:
        """Raise `StudyError` for an empty range, and for one rate."""
        if not (0 < self.lowest < self.highest < math.inf):
            raise StudyError(
                f"--lowest {self.lowest:g} --highest {self.highest:g}: an empty range, give two rates above 0 in order"
            )
        if self.trials < LEAST_TRIALS:
            raise StudyError(f"--trials {self.trials}: one rate is no search, give {LEAST_TRIALS} at least")
        if self.highest / self.lowest < 1.1 ** (self.trials - 1):
            raise StudyError(
                f"--lowest {self.lowest:g} --highest {self.highest:g}: no room for {self.trials} rates, widen the range"
            )

    @property
    def first(self) -> list[float]:
        """The rates that are tried before anything is known."""
        count = self.trials - REFINED if self.trials > 2 * REFINED else self.trials
        step = math.log(self.highest / self.lowest) / (count - 1)
        inner = [_rounded(self.lowest * math.exp(step * place)) for place in range(1, count - 1)]
        return [self.lowest, *inner, self.highest]


@dataclass
class Place:
    """An arm at a size: its cells, one a seed, and the loss of each rate and seed that was tried; infinite where it
    diverged."""

    arm: str
    clips: int
    cells: tuple[Cell, ...]
    losses: dict[tuple[float, int], float] = field(default_factory=dict)

    def loss(self, rate: float) -> float | None:
        """The mean over seeds; None while one is not there."""
        values = [self.losses.get((rate, cell.run.seed)) for cell in self.cells]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if len(known) == len(values) else None

    def known(self) -> dict[float, float]:
        """The rates of which the loss is known, ascending."""
        rates = sorted({rate for rate, _ in self.losses})
        return {rate: loss for rate in rates if (loss := self.loss(rate)) is not None}

    def best(self) -> float | None:
        """The rate of the smallest loss; None where every one diverged."""
        known = {rate: loss for rate, loss in self.known().items() if math.isfinite(loss)}
        return min(known, key=lambda rate: (known[rate], rate)) if known else None


@dataclass(frozen=True)
class Asked:
    """A rate that is to be tried, for a cell of an arm at a size."""

    place: int
    rate: float
    cell: Cell

    @property
    def trial(self) -> Cell:
        """The cell with the rate."""
        return Cell(with_fields(self.cell.run, {"optimization.learning_rate": self.rate}), self.cell.levels)


class RateSearch:
    """The rates of every arm and size of some cells under study."""

    def __init__(self, cells: Sequence[Cell], space: Space) -> None:
        self.space = space
        grouped: dict[tuple[str, int], list[Cell]] = {}
        for cell in cells:
            clips = cell.run.data.clips
            assert isinstance(clips, int)
            grouped.setdefault((cell.arm, clips), []).append(cell)
        self.places = [Place(arm, clips, tuple(some)) for (arm, clips), some in grouped.items()]
        self._out: set[tuple[int, float, int]] = set()
        self.failed: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many trials there are."""
        return sum(len(place.cells) for place in self.places) * self.space.trials

    def ask(self) -> Asked | Literal["wait", "none"]:
        """The next trial; "wait" where it depends on those that are being tried, "none" where there is none left."""
        waiting = False
        # Those that take longest first.
        for number, place in sorted(enumerate(self.places), key=lambda each: -each[1].cells[0].run.work):
            if place.cells[0].run.name in self.failed:
                continue
            for rate in self._wanted(place):
                for cell in place.cells:
                    key = number, rate, cell.run.seed
                    if (rate, cell.run.seed) in place.losses or key in self._out:
                        continue
                    self._out.add(key)
                    return Asked(number, rate, cell)
            waiting |= len(place.known()) < self.space.trials and any(key[0] == number for key in self._out)
        return "wait" if waiting else "none"

    def tell(self, asked: Asked, loss: float) -> None:
        """What came of a trial; an infinite or no loss is one that diverged."""
        self._out.discard((asked.place, asked.rate, asked.cell.run.seed))
        self.places[asked.place].losses[asked.rate, asked.cell.run.seed] = loss if math.isfinite(loss) else math.inf

    def fail(self, asked: Asked, cause: str) -> None:
        """That a trial could not be done: nothing more is tried of its arm and size."""
        self._out.discard((asked.place, asked.rate, asked.cell.run.seed))
        self.failed[self.places[asked.place].cells[0].run.name] = cause

    def found(self, place: Place) -> Found | None:
        """What was found of an arm and size; None where every rate diverged."""
        known, best = place.known(), place.best()
        if best is None:
            return None
        edge = {self.space.lowest: "lowest", self.space.highest: "highest"}.get(best, "")
        diverged = sum(not math.isfinite(loss) for loss in known.values())
        return Found(place.clips, best, known[best], len(known), diverged, edge)

    def _wanted(self, place: Place) -> Iterator[float]:
        """The rates that are wanted of a place as far as its losses tell."""
        rates = self.space.first
        yield from rates
        while len(rates) < self.space.trials:
            losses = {rate: place.loss(rate) for rate in rates}
            if any(loss is None for loss in losses.values()):
                return
            finite = {rate: loss for rate, loss in losses.items() if loss is not None and math.isfinite(loss)}
            # Where all have diverged the lowest one is the most promising.
            best = min(finite, key=lambda rate: (finite[rate], rate)) if finite else min(rates)
            rates = sorted(rates)
            at = rates.index(best)
            beside = [pair for pair in ((at - 1, at), (at, at + 1)) if pair[0] >= 0 and pair[1] < len(rates)]
            # First the wider gap; of equals the one towards smaller rates.
            low, high = max(beside, key=lambda pair: (round(math.log(rates[pair[1]] / rates[pair[0]]), 9), -pair[0]))
            between = _rounded(math.sqrt(rates[low] * rates[high]))
            rates = [*rates, between]
            yield between


def _rounded(rate: float) -> float:
    """Two digits: a run's name holds it, and no optimum is known better."""
    return float(f"{rate:.2g}")
