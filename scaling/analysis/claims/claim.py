"""A claim, and how its numbers are said."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scaling.analysis.curves.fit import LEVEL, Interval
from scaling.analysis.scores.rows import ALL_TASKS as ALL_TASKS
from scaling.analysis.scores.words import Value, capital

Ends = tuple[float | None, float | None]
Said = Literal["said", "on the edge", "cannot be said"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One question answered, as it stands in claims.json.

    Attributes:
        kind: which question: better, weighed, crossover, steeper, worth, compute_gain, shrinks (of two levels of a
            factor), gain, doubling, forecast (of one arm), signal (of one task), decision, two_stages, isoflop, optimum
            and what else is asked of a study; see `questions`.
        factor: the column of the scores whose levels are compared; "" for a claim about one arm.
        arm, other: the levels, as in the scores (of a second axis in words: "3.2 M parameters"), or the arm's name and
            "". Several arms of which the same is said are joined by "; ".
        held: what both share, in words.
        scope: the tasks: "all tasks" (of one axis of evaluation, `metrics.headline`), a domain of these, "retrieval",
            "captioning", "questions" or "audio-language", or one task.
        at: the place on the axis that is spoken of, or (optimum over two axes) the compute in flops; None where the
            whole axis is.
        sentence: the answer in plain words, with its numbers.
        number, unit: the estimate, in "points" of error (0 to 100), "percent per tenfold", an axis's unit, "times the"
            unit, "times less compute", "times the noise", "percent of pairs", "percent of the error", "passes" or
            "exponent"; None where there is none. Of two arms it is above 0 where `arm` is better, gains less from the
            axis (steeper: `other` falls faster), or has an advantage that shrinks.
        interval: of level `level`; None where unknown. For a place on the axis an end at the edge of the sizes means
            "or beyond"; an end that is None is open.
        probability: that the number is above 0, or above no effect where that is another number: above 1 for what is
            counted in times, above one half for decisions; None for places on the axis and where unknown.
        chances: further probabilities, by what they are of.
        status: "said" where the interval excludes no difference, or the probability is `crossover.CLAIMED` (`STAYS` of
            who leads) where curves go on beyond the data; "on the edge" where the best of what was tried is the first
            or last, so that the optimum is not known; else "cannot be said".
        covers: the noise that interval and probability know of.
        runs: those behind it, sorted.
        along: where the answer is a function of the axis: (place, number, low, high) at places measured and beyond.
    """

    kind: str
    factor: str = ""
    arm: str = ""
    other: str = ""
    held: str = ""
    scope: str = ALL_TASKS
    at: Value | None = None
    sentence: str
    number: float | None
    unit: str
    interval: Ends | None = None
    level: float = LEVEL
    probability: float | None = None
    chances: dict[str, float] = field(default_factory=dict)
    status: Said
    covers: str
    runs: tuple[str, ...]
    along: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """What is compared: factor, two levels and what both share."""
        return self.factor, self.arm, self.other, self.held


def points(share: float) -> str:
    """A difference of errors in percentage points, with its sign: +3.1; 0.0 has none."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def percent(share: float) -> str:
    """A share: 40.3 %."""
    return f"{100 * share:.1f} %"


def over(n: int, scope: str = ALL_TASKS) -> str:
    """What an error is of: "averaged over 9 tasks", "on the one music task"."""
    of = f"{scope} " if scope and scope != ALL_TASKS else ""
    return f"averaged over {n} {of}tasks" if n > 1 else f"on the one {of}task"


def led(held: str, text: str) -> str:
    """A sentence that starts with what it holds for: "From scratch: ..."."""
    return f"{capital(held)}: {text}" if held else capital(text)


def chance(probability: float) -> str:
    """A probability: 98 %, never 0 or 100."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def covers(n_seeds: int) -> str:
    """What the intervals of this many seeds cover, literally as the report says it."""
    if n_seeds > 1:
        return f"test clips and {n_seeds} seeds"
    return "test-clip sampling noise; one seed: seed noise unknown"


def behind(number: float, probability: float | None) -> bool:
    """Whether words name two the other way round, as the second is probably better than the first (number above 0).

    Args:
        probability: that the first is better; None where it is unknown and the number has to tell.
    """
    return number < 0 if probability is None else probability < 0.5


def span(low: float, high: float) -> str:
    """An interval of differences of errors, in points."""
    return f"{100 * LEVEL:.0f} % interval {points(low)} to {points(high)}"


def in_points(low: float, high: float) -> Interval | None:
    """An interval of shares in points; None where it is unknown."""
    return (100 * low, 100 * high) if np.isfinite(low) else None


def status(low: float, high: float) -> Said:
    """Whether an interval excludes no difference."""
    return "said" if low > 0 or high < 0 else "cannot be said"


def whole(value: Value) -> Value:
    """A place on the axis for JSON: a whole number as an integer."""
    return int(value) if not isinstance(value, str) and float(value).is_integer() else value
