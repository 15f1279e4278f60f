"""CREMA-D: sentences of 91 actors, in one of six emotions.

It has no official split. Ours is by speaker (63, 9 and 19 of them), drawn by a hash of their numbers: where speakers
are in several parts, as in HEAR's folds, a probe knows them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.groups import split_of_groups
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

_NAME = re.compile(r"(\d{4})_[A-Z]{3}_([A-Z]{3})_[A-Z]{2}\.wav")


def _clips(folder: Path) -> Iterator[Listed]:
    if not (folder / "AudioWAV").is_dir():
        raise LayoutError("it has no AudioWAV/")
    found = [name for path in sorted((folder / "AudioWAV").iterdir()) if (name := _NAME.fullmatch(path.name))]
    splits = split_of_groups((name[1] for name in found), 9 / 91, 19 / 91)
    for name in found:
        yield Listed((f"AudioWAV/{name[0]}",), splits[name[1]], (name[2],), group=name[1])


SET = TaskSet(
    "CREMA-D",
    "speech",
    "accuracy",
    "Open Database License 1.0",
    "https://github.com/CheyneyComputerScience/CREMA-D",
    _clips,
    {"": (7_442,)},
    labels=6,
    note="no official split: ours is made by speaker",
    group="speaker",
)
