"""A study started as a user starts it, in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from scaling.data.store import read_parquet
from scaling.files import Location, names, read_json

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--preset", "smoke", "--clips", "16", "32", "--steps", "30"]
RUNS = 12
SECONDS = 200


class Started:
    """A study in a process group of its own, so that signals reach it as a terminal would send them."""

    def __init__(self, out: Location, *arguments: str, log: Path | None = None) -> None:
        command = [sys.executable, str(ROOT / "studies" / "data_scale.py"), "--out", str(out), *arguments]
        self.out, self.log = out, log or Path(out.parent / f"{out.name}.log")
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
        for curve in (Path(self.out) / "runs").glob("*/metrics.jsonl"):
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
        results = {name: self.out / "runs" / name / "result.json" for name in names(self.out / "runs")}
        return {name: read_json(path) for name, path in results.items() if path.exists()}

    def scores(self) -> pl.DataFrame:
        return read_parquet(self.out / "report" / "scores.parquet").drop("mlflow_run_id")
