"""Which run is next: a plain object that one actor holds for all lanes, and that needs no Ray to be tested."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaling.runs.events import (
    Asked,
    Done,
    Event,
    Failed,
    Interrupted,
    LaneEnded,
    Occupied,
    Record,
    Stopped,
)
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


class RunQueue:
    """The runs of a study: what others wait for first, then what there is most to do in, children after their parent,
    until two attempts in a row come no further.

    `finished` are the runs that were done before this start. Whatever is told is applied and written to `journal`
    before it is answered: a queue whose process died is, made again with the same arguments, where it was. A call may
    come twice then, and counts once.
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
        self._skip_orphans()
        self.journal = journal
        for line in journal.read_text().splitlines() if journal is not None and journal.exists() else ():
            self.apply(Record.from_line(line))

    def __repr__(self) -> str:
        # Ray's dashboard shows it for the actor. An actor's name would have to be unique, where two studies run too.
        return self.name

    def occupy(self, lane: int, room: str) -> None:
        """Note the placement group of a lane's group."""
        self._tell(Occupied(lane, room))

    def occupied(self) -> dict[int, str]:
        """The placement group of each lane's last group."""
        return self.rooms

    def take(self, lane: int, ask: str) -> Take:
        """The next run for a lane.

        A lane that asks anew while it still holds a run has died in it: that was an attempt. One that asks the same
        again gets the same.
        """
        self._tell(Asked(lane, ask))
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                return Take("run", entry.run)
        # A run that another lane holds may come back.
        return Take("wait" if self._unfinished() else "none")

    def beat(self, name: str, step: int, rate: float, phase: str) -> bool:
        """Note how far a run is; True asks its lane to stop after a checkpoint."""
        entry = self.entries[name]
        entry.step, entry.rate, entry.phase = step, rate, phase
        return self.stopping

    def done(self, name: str, score: str) -> None:
        """Note that a run has ended well; `score` is what a person is shown."""
        self._tell(Done(name, score))

    def failed(self, name: str, lane: int, cause: str) -> None:
        """Note what an attempt has raised; the lane dies of it, and its next take counts it.

        An attempt that another one has taken over from is nobody's failure.
        """
        self._tell(Failed(name, lane, cause))

    def interrupted(self, name: str) -> None:
        """Note that a run has stopped because it was asked to; it counts as never tried."""
        self._tell(Interrupted(name))

    def stop(self) -> None:
        """Hand out nothing more and ask every lane to stop."""
        self._tell(Stopped())

    def lane_ended(self, lane: int, cause: str) -> bool:
        """Note that a lane's group is gone; what it held was an attempt. Whether there is work for a new one."""
        self._tell(LaneEnded(lane, cause))
        return self._unfinished()

    def snapshot(self) -> list[Entry]:
        """Where every run stands, in the order in which they are handed out."""
        return list(self.entries.values())

    def apply(self, record: Record) -> None:
        """Change what an event changes; all that is known here follows from the records in their order."""
        now = record.at
        for name, step in record.steps.items():
            self.entries[name].step = step
        match record.event:
            case Occupied(lane, room):
                self.rooms[lane] = room
            case Asked(lane, ask):
                self._hand_out(lane, ask, now)
            case Done(name, score):
                entry = self.entries[name]
                if entry.state != "done":
                    entry.seconds += now - entry.began
                entry.state, entry.score, entry.cause = "done", score, ""
            case Failed(name, lane, cause):
                if self.entries[name].lane == lane:
                    self.entries[name].cause = cause
            case Interrupted(name):
                entry = self.entries[name]
                if entry.state == "running":
                    entry.seconds += now - entry.began
                entry.state, entry.lane = "queued", -1
            case Stopped():
                self.stopping = True
            case LaneEnded(lane, cause):
                self._end_attempts(lane, cause, now)

    def _tell(self, event: Event) -> None:
        steps = {entry.run.name: entry.step for entry in self.entries.values() if entry.state == "running"}
        record = Record(time.time(), steps, event)
        self.apply(record)
        if self.journal is not None:
            with self.journal.open("a") as file:
                file.write(record.line())

    def _hand_out(self, lane: int, ask: str, now: float) -> None:
        if any(entry.state == "running" and (entry.lane, entry.ask) == (lane, ask) for entry in self.entries.values()):
            return
        self._end_attempts(lane, "its worker died", now)
        if self.stopping:
            return
        for entry in self.entries.values():
            if entry.state == "queued" and not self._waits(entry.run):
                entry.state, entry.lane, entry.ask, entry.began = "running", lane, ask, now
                entry.step, entry.rate, entry.phase, entry.cause = 0, 0.0, "starting", ""
                return

    def _end_attempts(self, lane: int, cause: str, now: float) -> None:
        """What a lane held was an attempt in vain, unless it came further than those before."""
        for entry in self.entries.values():
            if entry.state == "running" and entry.lane == lane:
                entry.seconds += now - entry.began
                entry.lane, entry.ask, entry.cause = -1, "", entry.cause or cause
                entry.vain = 0 if entry.step > entry.reached else entry.vain + 1
                entry.reached = max(entry.reached, entry.step)
                entry.state = "failed" if entry.vain >= ATTEMPTS else "queued"
        self._skip_orphans()

    def _unfinished(self) -> bool:
        """Whether a lane will be handed something, sooner or later."""
        return not self.stopping and any(entry.state in ("queued", "running") for entry in self.entries.values())

    def _waits(self, run: Run) -> bool:
        parent = self.entries.get(run.initialization.parent)
        return parent is not None and parent.state in ("queued", "running")

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
