"""Which run is next: a plain object that one actor holds for all lanes, and that needs no Ray to be tested."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scaling.study import Run

State = Literal["queued", "running", "done", "failed", "skipped"]
ATTEMPTS = 2
"""How often a run is tried in one start of the study."""


@dataclass
class Entry:
    """Where one run stands."""

    run: Run
    state: State = "queued"
    attempts: int = 0
    lane: int = -1
    step: int = 0
    rate: float = 0.0
    phase: str = ""
    score: str = ""
    cause: str = ""
    seconds: float = 0.0
    began: float = 0.0


@dataclass(frozen=True)
class Take:
    """What a lane is told when it asks for work: a run, to wait for another run to end, or that there is
    none."""

    kind: Literal["run", "wait", "none"]
    run: Run | None = None


class RunQueue:
    """The runs of a study: longest first, children after their parent, two attempts a run.

    `finished` are the runs that were done before this start.
    """

    def __init__(self, runs: Sequence[Run], finished: dict[str, str], name: str = "queue") -> None:
        self.name = name
        self.entries = {run.name: Entry(run) for run in sorted(runs, key=_priority)}
        for name, score in finished.items():
            self.entries[name].state, self.entries[name].score = "done", score
        self.stopping = False
        self._skip_orphans()

    def __repr__(self) -> str:
        # Ray's dashboard shows it for the actor. An actor's name would have to be unique, where two studies run too.
        return self.name

    def take(self, lane: int) -> Take:
        """The next run for a lane.

        A lane that asks while it still holds a run has died in it: that was an attempt.
        """
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                self._end_attempt(entry, entry.cause or "its worker died")
        if self.stopping:
            return Take("none")
        waiting = False
        for entry in self.entries.values():
            if entry.state != "queued":
                continue
            if self._waits(entry.run):
                waiting = True
                continue
            entry.state, entry.lane, entry.began = "running", lane, time.time()
            entry.attempts += 1
            entry.step, entry.rate, entry.phase = 0, 0.0, "starting"
            return Take("run", entry.run)
        # A run that another lane holds may come back.
        waiting = waiting or any(entry.state == "running" for entry in self.entries.values())
        return Take("wait" if waiting else "none")

    def beat(self, name: str, step: int, rate: float, phase: str) -> bool:
        """Note how far a run is; True asks its lane to stop after a checkpoint."""
        entry = self.entries[name]
        entry.step, entry.rate, entry.phase = step, rate, phase
        return self.stopping

    def done(self, name: str, score: str) -> None:
        """A run has ended well; `score` is what a person is shown."""
        entry = self.entries[name]
        entry.state, entry.score, entry.cause = "done", score, ""
        entry.seconds += time.time() - entry.began

    def failed(self, name: str, cause: str) -> None:
        """An attempt has raised; the lane dies of it, and its next take counts it."""
        self.entries[name].cause = cause

    def interrupted(self, name: str) -> None:
        """A run has stopped because it was asked to; it counts as never tried."""
        entry = self.entries[name]
        entry.state, entry.lane = "queued", -1
        entry.seconds += time.time() - entry.began

    def stop(self) -> None:
        """Hand out nothing more and ask every lane to stop."""
        self.stopping = True

    def lane_ended(self, lane: int, cause: str) -> None:
        """A lane is gone for good; what it held was an attempt."""
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                self._end_attempt(entry, entry.cause or cause)

    def snapshot(self) -> list[Entry]:
        """Where every run stands, in the order in which they are handed out."""
        return list(self.entries.values())

    def _waits(self, run: Run) -> bool:
        parent = self.entries.get(run.parent)
        return parent is not None and parent.state in ("queued", "running")

    def _end_attempt(self, entry: Entry, cause: str) -> None:
        entry.seconds += time.time() - entry.began
        entry.lane = -1
        entry.cause = cause
        entry.state = "failed" if entry.attempts >= ATTEMPTS else "queued"
        self._skip_orphans()

    def _skip_orphans(self) -> None:
        for entry in self.entries.values():
            parent = self.entries.get(entry.run.parent)
            if entry.state == "queued" and parent is not None and parent.state in ("failed", "skipped"):
                entry.state, entry.cause = "skipped", f"it starts from {parent.run.name}, which failed"


def _priority(run: Run) -> tuple[bool, int, int, str]:
    """Runs that others wait for come first, then the longest ones; references, which train nothing, come
    last."""
    size = run.clips if isinstance(run.clips, int) else 0
    return (run.objective != "supervised", -run.steps * run.batch_size, -size, run.name)
