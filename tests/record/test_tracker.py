"""What a person finds on MLflow's page of a study, and that it reads back."""

import json
from pathlib import Path

import pytest
from tiny_study import finish, score, tiny_study

from scaling.record.metrics import VIEW
from scaling.record.tracker import Tracker
from scaling.runs.folder import StudyFolder

STUDY = tiny_study()
CELL = STUDY.cells[-1]


def test_the_page_tells_the_question_and_the_mean_score_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StudyFolder(tmp_path)
    scores = score("birds", "accuracy", 0.25), score("rooms", "accuracy", 0.75), score("sounds", "a2t_recall", 1.0)
    finish(folder.run(CELL.run.name), CELL, *scores)
    tracker = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "data-scale-smoke", STUDY.design(), "me", tmp_path / "art")
    run_id = tracker.begin(CELL, {})
    tracker.finish(CELL.run, folder.run(CELL.run.name))

    data = tracker.client.get_run(run_id).data
    assert data.metrics["accuracy"] == 0.5
    assert data.metrics["birds/mean/accuracy"] == 0.25
    # MLflow charts what shares all before the last slash together.
    beside = {key.rpartition("/")[0] for key in data.metrics if "stderr" in key or "n_test" in key}
    assert beside == {"stderr", "n_test"}

    tags = tracker.client.get_experiment(tracker.experiment_id).tags
    note = tags["mlflow.note.content"]
    assert note.splitlines()[0] == STUDY.question
    assert f"#/experiments/{tracker.experiment_id}/runs?viewStateShareKey={VIEW}" in note
    view = json.loads(json.loads(tags[f"mlflow.sharedViewState.{VIEW}"])["state"])
    held = {f"metrics.`{key}`" for key in data.metrics}
    held |= {f"params.`{key}`" for key in data.params} | {f"tags.`{key}`" for key in data.tags}
    assert set(view["selectedColumns"]) <= held
    first = ["tags.`arm`", "params.`seed`", "metrics.`clips`", "metrics.`accuracy`", "metrics.`birds/mean/accuracy`"]
    assert view["selectedColumns"][:5] == first

    # A driver that starts again knows what is recorded, and sends nothing of it.
    again = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "data-scale-smoke", STUDY.design(), "me", tmp_path / "art")
    again.check()
    monkeypatch.setattr(again, "_client", object())
    assert again.begin(CELL, {}) == run_id
    again.finish(CELL.run, folder.run(CELL.run.name))

    read = tracker.scores(STUDY, folder)
    assert read.select("task", "value", "stderr", "n_test").rows() == [
        ("birds", 0.25, 0.1, 25), ("rooms", 0.75, 0.1, 25), ("sounds", 1.0, 0.1, 25),
    ]  # fmt: skip
