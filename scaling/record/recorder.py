"""Recording beside the work: what MLflow should know goes there from a thread of its own, as long as it answers.

Everything lies in the runs' folders first, so nothing is lost with a server that is down: it is sent when the
server is back, at the end of the study, or by `scaling sync`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from scaling.record.outage import UnreachableError, reached
from scaling.record.tracker import Tracker
from scaling.runs.folder import StudyFolder
from scaling.runs.queue import Entry
from scaling.study.run import Run
from scaling.study.study import Cell

FORWARD_SECONDS = 5.0
"""Learning curves are forwarded this often: every commit takes time from lanes that have all CPUs."""
AGAIN_SECONDS = 15.0
"""When a server that did not answer is asked again."""


class Recorder:
    """Keeps MLflow up to date with the runs of one start."""

    def __init__(
        self,
        tracker: Tracker,
        cells: Iterable[Cell],
        folder: StudyFolder,
        provenance: dict[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._tracker, self._folder, self._provenance, self._say = tracker, folder, provenance, say
        self._cells = {cell.run.name: cell for cell in cells}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._sent: Future[None] | None = None
        self._due = 0.0
        self._ended: set[str] = set()
        self._down = False

    def watch(self, entries: Sequence[Entry]) -> None:
        """Send what is new, if the last sending is through and another is due. Never waits for MLflow."""
        if time.monotonic() < self._due or (self._sent is not None and not self._sent.done()):
            return
        if self._sent is not None:
            self._sent.result()
        self._due = time.monotonic() + FORWARD_SECONDS
        self._sent = self._thread.submit(self._send, [entry for entry in entries if entry.state != "queued"])

    def settle(self, done: Sequence[Run], entries: Sequence[Entry]) -> bool:
        """Record every finished run whole, and say whether MLflow took them all. Waits for it."""
        if self._sent is not None:
            self._sent.result()
        self._thread.shutdown()
        try:
            with reached():
                for run in done:
                    self._tracker.begin(self._cells[run.name], self._provenance)
                    self._tracker.finish(run, self._folder.run(run.name))
                for entry in entries:
                    if entry.state == "failed":
                        self._tracker.begin(self._cells[entry.run.name], self._provenance)
                        self._tracker.fail(entry.run, entry.cause)
        except UnreachableError as error:
            self._say(f"MLflow does not answer ({error})")
            return False
        return True

    def _send(self, entries: Sequence[Entry]) -> None:
        try:
            with reached():
                for entry in entries:
                    self._record(entry)
        except UnreachableError as error:
            if not self._down:
                self._say(f"MLflow does not answer ({error}): the study goes on, its record follows")
            self._down = True
            self._due = time.monotonic() + AGAIN_SECONDS
            return
        if self._down:
            self._say("MLflow answers again")
        self._down = False

    def _record(self, entry: Entry) -> None:
        run = entry.run
        if run.name in self._ended or entry.state == "skipped":
            return
        self._tracker.begin(self._cells[run.name], self._provenance)
        if entry.state == "running":
            self._tracker.forward(run, self._folder.run(run.name))
            return
        if entry.state == "done":
            self._tracker.finish(run, self._folder.run(run.name))
        else:
            self._tracker.fail(run, entry.cause)
        self._ended.add(run.name)
