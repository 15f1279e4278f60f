"""Learning rates that a search has found: a file of them, and which one a run takes.

A rate is known by what it was searched for: an objective, the kinds of first weights, the optimizer and its schedule.
It is one of several sizes, and of a size between two of them lies between theirs.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scaling.errors import StudyError
from scaling.known import read_fields
from scaling.objectives.options import OBJECTIVES
from scaling.study.run import Run

FORMAT = 1
KNOWN_BY = ("audio", "text", "optimizer", "schedule")


@dataclass(frozen=True)
class Found:
    """The best rate at one size, of `tried` ones that did not diverge; `edge` where it is the lowest or the highest of
    the range, so that a better one may lie beyond."""

    clips: int
    learning_rate: float
    holdout_loss: float
    tried: int
    diverged: int
    edge: str = ""


@dataclass(frozen=True)
class Rate:
    """What was found for one arm: `arm` is its name for people; the rest is what it is known by."""

    arm: str
    objective: dict[str, Any]
    audio: str
    text: str
    optimizer: str
    schedule: str
    encoder: dict[str, Any]
    found: tuple[Found, ...]

    def fits(self, run: Run) -> bool:
        """Whether it was searched for runs of this one's objective, start and optimizer, whatever their size, length,
        encoder and the objective's options."""
        other = rate_of(run, "")
        return all(getattr(self, name) == getattr(other, name) for name in KNOWN_BY) and (
            self.objective["name"] == other.objective["name"]
        )

    def differs(self, run: Run) -> tuple[str, ...]:
        """In what else it was searched for other runs."""
        other = rate_of(run, "")
        return tuple(name for name in ("objective", "encoder") if getattr(self, name) != getattr(other, name))

    def at(self, clips: int | str) -> float:
        """The rate for so many clips: between the sizes that were searched on a line through the logarithms of both,
        beyond them that of the nearest. "all" is the largest."""
        known = sorted((one.clips, one.learning_rate) for one in self.found)
        if isinstance(clips, str) or clips >= known[-1][0]:
            return known[-1][1]
        if clips <= known[0][0]:
            return known[0][1]
        (low, first), (high, last) = next(pair for pair in pairwise(known) if clips <= pair[1][0])
        share = math.log(clips / low) / math.log(high / low)
        return float(first ** (1 - share) * last**share)


@dataclass(frozen=True)
class RatesFile:
    """What a file of rates holds."""

    format: int
    rates: tuple[Rate, ...]


def rate_of(run: Run, arm: str, found: Sequence[Found] = ()) -> Rate:
    """What was found for runs like this one."""
    start, of = run.initialization, run.optimization
    audio, text = (init.partition("-")[0] for init in (start.audio, start.text))
    # As JSON gives them back.
    objective = json.loads(json.dumps(OBJECTIVES.to_json(run.objective)))
    encoder = json.loads(json.dumps({"name": run.encoder_name, **asdict(run.encoder)}))
    return Rate(arm, objective, audio, text, of.optimizer, of.schedule, encoder, tuple(found))


def rates_text(rates: Sequence[Rate]) -> str:
    """The file's text."""
    return json.dumps(asdict(RatesFile(FORMAT, tuple(rates))), indent=1) + "\n"


def read_rates(path: str) -> tuple[Rate, ...]:
    """The rates of a file that `studies/learning_rate.py` wrote.

    Raises `StudyError` where it cannot be read, or is no such file.
    """
    try:
        described = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        found = read_fields(RatesFile, described)
    except OSError as error:
        raise StudyError(f"cannot read the learning rates in {path}: {error.strerror}") from None
    except (ValueError, TypeError, RecursionError):
        raise StudyError(f"{path} is no file of learning rates: studies/learning_rate.py writes one") from None
    except StudyError as error:
        raise StudyError(f"{path} is no file of learning rates of this version: {error}") from None
    for rate in found.rates:
        numbers = [(one.learning_rate, float(one.clips)) for one in rate.found]
        if not numbers or not all(0 < number < math.inf for pair in numbers for number in pair):
            raise StudyError(f"{path}: no learning rate above 0 at a number of clips for {rate.arm}")
    if not found.rates or found.format != FORMAT:
        raise StudyError(f"{path} is no file of learning rates of this version: studies/learning_rate.py writes one")
    return found.rates


def rate_for(run: Run, rates: Sequence[Rate], arm: str) -> Rate:
    """The rate that was searched for runs like this one, of the arm of this name.

    Raises `StudyError` where there is none.
    """
    found = [rate for rate in rates if rate.fits(run)]
    if not found:
        there = ", ".join(rate.arm for rate in rates)
        raise StudyError(
            f"the learning rates lack {arm}: they are of {there}; search them with studies/learning_rate.py"
        )
    return found[-1]
