"""What a person finds on MLflow's page of a study, and that it reads back."""

import json
from pathlib import Path
from typing import Any

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


class Dying:
    """A client whose driver is killed instead of the last of so many calls."""

    def __init__(self, client: Any, calls: int) -> None:
        self.client, self.left = client, calls

    def __getattr__(self, name: str) -> Any:
        self.left -= 1
        if self.left < 0:
            raise SystemExit
        return getattr(self.client, name)


def test_a_driver_that_dies_at_any_call_leaves_what_the_next_one_records_whole(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    finish(folder.run(CELL.run.name), CELL, score("birds", "accuracy", 0.25))

    def tracker(calls: int) -> Tracker:
        made = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", f"after {calls}", STUDY.design(), "me", tmp_path / "art")
        made.check()
        return made

    def record(tracker: Tracker) -> None:
        tracker.begin(CELL, {})
        tracker.finish(CELL.run, folder.run(CELL.run.name))

    whole, calls = tracker(-1), 0
    record(whole)
    [expected] = whole._mine()
    while True:
        first = tracker(calls)
        first._client = Dying(first.client, calls)
        try:
            record(first)
        except SystemExit:
            pass
        else:
            break
        record(second := tracker(calls))
        [found] = second._mine()
        assert found.info.status == "FINISHED"
        assert (found.data.metrics, found.data.params) == (expected.data.metrics, expected.data.params)
        assert found.data.tags == expected.data.tags
        calls += 1
    assert calls > 8
