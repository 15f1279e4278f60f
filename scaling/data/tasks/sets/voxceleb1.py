"""VoxCeleb1: speech of 1,251 people, from interviews; who speaks.

Counts are those of huggingface.co/datasets/yangwang825/vox1-iden-full, and add up to the 153,516 recordings of
VoxCeleb1. The official split for identification (`iden_split.txt`): every speaker is in all three parts, by video.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import lines
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

SPLITS = {"1": "train", "2": "val", "3": "test"}


def _clips(folder: Path) -> Iterator[Listed]:
    for words in lines(folder, "iden_split.txt"):
        if len(words) != 2 or words[0] not in SPLITS or "/" not in words[1]:
            raise LayoutError(f"iden_split.txt has a line that is no split and file: {' '.join(words)[:100]!r}")
        file = words[1]
        places = (f"wav/{file}", f"dev/wav/{file}", f"test/wav/{file}")
        yield Listed(places, SPLITS[words[0]], (file.partition("/")[0],))


SET = TaskSet(
    "VoxCeleb1",
    "speech",
    "accuracy",
    "CC BY 4.0 (labels); audio: of its YouTube videos",
    "https://www.robots.ox.ac.uk/~vgg/data/voxceleb (iden_split.txt; the archives by request)",
    _clips,
    {"train": (138_361,), "val": (6_904,), "test": (8_251,)},
    labels=1_251,
)
