"""UrbanSound8K: up to 4 s of sounds of the city, 10 classes.

The ten given folds: clips of one recording are in one of them, so they are never to be drawn anew.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import Listed, TaskSet


def _clips(folder: Path) -> Iterator[Listed]:
    for name, fold, label in table(folder, "metadata/UrbanSound8K.csv", ("slice_file_name", "fold", "class")):
        yield Listed((f"audio/fold{fold}/{name}",), fold, (label,))


SET = TaskSet(
    "UrbanSound8K",
    "environment",
    "accuracy",
    "CC BY-NC 3.0",
    "https://zenodo.org/records/1203745",
    _clips,
    {"": (8_732,)},
    labels=10,
    note="the given folds",
    folded=True,
)
