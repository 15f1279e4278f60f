"""Which run is next: a plain object that one actor holds for all lanes, and that needs no Ray to be tested."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

from scaling.study.run import Run

State = Literal["queued", "running", "done", "failed", "skipped"]
ATTEMPTS = 2
"""How many attempts in a row, in one start of the study, may end without coming further than those before."""


@dataclass
class Entry:
    """Where one run stands. `reached` is the furthest step of its ended attempts, `ask` names the take it was handed
    out for."""

    run: Run
    state: State = "queued"
    vain: int = 0
    reached: int = 0
    lane: int = -1
    ask: str = ""
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


_Args = ParamSpec("_Args")
_Answer = TypeVar("_Answer")


def _journaled(
    change: Callable[Concatenate["RunQueue", _Args], _Answer],
) -> Callable[Concatenate["RunQueue", _Args], _Answer]:
    """A method that writes down its call before it answers."""

    @wraps(change)
    def written(queue: "RunQueue", /, *args: _Args.args, **kwargs: _Args.kwargs) -> _Answer:
        queue.now = time.time()
        steps = {entry.run.name: entry.step for entry in queue.entries.values() if entry.state == "running"}
        answer = change(queue, *args, **kwargs)
        if queue.journal is not None:
            with queue.journal.open("a") as file:
                file.write(json.dumps([queue.now, steps, change.__name__, args, kwargs]) + "\n")
        return answer

    return written


class RunQueue:
    """The runs of a study: longest first, children after their parent, until two attempts in a row come no further.

    `finished` are the runs that were done before this start. Every change is written to `journal` before it is
    answered: a queue whose process died is, made again with the same arguments, where it was. A call may come twice
    then, and counts once.
    """

    def __init__(
        self, runs: Sequence[Run], finished: dict[str, str], name: str = "queue", journal: Path | None = None
    ) -> None:
        self.name = name
        self.entries = {run.name: Entry(run) for run in in_order(runs)}
        for name, score in finished.items():
            self.entries[name].state, self.entries[name].score = "done", score
        self.rooms: dict[int, str] = {}
        self.stopping = False
        self.now = time.time()
        self._skip_orphans()
        self.journal: Path | None = None
        for line in journal.read_text().splitlines() if journal is not None and journal.exists() else ():
            self.now, steps, change, args, kwargs = json.loads(line)
            for run, step in steps.items():
                self.entries[run].step = step
            getattr(type(self), change).__wrapped__(self, *args, **kwargs)
        self.journal = journal

    def __repr__(self) -> str:
        # Ray's dashboard shows it for the actor. An actor's name would have to be unique, where two studies run too.
        return self.name

    @_journaled
    def occupy(self, lane: int, room: str) -> None:
        """A lane's group has begun to work in what Ray has set aside for it, a placement group."""
        self.rooms[lane] = room

    def occupied(self) -> dict[int, str]:
        """The placement group of each lane's last group."""
        return self.rooms

    @_journaled
    def take(self, lane: int, ask: str) -> Take:
        """The next run for a lane; `ask` tells this asking from every other.

        A lane that asks while it still holds a run has died in it: that was an attempt.
        """
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                if entry.ask == ask:
                    return Take("run", entry.run)
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
            entry.state, entry.lane, entry.ask, entry.began = "running", lane, ask, self.now
            entry.step, entry.rate, entry.phase, entry.cause = 0, 0.0, "starting", ""
            return Take("run", entry.run)
        # A run that another lane holds may come back.
        waiting = waiting or any(entry.state == "running" for entry in self.entries.values())
        return Take("wait" if waiting else "none")

    def beat(self, name: str, step: int, rate: float, phase: str) -> bool:
        """Note how far a run is; True asks its lane to stop after a checkpoint."""
        entry = self.entries[name]
        entry.step, entry.rate, entry.phase = step, rate, phase
        return self.stopping

    @_journaled
    def done(self, name: str, score: str) -> None:
        """A run has ended well; `score` is what a person is shown."""
        entry = self.entries[name]
        if entry.state != "done":
            entry.seconds += self.now - entry.began
        entry.state, entry.score, entry.cause = "done", score, ""

    @_journaled
    def failed(self, name: str, lane: int, cause: str) -> None:
        """An attempt has raised; the lane dies of it, and its next take counts it.

        An attempt that another one has taken over from is nobody's failure.
        """
        entry = self.entries[name]
        if entry.lane == lane:
            entry.cause = cause

    @_journaled
    def interrupted(self, name: str) -> None:
        """A run has stopped because it was asked to; it counts as never tried."""
        entry = self.entries[name]
        if entry.state == "running":
            entry.seconds += self.now - entry.began
        entry.state, entry.lane = "queued", -1

    @_journaled
    def stop(self) -> None:
        """Hand out nothing more and ask every lane to stop."""
        self.stopping = True

    @_journaled
    def lane_ended(self, lane: int, cause: str) -> bool:
        """A lane's group is gone; what it held was an attempt. Returns whether there is work for a new one."""
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                self._end_attempt(entry, entry.cause or cause)
        return not self.stopping and any(entry.state in ("queued", "running") for entry in self.entries.values())

    def snapshot(self) -> list[Entry]:
        """Where every run stands, in the order in which they are handed out."""
        return list(self.entries.values())

    def _waits(self, run: Run) -> bool:
        parent = self.entries.get(run.initialization.parent)
        return parent is not None and parent.state in ("queued", "running")

    def _end_attempt(self, entry: Entry, cause: str) -> None:
        entry.seconds += self.now - entry.began
        entry.lane, entry.ask, entry.cause = -1, "", cause
        entry.vain = 0 if entry.step > entry.reached else entry.vain + 1
        entry.reached = max(entry.reached, entry.step)
        entry.state = "failed" if entry.vain >= ATTEMPTS else "queued"
        self._skip_orphans()

    def _skip_orphans(self) -> None:
        for entry in self.entries.values():
            parent = self.entries.get(entry.run.initialization.parent)
            if entry.state == "queued" and parent is not None and parent.state in ("failed", "skipped"):
                entry.state, entry.cause = "skipped", f"it starts from {parent.run.name}, which failed"


def in_order(runs: Sequence[Run]) -> list[Run]:
    """The order in which runs are handed out: those that others wait for first, then what costs most; references, which
    train nothing, come last."""
    parents = {run.initialization.parent for run in runs}

    def place(run: Run) -> tuple[bool, float, int, str]:
        size = run.data.clips if isinstance(run.data.clips, int) else 0
        return (run.name not in parents, -run.work, -size, run.name)

    return sorted(runs, key=place)
