"""VoxCeleb2: speech of 5,994 people (its development part), from interviews; who speaks.

Counts are those of PaddleSpeech's examples/voxceleb/README.md (1,092,009 recordings of 5,994 speakers).

It has no official split for identification. Ours is by video: of each speaker a tenth of the videos is for tests, a
tenth for validation, drawn by a hash of their names; what others have published on it is split otherwise.
"""

from collections.abc import Iterator
from pathlib import Path

from scaling.data.tasks.sets.groups import split_of_groups
from scaling.data.tasks.sets.lists import READABLE
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

ROOTS = ("dev/aac", "dev/wav", "aac", "wav")


def _clips(folder: Path) -> Iterator[Listed]:
    root = next((root for root in ROOTS if (folder / root).is_dir()), None)
    if root is None:
        raise LayoutError(f"it has none of {', '.join(f'{root}/' for root in ROOTS)}")
    seen = set()
    for speaker in sorted(path for path in (folder / root).glob("id*") if path.is_dir()):
        stems: dict[str, list[str]] = {}
        for video in sorted(path for path in speaker.iterdir() if path.is_dir()):
            files = list(video.iterdir())
            seen |= {file.suffix for file in files}
            if found := sorted({file.stem for file in files if file.suffix in READABLE}):
                stems[video.name] = found
        splits = split_of_groups(stems, 0.1, 0.1, speaker.name)
        for video_name, found in stems.items():
            for stem in found:
                place = f"{root}/{speaker.name}/{video_name}"
                group = f"{speaker.name}/{video_name}"
                yield Listed((f"{place}/{stem}",), splits[video_name], (speaker.name,), group=group)
    if not seen & set(READABLE):
        what = "are .m4a, which cannot be decoded here: write a .wav or .flac beside each" if ".m4a" in seen else "lack"
        raise LayoutError(f"its recordings in {root}/id*/VIDEO/ {what}")


SET = TaskSet(
    "VoxCeleb2",
    "speech",
    "accuracy",
    "CC BY 4.0 (labels); audio: of its YouTube videos",
    "https://www.robots.ox.ac.uk/~vgg/data/voxceleb (vox2_dev_aac, by request)",
    _clips,
    {"": (1_092_009,)},
    labels=5_994,
    note="no official split: ours is made by video",
    group="video",
)
