"""AudioCaps: 10 s of AudioSet, captioned by people: one caption a training clip, five a test clip.

The official split, of version 1 or 2. Counts are those of github.com/cdjkim/audiocaps: dataset/README.md, and of
version 2 dataset2.0/README.md, which counts captions (91,256, 2,475 and 4,875): that each training clip has one of them
there too is taken from version 1. Recordings are called by video, by video and start, or by the number of their
caption, in the table's folder or one of `audio/`, `train/`, `audio/train/` and so on.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import Listed, TaskSet

COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")


def _clips(folder: Path) -> Iterator[Listed]:
    for split in ("train", "val", "test"):
        captions: dict[tuple[str, str], list[str]] = {}
        first: dict[tuple[str, str], str] = {}
        for number, video, start, caption in table(folder, f"{split}.csv", COLUMNS):
            captions.setdefault((video, start), []).append(caption)
            first.setdefault((video, start), number)
        for (video, start), said in captions.items():
            names = (f"{video}_{start}", video, f"Y{video}", first[video, start])
            places = (f"audio/{split}/", f"{split}/", "audio/", "")
            files = tuple(f"{place}{name}" for place in places for name in names)
            yield Listed(files, split, captions=tuple(said))


SET = TaskSet(
    "AudioCaps",
    "environment",
    "recall",
    "captions: MIT; audio: of its YouTube videos, not distributed",
    "https://github.com/cdjkim/audiocaps (train.csv, val.csv, test.csv)",
    _clips,
    {"train": (49_838, 91_256), "val": (495,), "test": (975,)},
    missing=0.2,
)
