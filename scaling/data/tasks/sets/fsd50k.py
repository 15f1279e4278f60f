"""FSD50K: clips of Freesound with several of 200 labels each.

The official split; labels are propagated to their ancestors in the ontology, as they are in the set's own tables.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import Listed, TaskSet


def _clips(folder: Path) -> Iterator[Listed]:
    for name, labels, split in table(folder, "FSD50K.ground_truth/dev.csv", ("fname", "labels", "split")):
        yield Listed((f"FSD50K.dev_audio/{name}",), split, tuple(labels.split(",")))
    for name, labels in table(folder, "FSD50K.ground_truth/eval.csv", ("fname", "labels")):
        yield Listed((f"FSD50K.eval_audio/{name}",), "test", tuple(labels.split(",")))


SET = TaskSet(
    "FSD50K",
    "environment",
    "map",
    "CC BY 4.0; clips: Creative Commons, file by file",
    "https://zenodo.org/records/4060432",
    _clips,
    {"train": (36_796,), "val": (4_170,), "test": (10_231,)},
    labels=200,
)
