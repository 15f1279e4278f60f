"""AudioSet's strong labels: what sounds from when to when in its 10 s clips, by the identifier of a class.

The official split: the segments of `audioset_train_strong.tsv` and, for tests, of `audioset_eval_strong.tsv`, as many
as research.google.com/audioset/download_strong.html says. Classes that are in one of the two only (447 are in the
first, 416 in the second, 407 in both) are left out by the probe. Recordings are called by segment
(`VIDEO_MILLISECONDS`) or by video, in `audio/train/`, `train/`, `audio/` and so on.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet
from scaling.data.tasks.task import Sounding

SPLITS = {"train": "train", "eval": "test"}
COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")


def _clips(folder: Path) -> Iterator[Listed]:
    for part, split in SPLITS.items():
        events: dict[str, list[Sounding]] = {}
        for segment, start, end, label in table(folder, f"audioset_{part}_strong.tsv", COLUMNS, separator="\t"):
            events.setdefault(segment, []).append((_seconds(start), _seconds(end), label))
        for segment, some in events.items():
            video = segment.rpartition("_")[0]
            places = (f"audio/{part}/", f"{part}/", "audio/", "")
            files = tuple(f"{place}{name}" for place in places for name in (segment, video, f"Y{video}"))
            # An event without a length, as some are listed, is heard by nobody.
            yield Listed(files, split, events=tuple(event for event in some if event[0] != event[1]))


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise LayoutError(f"an event has a time that is no number: {text[:50]!r}") from None


SET = TaskSet(
    "AudioSet-strong",
    "environment",
    "events",
    "labels: CC BY 4.0; audio: of its YouTube videos, not distributed",
    "https://research.google.com/audioset/download_strong.html",
    _clips,
    {"train": (103_463,), "test": (16_996,)},
    missing=0.2,
    note="official split, without a validation part",
)
