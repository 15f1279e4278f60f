"""The probe of captions in a joint space of an objective's own."""

from dataclasses import replace

import polars as pl

from scaling.data.tasks.task import Task
from scaling.probes.answers import FIRST_FOUND, PREDICTIONS, Subject
from scaling.probes.head_retrieval import head

TASK = Task("retrieval", "environment", "recall")


def test_a_space_that_holds_clip_and_caption_at_one_place_finds_all(knowing: Subject):
    scores, answers = head(TASK, knowing)
    assert {score.value for score in scores} == {1.0}
    assert {score.pooling for score in scores} == {"head"}
    told = answers.filter(pl.col("metric") == FIRST_FOUND)
    assert told["answer"].to_list() == told["truth"].to_list()
    assert set(answers.filter(pl.col("metric") != FIRST_FOUND)["answer"]) == {"rank 1"}


def test_without_a_joint_space_there_are_no_scores(knowing: Subject):
    scores, answers = head(TASK, replace(knowing, head=None))
    assert scores == []
    assert answers.is_empty()
    assert answers.schema == PREDICTIONS
