"""VGGSound: 10 s of YouTube videos, one of 309 labels each.

The official split, which has no validation part. That it has 309 labels and about 183,000 and 15,000 clips is said on
av.superbbenchmark.org/tasks; to the unit the counts are from memory. Recordings are called as the set's own scripts
call them, video and start in six digits, beside the table or in `audio/`, `wav/`, `train/` or `test/`.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet


def _clips(folder: Path) -> Iterator[Listed]:
    for video, start, label, split in table(folder, "vggsound.csv", ("video", "start", "label", "split"), head=False):
        if not start.isdigit():
            raise LayoutError(f"vggsound.csv has a start that is no number: {start[:50]!r}")
        name = f"{video}_{int(start):06d}"
        yield Listed((f"audio/{name}", f"wav/{name}", f"{split}/{name}", name), split, (label,))


SET = TaskSet(
    "VGGSound",
    "environment",
    "accuracy",
    "labels: CC BY 4.0; audio: of its YouTube videos, not distributed",
    "https://www.robots.ox.ac.uk/~vgg/data/vggsound (vggsound.csv)",
    _clips,
    {"train": (183_730,), "test": (15_446,)},
    labels=309,
    missing=0.2,
    note="official split, without a validation part",
)
