"""MLflow in and out: the record of a study, written by the driver alone.

A run of the study is one MLflow run, found again by its tag, so that a restarted study never makes a second
one. Metrics go by explicit run ids and in batches; there is no ambient active run.
"""

import dataclasses
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from scaling.errors import StudyError
from scaling.files import read_json
from scaling.study import Run, Study, run_from_json
from scaling.training.curve import FILE, read_curve

STUDY_TAG = "scaling.study"
RUN_TAG = "scaling.run"
DONE_TAG = "scaling.done"
DOMAINS_TAG = "scaling.domains"
ENTRIES_A_BATCH = 1000
UNREACHABLE = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")
"""What MLflow's client says of a server that does not answer, or that fails."""

SCORES = {
    "study": pl.String,
    "run": pl.String,
    "objective": pl.String,
    "encoder": pl.String,
    "audio_init": pl.String,
    "text_init": pl.String,
    "sources": pl.String,
    "protocol": pl.String,
    "clips": pl.Int64,
    "captions": pl.Int64,
    "hours": pl.Float64,
    "samples_seen": pl.Int64,
    "epochs": pl.Float64,
    "seed": pl.Int64,
    "task": pl.String,
    "domain": pl.String,
    "pooling": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "stderr": pl.Float64,
    "n_test": pl.Int64,
    "excluded": pl.Boolean,
    "reason": pl.String,
    "mlflow_run_id": pl.String,
}


class Tracker:
    """One study's experiment at a tracking URI.

    `study_id` tells the runs of this study's folder from those of another one that is recorded at the same place.
    Raises `StudyError` where the URI cannot be reached.
    """

    def __init__(self, uri: str, study: Study, study_id: str, artifacts: Path) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        for name in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.experiment = f"{study.name}-{study.preset}"
        self.study_id = study_id
        try:
            self.client = MlflowClient(tracking_uri=uri)
            found = self.client.get_experiment_by_name(self.experiment)
            if found is None:
                place = artifacts.as_uri() if uri.startswith("sqlite:") else None
                self.experiment_id = self.client.create_experiment(self.experiment, artifact_location=place)
                self.client.set_experiment_tag(self.experiment_id, "mlflow.note.content", study.question)
            else:
                self.experiment_id = found.experiment_id
        except (MlflowException, OSError) as error:
            raise StudyError(f"the tracking URI cannot be reached: {str(error).splitlines()[0][:200]}") from error
        self._ids = self._known_runs()
        self._forwarded: dict[str, int] = {}

    def _known_runs(self) -> dict[str, str]:
        known: dict[str, str] = {}
        token: str | None = None
        while True:
            mine = f"tags.`{STUDY_TAG}` = '{self.study_id}'"
            page = self.client.search_runs([self.experiment_id], mine, max_results=1000, page_token=token)
            known |= {run.data.tags[RUN_TAG]: run.info.run_id for run in page}
            token = page.token
            if not token:
                return known

    def begin(self, run: Run, provenance: dict[str, str]) -> str:
        """The id of a run's MLflow run, made with all its parameters where there is none yet."""
        if run.name in self._ids:
            return self._ids[run.name]
        made = self.client.create_run(
            self.experiment_id,
            run_name=run.name,
            tags={STUDY_TAG: self.study_id, RUN_TAG: run.name, "arm": run.arm, **provenance},
        )
        self._ids[run.name] = made.info.run_id
        self._log_parameters(run)
        return self._ids[run.name]

    def _log_parameters(self, run: Run) -> None:
        from mlflow.entities import Param

        self.client.log_batch(self._ids[run.name], params=[Param(key, value) for key, value in flat(run).items()])

    def forward(self, run: Run, folder: Path) -> None:
        """Send what a run has logged since the last call; a step is sent once, also by a driver that was
        restarted."""
        from mlflow.entities import Metric

        run_id = self._ids[run.name]
        if run.name not in self._forwarded:
            sent = self.client.get_metric_history(run_id, "train/loss")
            self._forwarded[run.name] = max((metric.step for metric in sent), default=0)
        rows = [row for row in read_curve(folder / FILE) if row["step"] > self._forwarded[run.name]]
        metrics = [
            Metric(key, value, int(row["time"]), int(row["step"]))
            for row in rows
            for key, value in row.items()
            if key not in ("step", "time")
        ]
        for first in range(0, len(metrics), ENTRIES_A_BATCH):
            self.client.log_batch(run_id, metrics=metrics[first : first + ENTRIES_A_BATCH])
        if rows:
            self._forwarded[run.name] = int(rows[-1]["step"])

    def finish(self, run: Run, folder: Path) -> None:
        """Record a finished run: learning curve, scores with standard errors, cost. Does nothing where that
        was done."""
        from mlflow.entities import Metric, RunTag

        run_id = self._ids[run.name]
        if self.client.get_run(run_id).data.tags.get(DONE_TAG):
            return
        # A driver may have died between making the MLflow run and describing it.
        self._log_parameters(run)
        self.forward(run, folder)
        path = folder / "result.json"
        result, stamp = read_json(path), int(path.stat().st_mtime * 1000)
        metrics = [Metric(key, value, stamp, run.steps) for key, value in recorded_metrics(result).items()]
        for first in range(0, len(metrics), ENTRIES_A_BATCH):
            self.client.log_batch(run_id, metrics=metrics[first : first + ENTRIES_A_BATCH])
        tags = recorded_tags(result)
        # The tag comes last: a run without it is recorded again, and MLflow keeps one of two equal metrics.
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        self.client.log_artifact(run_id, str(folder / "predictions.parquet"))
        self.client.log_dict(run_id, dataclasses.asdict(run), "run.json")
        self.client.set_tag(run_id, DONE_TAG, "yes")
        self.client.set_terminated(run_id)

    def fail(self, run: Run, cause: str) -> None:
        """Record that a run failed, and why."""
        if run.name in self._ids:
            self.client.set_tag(self._ids[run.name], "cause", cause)
            self.client.set_terminated(self._ids[run.name], "FAILED")

    def scores(self, study: Study, runs: Path) -> pl.DataFrame:
        """All scores that MLflow holds of this experiment, one row each (`SCORES`).

        Scores of runs that this study's grid does not contain are marked as excluded. A run that is done in `runs`
        and not recorded yet is read from its result.
        """
        wanted = {run.name for run in study.runs}
        rows: list[dict[str, Any]] = []
        held: set[str] = set()
        with suppress(UnreachableError), reached():
            for name, run_id in sorted(self._ids.items()):
                data = self.client.get_run(run_id).data
                if data.tags.get(DONE_TAG):
                    held.add(name)
                    rows.extend(_rows(study, name, run_id, data.params, data.metrics, data.tags, name in wanted))
        for run in study.runs:
            path = runs / run.name / "result.json"
            if run.name not in held and path.exists():
                result = read_json(path)
                metrics, tags = recorded_metrics(result), recorded_tags(result)
                rows.extend(_rows(study, run.name, "", flat(run), metrics, tags, True))
        return pl.DataFrame(rows, schema=SCORES).sort("run", "task", "pooling", "metric")


class UnreachableError(Exception):
    """MLflow does not answer; everything that it should hold lies in the runs' folders."""


@contextmanager
def reached() -> Iterator[None]:
    """Raise `UnreachableError` where MLflow does not answer; what it refuses is raised as it is."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in UNREACHABLE:
            raise
        raise UnreachableError(str(error).splitlines()[0][:200]) from error


def recorded_metrics(result: dict[str, Any]) -> dict[str, float]:
    """What MLflow holds of a finished run beside its learning curve."""
    values: dict[str, float] = {f"cost/{key}": value for key, value in numbers(result["cost"]).items()}
    values |= {key: result[key] for key in ("clips", "captions", "hours")}
    for score in result["scores"]:
        key = "/".join((score["task"], score["pooling"], score["metric"]))
        values |= {key: score["value"], f"{key}/stderr": score["stderr"], f"{key}/n_test": score["n_test"]}
    return values


def recorded_tags(result: dict[str, Any]) -> dict[str, str]:
    """What MLflow holds of where a run was done, and by what source."""
    domains = {score["task"]: score["domain"] for score in result["scores"]}
    tags = {
        "store": result["store"],
        "weights": result["cost"].get("weights", ""),
        **result["machine"],
        "source_hash": result["source_hash"],
        "commit": result["commit"],
        DOMAINS_TAG: json.dumps(domains),
    }
    return {key: str(value) for key, value in tags.items()}


def _rows(
    study: Study,
    name: str,
    run_id: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    wanted: bool,
) -> list[dict[str, Any]]:
    domains = json.loads(tags[DOMAINS_TAG])
    common = {
        "study": study.name,
        "run": name,
        **{key: params[key] for key in ("objective", "encoder", "audio_init", "text_init", "protocol")},
        "sources": params["sources"] or "all",
        "clips": int(metrics["clips"]),
        "captions": int(metrics["captions"]),
        "hours": metrics["hours"],
        "samples_seen": int(metrics["cost/samples_seen"]),
        "epochs": metrics["cost/epochs"],
        "seed": int(params["seed"]),
        "excluded": not wanted,
        "reason": "" if wanted else "not in the grid of the command that made this report",
        "mlflow_run_id": run_id,
    }
    scored = [key for key in metrics if key.count("/") == 2 and key.split("/")[0] in domains]
    rows = []
    for key in scored:
        task, pooling, metric = key.split("/")
        numbers = {
            "value": metrics[key],
            "stderr": metrics[f"{key}/stderr"],
            "n_test": int(metrics[f"{key}/n_test"]),
        }
        rows.append({**common, "task": task, "domain": domains[task], "pooling": pooling, "metric": metric, **numbers})
    return rows


def flat(run: Run) -> dict[str, str]:
    """A run's fields as MLflow parameters: nested ones joined by a dot, tuples by commas."""
    fields: dict[str, str] = {}
    for key, value in dataclasses.asdict(run).items():
        if isinstance(value, dict):
            fields |= {f"{key}.{inner}": str(number) for inner, number in value.items()}
        else:
            fields[key] = ",".join(value) if isinstance(value, (tuple, list)) else str(value)
    return fields


def numbers(cost: dict[str, Any]) -> dict[str, float]:
    """The numeric part of a run's cost."""
    return {key: float(value) for key, value in cost.items() if isinstance(value, (int, float))}


def finished_run(folder: Path) -> Run | None:
    """The run whose result lies in a folder, if it is finished."""
    path = folder / "result.json"
    return run_from_json(read_json(path)["run"]) if path.exists() else None
