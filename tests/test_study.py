"""Whole studies: started as a user starts them, killed as clusters kill them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
from study_corpus import write_corpus

from scaling.files import read_json

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--preset", "smoke", "--clips", "16", "32", "--steps", "30"]
RUNS = 12
SECONDS = 200


class Started:
    """A study in a process group of its own, so that signals reach it as a terminal would send them."""

    def __init__(self, out: Path, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "studies" / "data_scale.py"), "--out", str(out), *arguments]
        self.out, self.log = out, out.parent / f"{out.name}.log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def ended(self) -> int:
        return self.process.wait(SECONDS)

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait for something; the study must still be running."""
        began = time.monotonic()
        while not (found := holds()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < SECONDS, self.log.read_text()
            time.sleep(0.02)
        return found

    def training(self) -> str | None:
        """A run that is being trained right now."""
        for curve in (self.out / "runs").glob("*/metrics.jsonl"):
            done = (curve.parent / "result.json").exists()
            if not done and 3 <= curve.read_text().count("\n") < 25:
                return curve.parent.name
        return None

    def lane_workers(self) -> list[psutil.Process]:
        """The processes in which Ray Train trains."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if "RayTrainWorker" in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def results(self) -> dict[str, Any]:
        return {path.parent.name: read_json(path) for path in (self.out / "runs").glob("*/result.json")}

    def scores(self) -> pl.DataFrame:
        return pl.read_parquet(self.out / "report" / "scores.parquet").drop("mlflow_run_id")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [*SMALL, *write_corpus(tmp_path_factory.mktemp("corpus"))]


@pytest.fixture(scope="module")
def undisturbed(corpus: list[str], tmp_path_factory: pytest.TempPathFactory) -> Started:
    study = Started(tmp_path_factory.mktemp("undisturbed") / "study", *corpus)
    assert study.ended() == 0, study.log.read_text()
    return study


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


def test_a_second_start_changes_nothing(undisturbed: Started, corpus: list[str]):
    def state() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in undisturbed.out.rglob("*") if path.is_file()}

    before, began = state(), time.monotonic()
    again = Started(undisturbed.out, *corpus)
    assert again.ended() == 0
    assert time.monotonic() - began < 30
    assert state() == before
    assert "nothing to do" in again.log.read_text()


def test_interrupted_and_killed_again_and_again_no_number_changes(
    undisturbed: Started, corpus: list[str], tmp_path: Path
):
    study = Started(tmp_path / "study", *corpus)
    study.until(study.training)
    began = time.monotonic()
    os.killpg(study.process.pid, signal.SIGINT)
    assert study.ended() == 130, study.log.read_text()
    assert time.monotonic() - began < 20
    assert "start the same command again" in study.log.read_text()
    assert len(study.results()) < RUNS

    killed = Started(tmp_path / "study", *corpus)
    killed.until(killed.training)
    killed.until(killed.lane_workers)[0].kill()
    # The lane comes back and goes on. Then the driver dies, and the same command follows at once, while the
    # orphans of the first still train.
    done = len(killed.results())
    killed.until(lambda: len(killed.results()) > done)
    killed.until(killed.training)
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()

    again = Started(tmp_path / "study", *corpus)
    assert again.ended() == 0, again.log.read_text()
    check_equal(again, undisturbed)
