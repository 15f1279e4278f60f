"""Where the trainings of a run's probes are kept, and how they are interrupted."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scaling.storage.files import Location


def _nothing(save: Callable[[], None]) -> None:
    """Nobody asks anything."""


@dataclass(frozen=True)
class Work:
    """What a training has to know of the run that it is part of.

    Attributes:
        folder: where it leaves what it would go on from; None: nowhere.
        shared: where runs find what does not depend on them (`once.py`); None: nowhere.
        after_step: called after every step with what saves it; calls that where it is time, and raises (having called
            it) where the run is asked to stop.
        still_ours: raises where another attempt has taken the run over.
        flops: floating-point operations of the trainings so far, each added as it begins.
    """

    folder: Location | None = None
    after_step: Callable[[Callable[[], None]], None] = _nothing
    still_ours: Callable[[], None] = lambda: None
    shared: Location | None = None
    flops: list[float] = field(default_factory=list)
