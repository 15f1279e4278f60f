"""The probe of labels from the labelled store to its scores."""

from dataclasses import replace

import pytest
import torch

from scaling.data.tasks.task import Task
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.classification import logistic
from scaling.probes.linear import stderr_of_proportion
from scaling.probes.references import log_mel_statistics

TASK = Task("pitch", "environment")


def test_answers_are_scored_clip_by_clip(knowing: Subject):
    subject = replace(knowing, embeddings=log_mel_statistics(knowing.labelled.store))
    [score], answers = logistic(TASK, subject)
    test = knowing.labelled.split("pitch", "test")
    assert (score.task, score.domain, score.pooling, score.metric) == ("pitch", "environment", "mean", "accuracy")
    assert score.n_test == len(test.ids)
    assert score.value == pytest.approx(answers["correct"].mean())
    assert score.stderr == stderr_of_proportion(score.value, score.n_test)
    assert answers.schema == PREDICTIONS
    assert answers["clip"].to_list() == test.ids
    assert answers["truth"].to_list() == test.labels
    assert score.note.startswith("strength ")


def test_embeddings_that_say_nothing_give_the_commonest_answer_from_the_edge_of_the_grid(knowing: Subject):
    nothing = replace(knowing, embeddings=torch.zeros_like(knowing.embeddings))
    [score], answers = logistic(TASK, nothing)
    assert answers["answer"].n_unique() == 1
    # Where strengths are alike the strongest is taken, and a reader is told that a stronger one was not tried.
    assert score.note == "strength 100, on the edge of its grid"
