"""The task sets that are known, by the name that a task file calls them: one line each, and what the line names.

A line names a `TaskSet`, or a function of a folder that returns one.
"""

import importlib
from pathlib import Path

from scaling.data.tasks.sets.task_set import TaskSet
from scaling.errors import StudyError

SETS = {
    "fsd50k": "scaling.data.tasks.sets.fsd50k:SET",
    "vggsound": "scaling.data.tasks.sets.vggsound:SET",
    "voxceleb1": "scaling.data.tasks.sets.voxceleb1:SET",
    "voxceleb2": "scaling.data.tasks.sets.voxceleb2:SET",
    "crema-d": "scaling.data.tasks.sets.crema_d:SET",
    "magnatagatune": "scaling.data.tasks.sets.magnatagatune:SET",
    "nsynth": "scaling.data.tasks.sets.nsynth:FAMILY",
    "nsynth-pitch": "scaling.data.tasks.sets.nsynth:PITCH",
    "esc50": "scaling.data.tasks.sets.esc50:SET",
    "urbansound8k": "scaling.data.tasks.sets.urbansound8k:SET",
    "audioset-strong": "scaling.data.tasks.sets.audioset_strong:SET",
    "audiocaps": "scaling.data.tasks.sets.audiocaps:SET",
    "clotho": "scaling.data.tasks.sets.clotho:SET",
    "musiccaps": "scaling.data.tasks.sets.musiccaps:SET",
    "paraspeechcaps": "scaling.data.tasks.sets.paraspeechcaps:SET",
    "hear": "scaling.data.tasks.sets.hear:hear_set",
}


def known_set(name: str, folder: Path) -> TaskSet:
    """The set of this name, as `folder` holds it.

    Raises `StudyError` for a name that is not in the table, `LayoutError` for a folder that describes no set.
    """
    if name not in SETS:
        raise StudyError(f"there is no task set {name[:100]!r}: known are {', '.join(SETS)}")
    module, _, attribute = SETS[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    made: TaskSet = found if isinstance(found, TaskSet) else found(folder)
    return made
