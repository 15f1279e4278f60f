"""ESC-50: 5 s of environmental sound, 50 classes of 40 clips.

The five given folds: clips of one recording are in one of them.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import Listed, TaskSet


def _clips(folder: Path) -> Iterator[Listed]:
    for name, fold, label in table(folder, "meta/esc50.csv", ("filename", "fold", "category")):
        yield Listed((f"audio/{name}",), fold, (label,))


SET = TaskSet(
    "ESC-50",
    "environment",
    "accuracy",
    "CC BY-NC 3.0",
    "https://github.com/karolpiczak/ESC-50",
    _clips,
    {"": (2_000,)},
    labels=50,
    note="the given folds",
    folded=True,
)
