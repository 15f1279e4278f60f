"""Retrieval by a text side that is trained on frozen frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from scaling.data.tasks.task import Task
from scaling.probes import text_retrieval as module
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.frames import FramesFile
from scaling.probes.text_retrieval import text_retrieval
from scaling.probes.text_side import Pairs

TASK = Task("retrieval", "environment", "recall")


def with_frames(subject: Subject, values: torch.Tensor) -> Subject:
    """Three equal frames a clip."""
    kept = FramesFile(values.shape[1])
    for clip, value in enumerate(values):
        kept.add(np.array([clip]), np.zeros(1, np.int64), value.expand(1, 3, -1), torch.tensor([3]))
    return replace(subject, frames=kept.frames(len(values)))


def test_both_ways_are_scored_and_the_same_twice(knowing: Subject, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BUDGET", replace(module.BUDGET, passes=1, fewest=10))
    subject = with_frames(knowing, torch.eye(len(knowing.labelled.store)))
    torch.manual_seed(5)
    scores, answers = text_retrieval(TASK, subject)
    # The global generator has no part in it.
    torch.manual_seed(6)
    assert text_retrieval(TASK, subject)[0] == scores
    assert {score.pooling for score in scores} == {"text"}
    assert len(scores) == 7
    assert answers.schema == PREDICTIONS


def test_each_pass_takes_every_clip_once_with_a_caption_of_its_own(knowing: Subject):
    budget = replace(module.BUDGET, batch=4)
    pairs = Pairs.of(TASK, with_frames(knowing, torch.eye(len(knowing.labelled.store))), "encoder", budget)
    assert len(pairs) == 16
    for epoch in range(2):
        drawn = [pairs.drawn(4 * epoch + step) for step in range(4)]
        assert sorted(row for rows, _ in drawn for row in rows) == list(range(16))
        for rows, captions in drawn:
            assert all(caption in pairs.captions[row] for row, caption in zip(rows, captions, strict=True))
    assert pairs.drawn(3)[0].tolist() == pairs.drawn(3)[0].tolist()
    assert pairs.drawn(0)[0].tolist() != pairs.drawn(4)[0].tolist()


def test_a_collapsed_encoder_finds_nothing(knowing: Subject, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BUDGET", replace(module.BUDGET, passes=1, fewest=3))
    scores, _ = text_retrieval(TASK, with_frames(knowing, torch.ones(len(knowing.labelled.store), 4)))
    assert {score.value for score in scores if score.metric == "t2a_recall_at_1"} == {0.0}
