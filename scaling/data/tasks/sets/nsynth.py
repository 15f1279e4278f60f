"""NSynth: single notes of 4 s; of which family of instruments (11), or of which pitch, a MIDI number.

The official split, by instrument. All pitches are kept, where HEAR keeps 21 to 108.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from scaling.data.tasks.sets.lists import json_object
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet

SPLITS = {"nsynth-train": "train", "nsynth-valid": "val", "nsynth-test": "test"}


def _clips(label: str, folder: Path) -> Iterator[Listed]:
    for part, split in SPLITS.items():
        for note, known in json_object(folder, f"{part}/examples.json").items():
            if not isinstance(known, dict) or label not in known:
                raise LayoutError(f"{part}/examples.json says no {label} of {note[:100]}")
            yield Listed((f"{part}/audio/{note}",), split, (str(known[label]),))


FAMILY = TaskSet(
    "NSynth",
    "music",
    "accuracy",
    "CC BY 4.0",
    "https://magenta.tensorflow.org/datasets/nsynth (the json/wav archives)",
    partial(_clips, "instrument_family_str"),
    {"train": (289_205,), "val": (12_678,), "test": (4_096,)},
    labels=11,
)
PITCH = replace(FAMILY, clips=partial(_clips, "pitch"), labels=None)
