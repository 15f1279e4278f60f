"""Whole studies, started as a user starts them, each in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from scaling.storage.files import Location, names, read_json
from scaling.storage.tables import read_parquet

ROOT = Path(__file__).resolve().parents[1]
DATA_SCALE = ROOT / "studies" / "data_scale.py"
SMALL = ["--preset", "smoke", "--clips", "16", "32", "--steps", "30"]
RUNS = 12
SECONDS = 400


class Started:
    """A study in a process group of its own, so that signals reach it as a terminal would send them.

    It starts Ray itself, or works on the cluster at `address`.
    """

    def __init__(
        self, out: Location, *arguments: str, log: Path | None = None, address: str = "", script: Path = DATA_SCALE
    ) -> None:
        command = [sys.executable, str(script), "--out", str(out), *arguments]
        self.out, self.log = out, log or Path(out.parent / f"{out.name}.log")
        self._rows: dict[str, int] | None = None
        environment = {**os.environ, **({"RAY_ADDRESS": address} if address else {})}
        with self.log.open("a") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, env=environment
            )

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
        """A run that has logged steps since this was asked last, and has most of them still to do.

        What a killed start has left half-done does not count until it is trained on.
        """
        before, self._rows = self._rows, {}
        for curve in (Path(self.out) / "runs").glob("*/metrics.jsonl"):
            if not (curve.parent / "result.json").exists():
                self._rows[curve.parent.name] = curve.read_text().count("\n")
        if before is None:
            return None
        return next((name for name, rows in self._rows.items() if 3 <= rows < 25 and rows > before.get(name, 0)), None)

    def results(self) -> dict[str, Any]:
        results = {name: self.out / "runs" / name / "result.json" for name in names(self.out / "runs")}
        return {name: read_json(path) for name, path in results.items() if path.exists()}

    def scores(self) -> pl.DataFrame:
        return read_parquet(self.out / "report" / "scores.parquet").drop("mlflow_run_id")


def half_finished(study: Started) -> dict[str, int]:
    """The runs that have logged steps and are not done, with how many."""
    done = study.results()
    curves = (Path(study.out) / "runs").glob("*/metrics.jsonl")
    steps = {curve.parent.name: curve.read_text().count("\n") for curve in curves if curve.parent.name not in done}
    return {name: count for name, count in steps.items() if count}


def mlflow_runs(out: Location) -> list[Any]:
    """The MLflow runs of a study that is recorded in its own folder."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    [experiment] = client.search_experiments(filter_string="name LIKE 'data-scale-%'")
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


def actors(name: str) -> list[psutil.Process]:
    """The processes of the actors of a class, on the nodes that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if f"ray::{name}" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
