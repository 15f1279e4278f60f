"""MusicCaps: 10 s of AudioSet with music, each described by one musician.

The clips of AudioSet's evaluation part are for tests. Recordings are called by video, or `[VIDEO]-[START-END]`, beside
the table or in `audio/` or `wav/`.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.lists import table
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

LIST = "musiccaps-public.csv"
COLUMNS = ("ytid", "start_s", "end_s", "caption", "is_audioset_eval")
SPLITS = {"true": "test", "false": "train"}


def _clips(folder: Path) -> Iterator[Listed]:
    for video, start, end, caption, tested in table(folder, LIST, COLUMNS):
        if tested.lower() not in SPLITS:
            raise LayoutError(f"{LIST} has an is_audioset_eval that is neither True nor False: {tested[:50]!r}")
        names = (video, f"[{video}]-[{start}-{end}]", f"{video}_{start}", f"{video}_{start}_{end}")
        files = tuple(f"{place}{name}" for place in ("audio/", "wav/", "") for name in names)
        yield Listed(files, SPLITS[tested.lower()], captions=(caption,))


SET = TaskSet(
    "MusicCaps",
    "music",
    "recall",
    "captions: CC BY-SA 4.0; audio: of its YouTube videos, not distributed",
    "https://huggingface.co/datasets/google/MusicCaps (musiccaps-public.csv)",
    _clips,
    {"train": (2_663,), "test": (2_858,)},
    missing=0.2,
    note="AudioSet's split, without a validation part",
)
