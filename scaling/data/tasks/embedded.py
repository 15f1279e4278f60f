"""The tasks of the embedded corpus."""

from collections.abc import Iterator

from scaling.data.clip import Clip
from scaling.data.embedded import questions, sounds
from scaling.data.features import SYNTHETIC
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import QUESTIONS, Labelled, Row, Task, labelled

ASKED = f"{QUESTIONS}-all"
"""The task of questions about clips of all domains."""


def embedded_tasks(seed: int) -> Labelled:
    """The labelled clips of the embedded corpus."""
    tasks = [Task(task.name, task.domain) for task in sounds.TASKS]
    tasks.append(Task("tags", "all", supervised=True))
    tasks.append(Task(ASKED, "all", QUESTIONS))
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
    rows.extend(_questions(seed))
    return labelled(tasks, clips, rows, SYNTHETIC)


def _questions(seed: int) -> Iterator[Row]:
    """All questions about training clips, and one about each of the first half of the test clips: answers about one
    clip would not be independent of each other, and every second clip has every second label only."""
    for index in range(sounds.SPLIT_SIZES["train"]):
        for kind, text, choices, right in questions.asked(index, seed=seed, split="train"):
            label = Question.asked(text, choices, right, kind, kind).label()
            yield ASKED, f"train/{index:05d}", "train", label
    for index in range(sounds.SPLIT_SIZES["test"] // 2):
        kind, text, choices, right = questions.drawn(index, seed=seed, split="test")
        yield ASKED, f"test/{index:05d}", "test", Question.asked(text, choices, right, kind).label()
