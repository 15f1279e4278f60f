"""An encoder, an objective and a probe of somebody else's: their options, and their lines in the tables of known ones.

Ray's workers import this module where they are handed a run with these options, and so find the lines too.
"""

from dataclasses import dataclass
from typing import ClassVar

from scaling.known import Known
from scaling.models.formats import MEL_BINS, Format, Waveform
from scaling.models.options import ENCODERS
from scaling.objectives.options import OBJECTIVES, Targets
from scaling.probes.options import PROBES, TaskKind


@dataclass(frozen=True)
class StackedOptions:
    """Neighbouring frames side by side, through one linear layer."""

    width: int = 12
    frames: int = 4

    @property
    def parameters(self) -> int:
        return self.frames * MEL_BINS * self.width + self.width


@dataclass(frozen=True)
class ListenerOptions:
    """Levels of stretches of samples, through one linear layer."""

    hears: ClassVar[Format] = Waveform()

    width: int = 6

    @property
    def parameters(self) -> int:
        return 40 * self.width


@dataclass(frozen=True)
class WordsOptions:
    """Which words a caption has, from the mean frame."""

    targets: ClassVar[Targets] = "captions"
    max_tokens: int = 16


@dataclass(frozen=True)
class NearestOptions:
    """The label whose mean is nearest."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("accuracy",)


LINES = {
    "listener": Known(ListenerOptions, "toy_networks:Listener"),
    "stacked": Known(StackedOptions, "toy_networks:Stacked"),
    "words": Known(WordsOptions, "toy_networks:Words"),
    "nearest": Known(NearestOptions, "toy_networks:nearest"),
}
ENCODERS["listener"], ENCODERS["stacked"] = LINES["listener"], LINES["stacked"]
OBJECTIVES["words"] = LINES["words"]
PROBES["nearest"] = LINES["nearest"]
