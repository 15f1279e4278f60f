"""The tasks of the embedded corpus."""

from scaling.data.clip import Clip
from scaling.data.embedded import sounds
from scaling.data.features import SYNTHETIC
from scaling.data.tasks.task import Labelled, Row, Task, labelled


def embedded_tasks(seed: int) -> Labelled:
    """The labelled clips of the embedded corpus."""
    tasks = [Task(task.name, task.domain) for task in sounds.TASKS]
    tasks.append(Task("tags", "all", supervised=True))
    by_domain: dict[str, list[sounds.SyntheticTask]] = {}
    for task in sounds.TASKS:
        by_domain.setdefault(task.domain, []).append(task)
    clips: dict[str, Clip] = {}
    rows: list[Row] = []
    for split, size in sounds.SPLIT_SIZES.items():
        for index in range(size):
            sound = sounds.sound(index, seed=seed, split=split)
            name = f"{split}/{index:05d}"
            place = f"{seed}/{split}/{index}"
            clips[name] = Clip(name, sound.source, sound.domain, sound.seconds, sound.captions, place)
            if split == "tagged":
                rows.append(("tags", name, "train", sound.labels["tag"]))
            else:
                rows.extend((task.name, name, split, sound.labels[task.label]) for task in by_domain[sound.domain])
    return labelled(tasks, clips, rows, SYNTHETIC)
