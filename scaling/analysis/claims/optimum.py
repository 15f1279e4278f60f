"""Along a nominal axis there is no law: which value is best, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from scaling.analysis.claims.claim import Claim, Ends, Said, chance, covers, led, over, percent
from scaling.analysis.curves.crossover import CLAIMED
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.observed import LEVEL, NOWHERE, Interval, interval
from scaling.analysis.scores.arms import Arm, arms
from scaling.analysis.scores.design import Axis, Design
from scaling.analysis.scores.metrics import headline
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.words import Value, place, plain, unit


@dataclass(frozen=True)
class Values:
    """One arm at every value of a nominal axis; errors averaged over the tasks that all arms have at all their values.

    Attributes:
        x: (n,) values, ascending; numbers or names.
        error: (n,) mean errors.
        drawn: (n, r) resampled together.
        tasks: how many the average is over.
        n_seeds: the fewest at a value.
        runs: behind it, sorted.
    """

    arm: Arm
    x: list[Value]
    error: Floats
    drawn: Floats
    tasks: int
    n_seeds: int
    runs: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether the noise is known at every value."""
        return bool(np.isfinite(self.drawn).all())

    @property
    def best(self) -> int:
        """The place of the value that errs least."""
        return int(self.error.argmin())

    @property
    def chances(self) -> Floats:
        """(n,) share of resamples in which each value errs least; ties are shared."""
        least = self.drawn == self.drawn.min(axis=0)
        return np.asarray((least / least.sum(axis=0)).mean(axis=1))

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers."""
        return not isinstance(self.x[0], str)

    def interval(self, i: int) -> Interval:
        """Interval (level `LEVEL`) of the error at a value; NaN where unknown."""
        return interval(self.drawn[i]) if self.known else NOWHERE


def values(draws: Draws, design: Design) -> list[Values]:
    """Every arm of a study along a nominal axis, in the order in which arms are shown; none along another axis."""
    if design.x.scale != "nominal":
        return []
    main = headline(draws.cells)
    cells = {arm: main.filter(arm.rows()) for arm in arms(main, design)}
    common = set(main["task"])
    for mine in cells.values():
        common &= {*mine.filter(pl.len().over("task") == mine["x"].n_unique())["task"]}
    return [_values(arm, mine.filter(pl.col("task").is_in(common)), draws) for arm, mine in cells.items() if common]


def _values(arm: Arm, mine: pl.DataFrame, draws: Draws) -> Values:
    mine = mine.sort("x", "task")
    x: list[Value] = mine["x"].unique(maintain_order=True).to_list()
    n = mine["task"].n_unique()
    return Values(
        arm, x, mine["raw"].to_numpy().reshape(len(x), n).mean(axis=1),
        draws.errors[mine["row"]].reshape(len(x), n, -1).mean(axis=1), n, int(mine["n_seeds"].to_numpy().min()),
        tuple(sorted({run for line in mine["runs"] for run in line})),
    )  # fmt: skip


def optima(found: list[Values], axis: Axis) -> list[Claim]:
    """Which value of the axis is best for each arm. One at an end of ordered values is no optimum."""
    return [_optimum(one, axis) for one in found if len(one.x) > 1]


def _optimum(one: Values, axis: Axis) -> Claim:
    best, name = one.best, one.arm.name if one.arm.levels else ""
    errs = f"in {percent(one.error[best])} {over(one.tasks)}"
    if not one.known:
        text = (
            f"{place(axis, one.x[best])} erred least, {errs}; as the noise is unknown, this cannot be said to be best."
        )
        return _claim(one, axis, name, text, None, None, None, "cannot be said")
    chances = one.chances
    probability = float(chances[best])
    ends = _ends(one, chances) if one.ordered else None
    sure = f"probability {chance(probability)}"
    number = None if isinstance(one.x[best], str) else float(one.x[best])
    if one.ordered and best in (0, len(one.x) - 1):
        edge = "smallest" if best == 0 else "largest"
        text = (
            f"{place(axis, one.x[best])}, the {edge} tried, erred least, {errs} ({sure}): the best lies on the edge of "
            "what was tried or beyond."
        )
        return _claim(one, axis, name, text, None, ends, probability, "on the edge")
    said = probability >= CLAIMED or (ends is not None and ends != (None, None))
    if said:
        several = ends is not None and ends != (number, number)
        inside = f"; {100 * LEVEL:.0f} % interval {_range(one, ends)}" if ends and several else ""
        text = f"{place(axis, one.x[best])} erred least, {errs} ({sure}{inside})."
        return _claim(one, axis, name, text, number, ends, probability, "said")
    text = f"which {axis.name} erred least cannot be said: {place(axis, one.x[best])} {errs} with {sure}{_next(one)}."
    return _claim(one, axis, name, text, None, ends, probability, "cannot be said")


def _ends(one: Values, chances: Floats) -> Ends:
    """The values between which the best lies with probability `LEVEL`; open where that is an end of those tried."""
    total = np.cumsum(chances)
    low = int(np.searchsorted(total, (1 - LEVEL) / 2, side="right"))
    high = int(np.searchsorted(total, (1 + LEVEL) / 2))
    last = len(one.x) - 1
    return (float(one.x[low]) if low > 0 else None, float(one.x[high]) if high < last else None)


def _range(one: Values, ends: Ends) -> str:
    start = f"{plain(one.x[0])} or less" if ends[0] is None else plain(ends[0])
    return f"{start} to {plain(one.x[-1]) + ' or more' if ends[1] is None else plain(ends[1])}"


def _next(one: Values) -> str:
    """The most probable of the other values."""
    chances = one.chances
    chances[one.best] = -1
    at = int(chances.argmax())
    return f", {plain(one.x[at])} in {percent(one.error[at])} with {chance(float(chances[at]))}"


def _claim(
    one: Values, axis: Axis, name: str, text: str, number: float | None, ends: Ends | None, probability: float | None,
    status: Said,
) -> Claim:  # fmt: skip
    chances = {plain(x): float(p) for x, p in zip(one.x, one.chances, strict=True)} if one.known else {}
    return Claim(
        kind="optimum", arm=name, sentence=led(name, text), number=number, unit=unit(axis),
        interval=None if ends == (None, None) else ends, probability=probability, chances=chances, status=status,
        covers=covers(one.n_seeds) if one.known else "nothing", runs=one.runs,
    )  # fmt: skip
