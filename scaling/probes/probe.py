"""Scores of one run: every task on its embeddings, with standard errors and the answer to every test clip."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl
import torch

from scaling.data.labelled import LabelledStore, Split
from scaling.data.tasks.toml import Task
from scaling.probes.linear import logistic_probe, stderr_of_proportion
from scaling.probes.retrieval import (
    RECALL_AT,
    Pool,
    Retrieved,
    chance_recall,
    retrieve,
    ridge_map,
    text_features,
)

RIDGE_STRENGTHS = tuple(10.0**power for power in range(-3, 7))
PREDICTIONS = {
    "task": pl.String,
    "pooling": pl.String,
    "metric": pl.String,
    "clip": pl.String,
    "truth": pl.String,
    "answer": pl.String,
    "correct": pl.Float64,
}

Head = tuple[torch.Tensor, Callable[[list[str]], torch.Tensor]]
"""A model's own joint space: its vector of every labelled clip, and what makes vectors of captions."""


@dataclass(frozen=True)
class Score:
    """One number with its standard error; `note` says what a reader of the number must know."""

    task: str
    domain: str
    pooling: str
    metric: str
    value: float
    stderr: float
    n_test: int
    note: str = ""


def score_embeddings(
    labelled: LabelledStore, embeddings: torch.Tensor, head: Head | None, device: torch.device
) -> tuple[list[Score], pl.DataFrame]:
    """Every task on frozen embeddings float32 [clips, width]: scores and predictions (`PREDICTIONS`).

    Classification by a logistic probe; retrieval by a ridge map from embeddings to fixed text features, the
    same rule for every objective, and by the model's own head where it has one.
    """
    scores: list[Score] = []
    tables = []
    for task in labelled.tasks:
        if task.kind == "accuracy":
            score, table = _classification(labelled, task, embeddings.to(device))
            scores.append(score)
            tables.append(table)
            continue
        for pooling, outcome in _retrievals(labelled, task, embeddings, head):
            for direction in outcome:
                scores.extend(
                    Score(task.name, task.domain, pooling, r.metric, r.value, r.stderr, r.n)
                    for r in direction.recalls()
                )
                tables.append(_retrieval_table(task, pooling, direction))
    return scores, pl.concat(tables)


def score_chance(labelled: LabelledStore) -> tuple[list[Score], pl.DataFrame]:
    """Chance: the most frequent training label for every clip, and the expected recall of a random order."""
    scores: list[Score] = []
    tables = []
    for task in labelled.tasks:
        train, test = labelled.split(task.name, "train"), labelled.split(task.name, "test")
        if task.kind == "accuracy":
            counts = pl.Series("label", train.labels).value_counts().sort(["count", "label"], descending=[True, False])
            score, table = _answered(task, test, [counts["label"][0]] * len(test.ids))
            scores.append(score)
            tables.append(table)
            continue
        pool = Pool.of(test.ids, test.labels)
        for direction, relevant in (("a2t", pool.relevant), ("t2a", pool.relevant.T)):
            for k in RECALL_AT:
                value = chance_recall(relevant, k)
                scores.append(
                    Score(
                        task.name,
                        task.domain,
                        "mean",
                        f"{direction}_recall_at_{k}",
                        value,
                        0.0,
                        len(relevant),
                    )
                )
    return scores, pl.concat(tables) if tables else pl.DataFrame(schema=PREDICTIONS)


def _classification(labelled: LabelledStore, task: Task, x: torch.Tensor) -> tuple[Score, pl.DataFrame]:
    train, val, test = (labelled.split(task.name, split) for split in ("train", "val", "test"))
    names = sorted({*train.labels, *val.labels, *test.labels})
    number = {label: place for place, label in enumerate(names)}

    def features(split: Split) -> torch.Tensor:
        return x[torch.tensor(split.places, device=x.device)]

    def answers(split: Split) -> torch.Tensor:
        return torch.tensor([number[label] for label in split.labels], device=x.device)

    probe = logistic_probe(
        features(train),
        answers(train),
        features(val) if val.ids else None,
        answers(val) if val.ids else None,
        features(test),
        len(names),
    )
    score, table = _answered(task, test, [names[answer] for answer in probe.answers.tolist()])
    note = "" if probe.converged else "the logistic probe did not converge"
    return replace(score, note=note), table


def _answered(task: Task, test: Split, answers: list[str]) -> tuple[Score, pl.DataFrame]:
    right = [float(answer == label) for answer, label in zip(answers, test.labels, strict=True)]
    value = sum(right) / len(right)
    table = pl.DataFrame({"clip": test.ids, "truth": test.labels, "answer": answers, "correct": right})
    score = Score(
        task.name, task.domain, "mean", "accuracy", value, stderr_of_proportion(value, len(right)), len(right)
    )
    return score, _named(table, task.name, "mean", "accuracy")


def _retrievals(
    labelled: LabelledStore, task: Task, embeddings: torch.Tensor, head: Head | None
) -> list[tuple[str, tuple[Retrieved, Retrieved]]]:
    train, test = labelled.split(task.name, "train"), labelled.split(task.name, "test")
    pool = Pool.of(test.ids, test.labels)
    train_text, test_text = text_features(train.labels, list(pool.captions))
    ridge = ridge_map(embeddings[train.places].double(), train_text.double(), RIDGE_STRENGTHS)
    found = [("mean", retrieve(pool, ridge(embeddings[test.places].double()), ridge.centre(test_text.double())))]
    if head is not None:
        audio, embed_captions = head
        found.append(("head", retrieve(pool, audio[test.places], embed_captions(list(pool.captions)))))
    return found


def _retrieval_table(task: Task, pooling: str, outcome: Retrieved) -> pl.DataFrame:
    ranks = outcome.ranks.cpu().numpy()
    tables = []
    for k in RECALL_AT:
        table = pl.DataFrame(
            {
                "clip": list(outcome.query_ids),
                "truth": [f"rank <= {k}"] * len(ranks),
                "answer": [f"rank {rank}" for rank in ranks],
                "correct": (ranks <= k).astype(float),
            }
        )
        tables.append(_named(table, task.name, pooling, f"{outcome.direction}_recall_at_{k}"))
    return pl.concat(tables)


def _named(table: pl.DataFrame, task: str, pooling: str, metric: str) -> pl.DataFrame:
    names = {"task": task, "pooling": pooling, "metric": metric}
    return table.with_columns(**{key: pl.lit(value) for key, value in names.items()}).select(list(PREDICTIONS))
