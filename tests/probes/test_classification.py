"""The probe of labels from the labelled store to its scores."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from corpora import clips_of_many_lengths, write_beside
from sklearn.metrics import average_precision_score, roc_auc_score

from scaling.data.labelled import LabelledStore, task_files
from scaling.data.tasks.task import FOLD, Labelled, Task, each, several
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.classification import attention, logistic, parts_of
from scaling.probes.frames import FramesFile
from scaling.probes.linear import stderr_of_proportion
from scaling.probes.references import log_mel_statistics

TASK = Task("pitch", "environment")
SEVERAL = Task("tags", "environment", "map")
FOLDED = Task("folded", "environment", note="no speaker in two splits")


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """30 tones with several labels each and in folds, as plain statistics and log-mels tell them."""
    store = clips_of_many_lengths(tmp_path_factory.mktemp("classification"))
    rows = []
    for place, name in enumerate(store.clips(["id"])["id"]):
        number = int(name.rpartition("/")[2])
        tags = [tag for tag, there in (("high", number > 15), ("low", number < 8), ("odd", number % 2)) if there]
        rows.append(("tags", name, ("train", "train", "val", "test")[place % 4], several(tags)))
        rows.append(("folded", name, f"{FOLD}{place % 4}", "high" if number > 15 else "low"))
        rows.append(("pitch", name, ("train", "train", "val", "test")[place % 4], "high" if number > 15 else "low"))
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    write_beside(store.folder, task_files(Labelled((TASK, SEVERAL, FOLDED), (), table, "")))
    labelled = LabelledStore(store.folder)
    kept = FramesFile(80)
    for place in range(len(store)):
        log_mel = torch.from_numpy(store.log_mel(place).astype(np.float32))[None]
        kept.add(np.array([place]), np.zeros(1, np.int64), log_mel, torch.tensor([log_mel.shape[1]]))
    return Subject(labelled, log_mel_statistics(store), None, torch.device("cpu"), kept.frames(len(store)))


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


def test_several_labels_are_scored_as_scikit_learn_does(subject: Subject):
    precision, area = logistic(SEVERAL, subject)[0]
    assert (precision.metric, area.metric) == ("map", "roc_auc")
    answers = logistic(SEVERAL, subject)[1]
    for score in (precision, area):
        mine = answers.filter(metric=score.metric)
        assert mine["correct"].mean() == pytest.approx(score.value)
        assert len(mine) == score.n_test == len(subject.labelled.split("tags", "test").ids)
    # High and low are told from log-mels; the rest is chance.
    assert area.value > 0.6


def test_metrics_of_several_labels_are_those_of_its_logits(subject: Subject, monkeypatch: pytest.MonkeyPatch):
    test = subject.labelled.split("tags", "test")
    names = ["high", "low", "odd"]
    truth = np.array([[name in each(text) for name in names] for text in test.labels])
    draw = np.random.default_rng(0).standard_normal((3, *truth.shape))
    probe = type("Probe", (), {"scores": torch.from_numpy(draw), "rate": 1.0, "decay": 1.0, "on_edge": ()})
    monkeypatch.setattr("scaling.probes.classification.attention_probe", lambda *_: probe)
    scores, _ = attention(SEVERAL, subject)
    for score, theirs in zip(scores, (average_precision_score, roc_auc_score), strict=True):
        values = [theirs(truth, one, average="macro") for one in draw]
        assert score.value == pytest.approx(np.mean(values))
        # The spread of probe seeds is in the standard error.
        assert score.stderr > np.std(values, ddof=1) / 3**0.5
        assert score.pooling == "attention"


def test_every_clip_of_a_task_with_folds_is_tested_on_once_by_what_never_saw_its_fold(subject: Subject):
    parts = list(parts_of(subject.labelled, "folded"))
    assert len(parts) == 4
    for part in parts:
        assert not set(part.train.ids) & set(part.test.ids)
        assert part.inner is not None
        # Whole training folds are held out together: three of three folds.
        assert len(set(part.inner.tolist())) == 3
    tested = [name for part in parts for name in part.test.ids]
    assert sorted(tested) == sorted(subject.labelled.store.clips(["id"])["id"])
    [score], answers = logistic(FOLDED, subject)
    assert score.n_test == len(answers) == 30
    assert score.value > 0.8
    assert score.note.endswith("no speaker in two splits")


def test_the_attention_head_tells_high_from_low_and_its_seeds_are_averaged(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("scaling.probes.attention.FEWEST_STEPS", 40)
    [score], answers = attention(TASK, subject)
    assert (score.pooling, score.metric) == ("attention", "accuracy")
    assert score.value > 0.8
    assert set((3 * answers["correct"]).round(6)) <= {0, 1, 2, 3}
    assert "3 probe seeds" in score.note
    assert attention(TASK, subject)[0] == [score]


def test_a_label_that_no_training_clip_has_is_told(tmp_path: Path):
    store = clips_of_many_lengths(tmp_path)
    names = store.clips(["id"])["id"].to_list()
    rows = [
        ("pitch", name, "test" if n < 3 else "train", "x" if n == 0 else "ab"[n % 2]) for n, name in enumerate(names)
    ]
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    write_beside(store.folder, task_files(Labelled((TASK,), (), table, "")))
    labelled = LabelledStore(store.folder)
    [score], _ = logistic(TASK, Subject(labelled, log_mel_statistics(store), None, torch.device("cpu")))
    assert "1 test clips have a label that no training clip has" in score.note
