"""What is told to the queue of runs, as records that can be written down and read back."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Occupied:
    """A lane's group has begun to work in what Ray has set aside for it, a placement group."""

    lane: int
    room: str


@dataclass(frozen=True)
class Asked:
    """A lane has asked for work; `ask` tells this asking from every other."""

    lane: int
    ask: str


@dataclass(frozen=True)
class Done:
    """A run has ended well; `score` is what a person is shown."""

    run: str
    score: str


@dataclass(frozen=True)
class Failed:
    """An attempt has raised, and its lane dies of it."""

    run: str
    lane: int
    cause: str


@dataclass(frozen=True)
class Interrupted:
    """A run has stopped because it was asked to."""

    run: str


@dataclass(frozen=True)
class Stopped:
    """Nothing more is to be handed out."""


@dataclass(frozen=True)
class LaneEnded:
    """A lane's group is gone."""

    lane: int
    cause: str


Event = Occupied | Asked | Done | Failed | Interrupted | Stopped | LaneEnded
KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Occupied, Asked, Done, Failed, Interrupted, Stopped, LaneEnded)
}


@dataclass(frozen=True)
class Record:
    """An event, when it came (seconds since the epoch), and at which step each running run was: how far runs are is
    told too often to be written down by itself."""

    at: float
    steps: dict[str, int]
    event: Event

    def line(self) -> str:
        """The record as a line of a journal."""
        return json.dumps([self.at, self.steps, type(self.event).__name__, asdict(self.event)]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Record":
        """The record that a line of a journal holds."""
        at, steps, kind, fields = json.loads(line)
        return cls(at, steps, KINDS[kind](**fields))
