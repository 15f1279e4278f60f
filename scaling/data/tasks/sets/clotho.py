"""Clotho: recordings of Freesound of 15 to 30 s, each captioned by five people.

The official split: development, validation and, for tests, evaluation.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import Listed, TaskSet

SPLITS = {"development": "train", "validation": "val", "evaluation": "test"}
COLUMNS = ("file_name", *(f"caption_{n}" for n in range(1, 6)))


def _clips(folder: Path) -> Iterator[Listed]:
    for part, split in SPLITS.items():
        for name, *captions in table(folder, f"clotho_captions_{part}.csv", COLUMNS):
            places = (f"{part}/{name}", f"clotho_audio_{part}/{name}", f"clotho_audio_files/{part}/{name}")
            yield Listed(places, split, captions=tuple(captions))


SET = TaskSet(
    "Clotho",
    "environment",
    "recall",
    "captions: Tampere University licence, non-commercial; audio: Creative Commons, file by file",
    "https://zenodo.org/records/4783391",
    _clips,
    {"train": (3_839,), "val": (1_045,), "test": (1_045,)},
)
