"""A claim, and how its numbers are said."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from scaling.analysis.curves.fit import LEVEL, Interval

Ends = tuple[float | None, float | None]
Said = Literal["said", "cannot be said"]


@dataclass(frozen=True)
class Claim:
    """One question answered.

    Attributes:
        question: one of the questions in `claims`.
        about: what is compared, what both share, and the tasks.
        sentence: the answer in plain words, with its numbers.
        number, unit: the estimate, in "points" of error (0 to 100), "percent per tenfold", "clips", "times the clips"
            or "exponent"; None where there is none.
        interval: of level `level`; None where unknown. For clips, an end at the edge of the sizes means "or beyond"; an
            end that is None is open.
        probability: that the number is above 0; None for clips and where unknown.
        covers: the noise that interval and probability know of.
        evidence: the runs and scores behind it, and what is compared, by name.
        status: "said" where the interval excludes no difference, or the probability is `crossover.CLAIMED` where
            curves go on beyond the data; else "cannot be said".
        chances: further probabilities, by what they are of.
        along: where the answer is a function of size: (clips, number, low, high) at sizes measured and beyond.
    """

    question: str
    about: str
    sentence: str
    number: float | None
    unit: str
    interval: Ends | None
    level: float
    probability: float | None
    covers: str
    evidence: dict[str, str | int]
    status: Said
    chances: dict[str, float] = field(default_factory=dict)
    along: tuple[tuple[float, float, float, float], ...] = ()


def points(share: float) -> str:
    """A difference of errors in percentage points, with its sign: +3.1; 0.0 has none."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def percent(share: float) -> str:
    """A share: 40.3 %."""
    return f"{100 * share:.1f} %"


def over(n: int, scope: str = "") -> str:
    """What an error is of: "averaged over 9 tasks", "on the one music task"."""
    of = f"{scope} " if scope else ""
    return f"averaged over {n} {of}tasks" if n > 1 else f"on the one {of}task"


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
