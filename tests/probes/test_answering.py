"""Questions answered through an adapter: it hears, it resumes to the same bits, and nothing is left out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from corpora import clips_of_many_lengths, write_beside

from scaling.data.labelled import LabelledStore, task_files
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Labelled, Task
from scaling.probes import answering
from scaling.probes.answering import questions
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.frames import FramesFile
from scaling.probes.references import score_chance
from scaling.probes.work import Work

TASK = Task("questions", "environment", "questions")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> LabelledStore:
    """Tones that are high or low, each asked about; one of them is not there."""
    store = clips_of_many_lengths(tmp_path_factory.mktemp("asked"))
    rows = []
    for place, name in enumerate([*store.clips(["id"])["id"], "gone"]):
        label = Question("High or low?", ("high", "low"), place % 2, "pitch").label()
        rows.append(("questions", name, "test" if place % 3 == 0 or name == "gone" else "train", label))
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    write_beside(store.folder, task_files(Labelled((TASK,), (), table, "")))
    return LabelledStore(store.folder)


@pytest.fixture
def hearing(asked: LabelledStore, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Frames that say what is right."""
    for name, steps in (("FEWEST_STEPS", 30), ("WORDS_STEPS", 8), ("PASSES", 1), ("WORDS_PASSES", 1)):
        monkeypatch.setattr(answering, name, steps)
    monkeypatch.setattr(answering, "_kept", {})
    kept = FramesFile(2)
    for clip in range(len(asked.store)):
        frames = torch.eye(2)[clip % 2].expand(1, 3 + clip % 4, -1)
        kept.add(np.array([clip]), np.zeros(1, np.int64), frames, torch.tensor([frames.shape[1]]))
    return Subject(asked, torch.zeros(1), None, torch.device("cpu"), kept.frames(len(asked.store)))


def test_what_is_heard_is_answered_and_no_question_is_left_out(hearing: Subject, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answering, "WORDS_STEPS", 60)
    monkeypatch.setattr(answering, "FEWEST_STEPS", 120)
    scores, answers = questions(TASK, hearing)
    found = {(score.pooling, score.metric): score for score in scores}
    assert set(found) == {
        *((pooling, "qa_accuracy") for pooling in ("text", "text-shuffled", "text-only", "text-majority")),
        *((pooling, "qa_gain") for pooling in ("text", "text-shuffled")),
    }
    test = len(hearing.labelled.split("questions", "test").ids) + 1
    assert {score.n_test for score in scores} == {test}
    assert all("1 questions asked without their audio" in score.note for score in scores)
    assert answers.schema == PREDICTIONS
    for score in scores:
        mine = answers.filter(pooling=score.pooling, metric=score.metric)
        assert mine["correct"].mean() == pytest.approx(score.value)
        assert mine["clip"].is_unique().all()
    assert found["text", "qa_accuracy"].value > found["text-only", "qa_accuracy"].value + 0.2
    chance = score_chance(hearing.labelled, hearing.device, ["questions"])[0]
    assert chance[0].value == found["text-majority", "qa_accuracy"].value
    assert [(one.metric, one.value) for one in chance[1:]] == [("qa_gain", 0.0)]
    assert score_chance(hearing.labelled, hearing.device)[0] == []


class StopError(Exception):
    """The run was asked to stop."""


def stopping(folder: Path, last: int) -> Work:
    """Saves and raises after so many steps."""
    steps = iter(range(last))

    def after(save: Callable[[], None]) -> None:
        if next(steps, None) is None:
            save()
            raise StopError

    return Work(folder, after)


@pytest.mark.parametrize("last", [3, 12])
def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(
    hearing: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
):
    whole = questions(TASK, hearing)
    # Another process has trained nothing yet.
    monkeypatch.setattr(answering, "_kept", {})
    with pytest.raises(StopError):
        questions(TASK, replace(hearing, work=stopping(tmp_path, last)))
    monkeypatch.setattr(answering, "_kept", {})
    steps: list[int] = []
    again = questions(TASK, replace(hearing, work=Work(tmp_path, lambda save: steps.append(1))))
    assert len(steps) == 8 + 30 - last - 1
    assert again[0] == whole[0]
    assert again[1].equals(whole[1])


def test_the_batch_changes_no_answer(hearing: Subject, monkeypatch: pytest.MonkeyPatch):
    whole = questions(TASK, hearing)
    monkeypatch.setattr(answering, "CASES", 3)
    assert questions(TASK, hearing)[1].equals(whole[1])


def test_a_study_trains_its_language_model_once(hearing: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole, costs = questions(TASK, hearing), []
    for folder, trained in (("first", 8 + 30), ("second", 30)):
        # Another process, with another run of the same study.
        monkeypatch.setattr(answering, "_kept", {})
        steps: list[int] = []
        work = Work(tmp_path / folder, lambda save, steps=steps: steps.append(1), shared=tmp_path / "shared")  # type: ignore[misc]
        again = questions(TASK, replace(hearing, work=work))
        assert len(steps) == trained
        assert again[0] == whole[0]
        assert again[1].equals(whole[1])
        costs.append(work.flops)
    # What a run's probe costs does not depend on which run came first.
    assert costs[0] == costs[1]
    assert len(costs[0]) == 2
    assert min(costs[0]) > 0
