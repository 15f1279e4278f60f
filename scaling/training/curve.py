"""The learning curve of a run: one JSON line a logged step, for the driver to forward."""

import json
import time
from contextlib import suppress
from pathlib import Path

from scaling.files import replacing
from scaling.training.attempt import Attempt
from scaling.training.checkpoint import room_for

FILE = "metrics.jsonl"


class LearningCurve:
    """Appends to a run's `metrics.jsonl`.

    Opening it drops what an earlier attempt logged after `step`, by replacing the file: an orphan of that
    attempt goes on writing to the one that was replaced, and is never seen.
    """

    def __init__(self, attempt: Attempt, step: int) -> None:
        self._run = attempt.folder.name
        path = attempt.folder / FILE
        kept = [row for row in read_curve(path) if row["step"] <= step]
        attempt.still_ours()
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in kept))
            # Opened before the rename: what is written later goes to this very file, whoever replaces it.
            self._file = temporary.open("a")

    def add(self, step: int, metrics: dict[str, float]) -> None:
        """Log the metrics of a step.

        Raises `StudyError` where the disk is full.
        """
        with room_for(f"the learning curve of {self._run}"):
            self._file.write(json.dumps({"step": step, "time": int(time.time() * 1000), **metrics}) + "\n")
            self._file.flush()

    def close(self) -> None:
        # What could not be flushed was reported when it was added.
        with suppress(OSError):
            self._file.close()


def read_curve(path: Path) -> list[dict[str, float]]:
    """The logged rows: `step`, `time` (ms since 1970) and the metrics. A line that is still being written is
    left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
