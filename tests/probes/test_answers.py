"""Scores and tables of answers, by hand."""

import numpy as np
import polars as pl
import pytest
import torch

from scaling.data.labelled import Split
from scaling.data.tasks.task import Task
from scaling.probes.answers import FIRST_FOUND, PREDICTIONS, answered, chosen, retrieved
from scaling.probes.retrieval import Retrieved

SPLIT = Split(np.arange(4), ["1", "2", "3", "4"], ["a", "b", "a", "b"])


def test_answers_are_right_or_wrong_clip_by_clip() -> None:
    [score], table = answered(Task("birds", "environment"), SPLIT, ["a", "a", "a", "b"], "a note")
    assert (score.value, score.n_test, score.note) == (0.75, 4, "a note")
    assert score.stderr == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    assert table.schema == PREDICTIONS
    assert table["correct"].to_list() == [1, 0, 1, 1]


def test_the_rank_of_every_query_stands_behind_each_recall() -> None:
    ways = tuple(
        Retrieved(way, ("x", "y"), torch.tensor([1, 7]), torch.tensor([1.0, 1 / 7]).double(), ("p", "q"), ("p", "z"))
        for way in ("a2t", "t2a")
    )
    scores, table = retrieved(Task("captions", "environment", "recall"), "mean", ways)  # type: ignore[arg-type]
    assert {score.metric: score.value for score in scores if score.metric.startswith("a2t")} == {
        "a2t_recall_at_1": 0.5,
        "a2t_recall_at_5": 0.5,
        "a2t_recall_at_10": 1.0,
    }
    assert table.schema == PREDICTIONS
    assert len(table) == (3 + 4) * 2
    told = table.filter(pl.col("metric") == FIRST_FOUND)
    assert told.select("truth", "answer", "correct").rows() == [("p", "p", 1.0), ("q", "z", 0.0)]
    assert set(table.filter(pl.col("metric") != FIRST_FOUND)["answer"]) == {"rank 1", "rank 7"}


def test_a_note_tells_the_strength_and_an_edge() -> None:
    assert chosen(1e-3, False) == "strength 0.001"
    assert chosen(100.0, True) == "strength 100, on the edge of its grid"
