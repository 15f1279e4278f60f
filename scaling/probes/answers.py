"""What a probe says of a frozen encoder: scores with standard errors, and the answer to every test clip."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch

from scaling.data.labelled import LabelledStore, Split
from scaling.data.tasks.task import Task
from scaling.probes.frames import Frames
from scaling.probes.measured import Measured
from scaling.probes.retrieval import Retrieved
from scaling.probes.score import Score
from scaling.probes.work import Work

PREDICTIONS = {
    "task": pl.String,
    "pooling": pl.String,
    "metric": pl.String,
    "clip": pl.String,
    "truth": pl.String,
    "answer": pl.String,
    "correct": pl.Float64,
}


FIRST_FOUND = "a2t_recall_at_1"
"""The metric whose answers are captions, as they are found first."""
Answers = tuple[list[Score], pl.DataFrame]
"""Scores, and a table with the columns of `PREDICTIONS`; `correct` is what a clip adds to the score, which is the mean
(`measured.py`): 0 or 1 where it is one of right answers."""


@dataclass(frozen=True)
class Head:
    """The joint space that an objective has learned: its vector of every labelled clip, float32 [clips, joint], and
    what makes such vectors of captions."""

    audio: torch.Tensor
    embed_captions: Callable[[list[str]], torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """What is probed: the labelled clips as a frozen encoder hears them.

    Attributes:
        embeddings: float32 [clips of the labelled store, width], mean frames.
        head: None where the objective has no joint space.
        frames: all frames of these clips; None where no probe needs them.
        work: where trainings of probes are kept, and what interrupts them.
        device: where probes compute.
    """

    labelled: LabelledStore
    embeddings: torch.Tensor
    head: Head | None
    device: torch.device
    frames: Frames | None = None
    work: Work = field(default_factory=Work)


def answered(task: Task, test: Split, answers: list[str], note: str = "", pooling: str = "mean") -> Answers:
    """The accuracy of one answer a test clip."""
    right = [float(answer == label) for answer, label in zip(answers, test.labels, strict=True)]
    return scored(task, pooling, "accuracy", Measured.mean(np.array(right)), test.ids, test.labels, answers, note)


def retrieved(task: Task, pooling: str, outcome: tuple[Retrieved, Retrieved], note: str = "") -> Answers:
    """Recalls both ways and mean average precision, and the rank of every query's answer; to a clip's recall@1 its
    caption, and the one that was found first."""
    scores, tables = [], []
    note = ", ".join(filter(None, (note, task.note)))
    for direction in outcome:
        ranks = [f"rank {rank}" for rank in direction.ranks.tolist()]
        for metric, found in direction.measured().items():
            truths, answers = [f"rank <= {metric.rpartition('_')[2]}"] * len(ranks), ranks
            if metric == FIRST_FOUND:
                truths, answers = list(direction.own), list(direction.found)
            more, table = scored(task, pooling, metric, found, list(direction.query_ids), truths, answers, note)
            scores += more
            tables.append(table)
    return scores, pl.concat(tables)


def scored(
    task: Task,
    pooling: str,
    metric: str,
    found: Measured,
    clips: list[str],
    truths: list[str],
    answers: list[str],
    note: str = "",
) -> Answers:
    """One score, and what each clip adds to it."""
    table = pl.DataFrame({"clip": clips, "truth": truths, "answer": answers, "correct": found.parts})
    score = Score(task.name, task.domain, pooling, metric, found.value, found.stderr, len(clips), note)
    return [score], _named(table, task.name, pooling, metric)


def chosen(strength: float, on_edge: bool) -> str:
    """A note of the strength that a probe chose."""
    return f"strength {strength:g}" + (", on the edge of its grid" if on_edge else "")


def _named(table: pl.DataFrame, task: str, pooling: str, metric: str) -> pl.DataFrame:
    names = {"task": task, "pooling": pooling, "metric": metric}
    return table.with_columns(**{key: pl.lit(value) for key, value in names.items()}).select(list(PREDICTIONS))
