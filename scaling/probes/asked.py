"""Questions that are asked: whose clips are heard, which other clips could be, what is commonly right, and what answers
are worth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from scaling.data.labelled import LabelledStore
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Task
from scaling.probes.another import another
from scaling.probes.answers import Answers, scored
from scaling.probes.measured import Floats, Measured


@dataclass(frozen=True)
class Item:
    """A question about the clip at a place of the labelled store (None: it cannot be heard), by the name that its
    answer goes by."""

    place: int | None
    question: Question
    name: str


def outcome(task: Task, items: list[Item], answers: dict[str, list[int]], note: str = "") -> Answers:
    """The accuracy of the places of chosen choices by pooling, and what audio gains over words alone: (s − t)/(1 − t)
    of the accuracies s and t, which curves are fitted to; none where words alone answer so much that it has no meaning
    (a standard error above 1)."""
    names = [item.name for item in items]
    # Who looks at an answer needs the question too.
    truths = [f"{one.text} {one.choices[one.answer]}" for one in (item.question for item in items)]
    right = {
        pooling: np.array([float(place == item.question.answer) for place, item in zip(chosen, items, strict=True)])
        for pooling, chosen in answers.items()
    }
    alone = right.get("text-only")
    found = []
    for pooling, chosen in answers.items():
        said = [item.question.choices[place] for place, item in zip(chosen, items, strict=True)]
        metrics = {"qa_accuracy": Measured.mean(right[pooling])}
        if alone is not None and alone.mean() < 1 and pooling in ("text", "text-shuffled"):
            gained = gain(right[pooling], alone)
            metrics |= {"qa_gain": gained} if gained.stderr <= 1 else {}
        found += [scored(task, pooling, metric, one, names, truths, said, note) for metric, one in metrics.items()]
    return [score for scores, _ in found for score in scores], pl.concat([table for _, table in found])


def gain(right: Floats, alone: Floats) -> Measured:
    """(s − t)/(1 − t) of two accuracies over the same questions, and what each question adds to it."""
    s, t = float(right.mean()), float(alone.mean())
    value = (s - t) / (1 - t)
    influence = (right - s) / (1 - t) - (1 - s) / (1 - t) ** 2 * (alone - t)
    return Measured(value, value + influence)


def items_of(labelled: LabelledStore, task: str, split: str) -> list[Item]:
    """The questions of a split, in the store's order, and behind them those whose clips cannot be heard."""
    there = labelled.split(task, split)
    ids, labels = labelled.unheard(task, split)
    places = [*there.places.tolist(), *[None] * len(ids)]
    found = []
    for place, clip, label in zip(places, [*there.ids, *ids], [*there.labels, *labels], strict=True):
        question = Question.of_label(label)
        found.append(Item(place, question, question.name(clip)))
    return found


def shuffled(items: Sequence[Item]) -> list[int | None]:
    """For each question another clip that is asked the same kind of question (any, where there is no other)."""
    by_kind: dict[str, list[int]] = {}
    for item in items:
        if item.place is not None:
            by_kind.setdefault(item.question.kind, []).append(item.place)
    every = another([place for places in by_kind.values() for place in places], "")
    others = {kind: another(places, kind) or every for kind, places in by_kind.items()}
    return [None if item.place is None else others[item.question.kind].get(item.place, item.place) for item in items]


def majority(train: Sequence[Item], test: Sequence[Item]) -> list[int]:
    """Of each question's choices the one that is most often right in training questions of its kind; the first of
    several."""
    counts: dict[str, Counter[str]] = {}
    for item in train:
        question = item.question
        counts.setdefault(question.kind, Counter())[question.choices[question.answer].casefold()] += 1
    found = []
    for item in test:
        known = counts.get(item.question.kind, Counter())
        seen = [known[choice.casefold()] for choice in item.question.choices]
        found.append(seen.index(max(seen)))
    return found
