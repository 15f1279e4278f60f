"""What a probe says of a frozen encoder: scores with standard errors, and the answer to every test clip."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import torch

from scaling.data.labelled import LabelledStore, Split
from scaling.data.tasks.task import Task
from scaling.probes.linear import stderr_of_proportion
from scaling.probes.retrieval import Retrieved
from scaling.probes.score import Score

PREDICTIONS = {
    "task": pl.String,
    "pooling": pl.String,
    "metric": pl.String,
    "clip": pl.String,
    "truth": pl.String,
    "answer": pl.String,
    "correct": pl.Float64,
}


Answers = tuple[list[Score], pl.DataFrame]
"""Scores, and a table with the columns of `PREDICTIONS`."""


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
        device: where probes compute.
    """

    labelled: LabelledStore
    embeddings: torch.Tensor
    head: Head | None
    device: torch.device


def answered(task: Task, test: Split, answers: list[str], note: str = "") -> Answers:
    """The accuracy of one answer a test clip."""
    right = [float(answer == label) for answer, label in zip(answers, test.labels, strict=True)]
    value, n = sum(right) / len(right), len(right)
    table = pl.DataFrame({"clip": test.ids, "truth": test.labels, "answer": answers, "correct": right})
    score = Score(task.name, task.domain, "mean", "accuracy", value, stderr_of_proportion(value, n), n, note)
    return [score], _named(table, task.name, "mean", "accuracy")


def retrieved(task: Task, pooling: str, outcome: tuple[Retrieved, Retrieved], note: str = "") -> Answers:
    """Recalls both ways, and the rank of every query's answer."""
    scores, tables = [], []
    for direction in outcome:
        recalls = direction.recalls()
        scores += [Score(task.name, task.domain, pooling, r.metric, r.value, r.stderr, r.n, note) for r in recalls]
        ranks = direction.ranks.cpu().numpy()
        for recall in recalls:
            k = int(recall.metric.rpartition("_")[2])
            table = pl.DataFrame(
                {
                    "clip": list(direction.query_ids),
                    "truth": [f"rank <= {k}"] * len(ranks),
                    "answer": [f"rank {rank}" for rank in ranks],
                    "correct": (ranks <= k).astype(float),
                }
            )
            tables.append(_named(table, task.name, pooling, recall.metric))
    return scores, pl.concat(tables)


def chosen(strength: float, on_edge: bool) -> str:
    """A note of the strength that a probe chose."""
    return f"strength {strength:g}" + (", on the edge of its grid" if on_edge else "")


def _named(table: pl.DataFrame, task: str, pooling: str, metric: str) -> pl.DataFrame:
    names = {"task": task, "pooling": pooling, "metric": metric}
    return table.with_columns(**{key: pl.lit(value) for key, value in names.items()}).select(list(PREDICTIONS))
