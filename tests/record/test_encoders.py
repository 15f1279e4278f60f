"""An encoder from elsewhere in MLflow: once, however often it is scored."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from mlflow.tracking import MlflowClient
from tiny_study import score

from scaling.errors import StudyError
from scaling.record.encoders import EXPERIMENT, ScoredEncoder, check_recordable, record_encoder
from scaling.record.metrics import DOMAINS_TAG

SCORED = ScoredEncoder(
    name="whisper",
    key="abc",
    parameters={"probes": "logistic"},
    tags={"device": "cpu"},
    scores=[score("birds", "accuracy", 0.25)],
    size=123,
    rank_me=4.5,
    seconds={"logistic": 1.5},
    flops={"captioning": 2e9},
)


def test_an_encoder_is_one_run_however_often_it_is_recorded(tmp_path: Path) -> None:
    uri, artifacts = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts"
    predictions = tmp_path / "predictions.parquet"
    pl.DataFrame({"task": ["birds"]}).write_parquet(predictions)
    check_recordable(uri, artifacts)
    assert not list(tmp_path.glob("mlflow*"))

    first = record_encoder(uri, artifacts, SCORED, predictions)
    # It took another time, and is the same.
    assert record_encoder(uri, artifacts, replace(SCORED, seconds={"logistic": 9.0}), predictions) == first
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"encoder": "whisper"}
    assert run.data.metrics == {
        "birds/mean/accuracy": 0.25,
        "stderr/birds mean accuracy": 0.1,
        "n_test/birds mean accuracy": 25,
        "cost/seconds of probe logistic": 1.5,
        "cost/flops of probe captioning": 2e9,
        "parameters": 123,
        "rank_me": 4.5,
    }
    assert run.data.tags["probes"] == "logistic"
    assert run.data.tags[DOMAINS_TAG] == '{"birds": "environment"}'
    assert [file.path for file in client.list_artifacts(first)] == ["predictions.parquet"]
    assert run.info.status == "FINISHED"

    # Scored by more: the same run says more. Other weights or other clips: another one.
    more = replace(SCORED, parameters={"probes": "logistic,ridge"}, scores=[*SCORED.scores, score("r", "map", 0.5)])
    assert record_encoder(uri, artifacts, more, predictions) == first
    assert client.get_run(first).data.metrics["r/mean/map"] == 0.5
    assert client.get_run(first).data.tags["probes"] == "logistic,ridge"
    assert record_encoder(uri, artifacts, replace(SCORED, key="other"), predictions) != first
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_a_place_where_nothing_can_be_recorded_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("mine")
    with pytest.raises(StudyError, match=r"mlflow\.db is damaged"):
        check_recordable(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    with pytest.raises(StudyError, match="cannot be reached"):
        check_recordable("http://127.0.0.1:9", tmp_path)
