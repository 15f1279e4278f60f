"""The learning curve of a run: one JSON line a logged step, for the driver to forward."""

import json
import time
from contextlib import suppress

from scaling.storage.files import Location, on_disk, replacing
from scaling.storage.own import damaged, read_own_lines
from scaling.storage.space import room_for
from scaling.training.attempt import Attempt, SupersededError

FILE = "metrics.jsonl"
PUBLISH_SECONDS = 5.0


class LearningCurve:
    """Appends to a run's `metrics.jsonl`.

    Opening it drops what an earlier attempt logged after `step`, by replacing the file: an orphan of that
    attempt goes on writing to the one that was replaced, and is never seen. In an object store the file is
    published whole, at most every `PUBLISH_SECONDS`, with every checkpoint and at the end.
    """

    def __init__(self, attempt: Attempt, step: int) -> None:
        self._run = attempt.folder.name
        self._attempt = attempt
        self._path = path = attempt.folder / FILE
        self._published = time.monotonic()
        kept = [row for row in read_curve(path) if row["step"] <= step]
        attempt.still_ours()
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in kept))
            # Opened before the rename: what is written later goes to this very file, whoever replaces it.
            self._file = temporary.open("a+")

    def add(self, step: int, metrics: dict[str, float]) -> None:
        """Log the metrics of a step.

        Raises `StudyError` where the disk is full.
        """
        with room_for(f"the learning curve of {self._run}"):
            self._file.write(json.dumps({"step": step, "time": int(time.time() * 1000), **metrics}) + "\n")
            self._file.flush()
        if time.monotonic() - self._published > PUBLISH_SECONDS:
            self.publish()

    def publish(self) -> None:
        """Show in an object store what was logged so far; a file on a filesystem is seen as it is written.

        Raises `SupersededError` where another attempt has taken over.
        """
        if on_disk(self._path):
            return
        self._published = time.monotonic()
        self._attempt.still_ours()
        with replacing(self._path) as temporary:
            self._file.seek(0)
            temporary.write_text(self._file.read())

    def close(self) -> None:
        with suppress(SupersededError):
            self.publish()
        # What could not be flushed was reported when it was added.
        with suppress(OSError):
            self._file.close()


def read_curve(path: Location) -> list[dict[str, float]]:
    """The logged rows: `step`, `time` (ms since 1970) and the metrics. A line that is still being written is
    left out. Raises `StudyError` where the file is damaged."""
    cure = "remove it and start the study again: the curve is lost, the run's result is not"
    try:
        rows = read_own_lines(path, dict[str, int | float], cure)
    except FileNotFoundError:
        return []
    for number, row in enumerate(rows, start=1):
        if not {"step", "time"} <= set(row):
            raise damaged(path, f"line {number} has no step or no time", cure)
    return rows
