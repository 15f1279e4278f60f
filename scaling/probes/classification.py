"""The probes of labels: logistic regression on mean frames (`linear.py`), and the attention head (`attention.py`)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from scaling.data.labelled import LabelledStore, Split
from scaling.data.tasks.task import Task, each
from scaling.probes.answers import Answers, Subject, chosen, scored
from scaling.probes.attention import attention_probe, strength
from scaling.probes.label_metrics import mean_average_precision, mean_roc_auc
from scaling.probes.linear import logistic_probe, ranked, stratified_folds
from scaling.probes.measured import Measured

INNER = 3
"""Of a task with folds, the parts of the training folds that are held out in turn to choose a strength by."""


@dataclass(frozen=True)
class Part:
    """One fit of a task: of several there is one a fold. `inner` int64 [training clips] says in which part of the
    training folds each lies; None where the task has splits."""

    train: Split
    val: Split | None
    test: Split
    inner: NDArray[np.int64] | None = None


def parts_of(labelled: LabelledStore, task: str) -> Iterator[Part]:
    """The fits of a task; every clip is tested on once."""
    folds = labelled.folds(task)
    if not folds:
        val = labelled.split(task, "val")
        yield Part(labelled.split(task, "train"), val if val.ids else None, labelled.split(task, "test"))
        return
    splits = [labelled.split(task, fold) for fold in folds]
    for number, test in enumerate(splits):
        others = [split for place, split in enumerate(splits) if place != number]
        inner = [np.full(len(split.ids), place % INNER) for place, split in enumerate(others)]
        joined = Split(
            np.concatenate([split.places for split in others]),
            [name for split in others for name in split.ids],
            [label for split in others for label in split.labels],
        )
        yield Part(joined, None, test, np.concatenate(inner))


class Labels:
    """A task's labels as numbers: of all splits, by name."""

    def __init__(self, task: Task, parts: list[Part]) -> None:
        self.several = task.kind == "map"
        splits = [split for part in parts for split in (part.train, part.val, part.test) if split is not None]
        texts = {text for split in splits for text in split.labels}
        self.names = sorted({name for text in texts for name in each(text)} if self.several else texts)
        self._number = {name: place for place, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def targets(self, split: Split) -> torch.Tensor:
        """Int64 [clips], or bool [clips, labels]."""
        if not self.several:
            return torch.tensor([self._number[text] for text in split.labels])
        found = torch.zeros(len(split.labels), len(self.names), dtype=torch.bool)
        for row, text in enumerate(split.labels):
            found[row, [self._number[name] for name in each(text)]] = True
        return found


def logistic(task: Task, subject: Subject) -> Answers:
    """Fitted on the training clips, its strength chosen on validation clips (without any, by folds)."""
    parts = list(parts_of(subject.labelled, task.name))
    labels = Labels(task, parts)
    x = subject.embeddings.to(subject.device)
    scores, notes = [], []
    for part in parts:
        probe = logistic_probe(
            x[part.train.places],
            labels.targets(part.train).to(x.device),
            None if part.val is None else x[part.val.places],
            None if part.val is None else labels.targets(part.val).to(x.device),
            x[part.test.places],
            len(labels),
            None if part.inner is None else torch.from_numpy(part.inner).to(x.device),
        )
        scores.append(ranked(probe.scores).cpu()[None])
        notes.append(chosen(probe.l2, probe.on_edge) + ("" if probe.converged else ", did not converge"))
    return outcome(task, "mean", parts, scores, labels, notes)


def attention(task: Task, subject: Subject) -> Answers:
    """Trained on the training clips, its rate and decay chosen on validation clips (without any, on a part of the
    training clips that is held out, and then trained on all of them)."""
    assert subject.frames is not None
    parts = list(parts_of(subject.labelled, task.name))
    labels = Labels(task, parts)
    scores, notes = [], []
    for part in parts:
        train, y = part.train.places, labels.targets(part.train)
        given, held, refit = (train, y), None, None
        if part.val is not None:
            held = part.val.places, labels.targets(part.val)
        else:
            inner = stratified_folds(y).numpy() if part.inner is None else part.inner
            out = inner == 0
            given, held, refit = (train[~out], y[~out]), (train[out], y[out]), (train, y)
        probe = attention_probe(
            subject.frames, given, held, part.test.places, len(labels), subject.device, refit, subject.work
        )
        scores.append(probe.scores)
        notes.append(strength(probe))
    return outcome(task, "attention", parts, scores, labels, notes)


def outcome(
    task: Task, pooling: str, parts: list[Part], scores: list[torch.Tensor], labels: Labels, notes: list[str]
) -> Answers:
    """The metrics of logits float64 [probe seeds, test clips, labels] of every part, averaged over probe seeds, whose
    spread is in the standard error."""
    table = _metrics(parts, scores, labels)
    told = dict.fromkeys(notes)
    said = [next(iter(told)) if len(told) == 1 else f"{len(notes)} folds, each its own strength", task.note]
    unseen = sum(_unseen(part, labels) for part in parts)
    if unseen:
        said.append(f"{unseen} test clips have a label that no training clip has")
    note = ", ".join(filter(None, said))
    answers = [scored(task, pooling, *one, note) for one in table]
    return [score for found, _ in answers for score in found], pl.concat([table for _, table in answers])


def _metrics(
    parts: list[Part], scores: list[torch.Tensor], labels: Labels
) -> list[tuple[str, Measured, list[str], list[str], list[str]]]:
    """Each metric of a task, with the ids of its clips, the truths and the answers."""
    ids = [name for part in parts for name in part.test.ids]
    truths = [text for part in parts for text in part.test.labels]
    logits = torch.cat(scores, dim=1)
    answers = [labels.names[place] for place in logits.softmax(2).mean(0).argmax(1).tolist()]
    truth = torch.cat([labels.targets(part.test) for part in parts])
    if not labels.several:
        right = (logits.argmax(2) == truth).double().numpy()
        return [("accuracy", Measured.over_seeds([Measured.mean(one) for one in right]), ids, truths, answers)]
    found = []
    for metric, measure in (("map", mean_average_precision), ("roc_auc", mean_roc_auc)):
        each_seed = [measure(one.numpy(), truth.numpy()) for one in logits]
        found.append((metric, Measured.over_seeds(each_seed), ids, truths, answers))
    return found


def _unseen(part: Part, labels: Labels) -> int:
    known = set(part.train.labels)
    if labels.several:
        known = {name for text in known for name in each(text)}
        return sum(not known.issuperset(each(text)) for text in part.test.labels)
    return sum(text not in known for text in part.test.labels)
