"""Whole studies: started as a user starts them, killed as clusters kill them."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from started import RUNS, Started


def mlflow_runs(out: Path) -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("data-scale-smoke")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def check_equal(study: Started, other: Started) -> None:
    """The same runs to the same bits, each done once and recorded once."""
    mine, theirs = study.results(), other.results()
    assert mine.keys() == theirs.keys()
    for name, result in mine.items():
        assert result["cost"].get("weights") == theirs[name]["cost"].get("weights"), name
        assert result["scores"] == theirs[name]["scores"], name
    assert study.scores().equals(other.scores())
    recorded = mlflow_runs(study.out)
    assert sorted(run.data.tags["scaling.run"] for run in recorded) == sorted(mine)
    assert {run.info.status for run in recorded} == {"FINISHED"}


def test_a_study_leaves_its_record_and_its_report(undisturbed: Started):
    results = undisturbed.results()
    assert len(results) == RUNS
    assert {r["clips"] for r in results.values() if r["run"]["objective"] in ("contrastive", "captioning")} == {16, 32}
    scores = undisturbed.scores()
    assert not scores["excluded"].any()
    assert scores["run"].n_unique() == RUNS
    for run in mlflow_runs(undisturbed.out):
        result = results[run.data.tags["scaling.run"]]
        for score in result["scores"]:
            key = f"{score['task']}/{score['pooling']}/{score['metric']}"
            assert run.data.metrics[key] == score["value"]
            assert run.data.metrics[f"{key}/stderr"] == score["stderr"]
        assert run.data.params["objective"] == result["run"]["objective"]
        assert run.data.tags["source_hash"] == result["source_hash"]
    for file in ("report.html", "report.md", "curves.parquet", "claims.json"):
        assert (undisturbed.out / "report" / file).stat().st_size > 0
    assert not list(undisturbed.out.rglob("*.tmp"))
    assert not (undisturbed.out / ".ray").exists()
    text = undisturbed.log.read_text()
    assert "report.html" in text
    assert "mlflow ui" in text
    for noise in ("Warning", "WARNING", "INFO", "Traceback", "raylet"):
        assert noise not in text, text


def test_a_second_start_changes_nothing(undisturbed: Started, small_study: list[str]):
    def state() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in undisturbed.out.rglob("*") if path.is_file()}

    before, began = state(), time.monotonic()
    again = Started(undisturbed.out, *small_study)
    assert again.ended() == 0
    assert time.monotonic() - began < 30
    assert state() == before
    assert "nothing to do" in again.log.read_text()


def test_interrupted_and_killed_again_and_again_no_number_changes(
    undisturbed: Started, small_study: list[str], tmp_path: Path
):
    study = Started(tmp_path / "study", *small_study)
    study.until(study.training)
    began = time.monotonic()
    os.killpg(study.process.pid, signal.SIGINT)
    assert study.ended() == 130, study.log.read_text()
    assert time.monotonic() - began < 20
    assert "start the same command again" in study.log.read_text()
    assert len(study.results()) < RUNS

    killed = Started(tmp_path / "study", *small_study)
    killed.until(killed.training)
    killed.until(killed.lane_workers)[0].kill()
    # The lane comes back and goes on. Then the driver dies, and the same command follows at once, while the
    # orphans of the first still train.
    done = len(killed.results())
    killed.until(lambda: len(killed.results()) > done)
    killed.until(killed.training)
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()

    again = Started(tmp_path / "study", *small_study)
    assert again.ended() == 0, again.log.read_text()
    check_equal(again, undisturbed)
