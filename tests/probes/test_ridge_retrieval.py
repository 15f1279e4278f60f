"""The probe of captions by a ridge map, from the labelled store to its scores."""

from dataclasses import replace

import pytest
import torch

from scaling.data.tasks.task import Task
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.ridge_retrieval import ridge

TASK = Task("retrieval", "environment", "recall")


def test_recalls_both_ways_with_the_rank_of_every_answer(knowing: Subject):
    scores, answers = ridge(TASK, knowing)
    recalls = [f"{way}_recall_at_{k}" for way in ("a2t", "t2a") for k in (1, 5, 10)]
    assert [score.metric for score in scores] == [*recalls, "t2a_map_at_10"]
    assert {score.pooling for score in scores} == {"mean"}
    assert answers.schema == PREDICTIONS
    for score in scores:
        mine = answers.filter(answers["metric"] == score.metric)
        assert mine["correct"].mean() == pytest.approx(score.value)
        assert len(mine) == score.n_test
        assert score.note.startswith("strength ")


def test_embeddings_that_say_nothing_earn_nothing(knowing: Subject):
    scores, _ = ridge(TASK, replace(knowing, embeddings=torch.zeros_like(knowing.embeddings)))
    assert {score.value for score in scores if score.metric.endswith("_at_1")} == {0.0}
