"""A trial is trained for its loss, once; one that diverges has ended."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from corpora import labelled_tones
from tiny import tiny_run, tiny_store

from scaling.runs.folder import StudyFolder
from scaling.runs.trial import Trial, done_trial, try_run
from scaling.study.run import Run
from scaling.training.attempt import InterruptedRunError
from scaling.training.learning_curve import read_curve

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    root = tmp_path_factory.mktemp("trials")
    folder = StudyFolder(root / "study")
    tiny_store(folder.store)
    shutil.copytree(labelled_tones(root / "tones").store.folder, folder.store / "labelled")
    return folder


def tried(run: Run, folder: StudyFolder, stop: int = -1) -> Trial:
    return try_run(run, folder, device=CPU, checkpoint_seconds=0.0, progress=lambda step, rate: step == stop)


def test_a_trial_goes_on_where_it_was_and_is_done_once(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(steps=6)
    with pytest.raises(InterruptedRunError):
        tried(run, folder, stop=3)
    assert done_trial(folder, run) is None
    trial = tried(run, folder)
    assert math.isfinite(trial.loss)
    assert trial.loss == read_curve(Path(str(folder.run(run.name).path)) / "metrics.jsonl")[-1]["holdout/loss"]
    assert done_trial(folder, run) == trial
    monkeypatch.setattr("scaling.runs.trial.train", None)
    assert tried(run, folder) == trial
    # It has not been probed: as a run of a study it is not done.
    assert not folder.run(run.name).done


def test_one_that_diverges_has_ended_and_is_the_worst(folder: StudyFolder) -> None:
    run = tiny_run(learning_rate=1e30)
    trial = tried(run, folder)
    assert trial.holdout_loss is None
    assert trial.loss == math.inf
    assert "not finite at step" in trial.diverged
    assert done_trial(folder, run) == trial
