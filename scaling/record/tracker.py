"""MLflow in and out: the record of a study, written by the driver alone.

A run of the study is one MLflow run, found again by its tag, so that a restarted study never makes a second
one. Metrics go by explicit run ids and in batches; there is no ambient active run.
"""

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from scaling.errors import StudyError
from scaling.record.metrics import (
    VIEW,
    Record,
    description,
    level_tags,
    parameters,
    recorded_metrics,
    recorded_tags,
    scores_table,
    view,
)
from scaling.runs.folder import RunFolder, StudyFolder
from scaling.storage.files import Location, local_copy, on_disk
from scaling.study.run import Run, run_to_json
from scaling.study.study import Cell, Study

STUDY_TAG = "scaling.study"
RUN_TAG = "scaling.run"
DONE_TAG = "scaling.done"
ENTRIES_A_BATCH = 1000
UNREACHABLE = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")
"""What MLflow's client says of a server that does not answer, or that fails."""


def tracking_places(uri: str | None, folder: Location) -> tuple[str, Path]:
    """Where a study in `folder` is recorded, and where the artifacts go if that is SQLite.

    Raises `StudyError` where there is no such place: SQLite needs a filesystem.
    """
    if on_disk(folder):
        return uri or f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts"
    if not uri:
        raise StudyError(
            f"{folder} is in an object store, where MLflow's SQLite cannot live: name a tracking server with "
            "--tracking-uri, or sqlite:////path/mlflow.db on this machine"
        )
    return uri, Path(uri.removeprefix("sqlite:///")).resolve().with_name("mlartifacts")


class Tracker:
    """One study's experiment at a tracking URI, described as `design` says (`Study.design`).

    `study_id` tells the runs of this study's folder from those of another one that is recorded at the same place.
    Raises `StudyError` where the URI cannot be reached.
    """

    def __init__(self, uri: str, experiment: str, design: Mapping[str, Any], study_id: str, artifacts: Path) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        # What it cannot store it logs with a page of traceback, and raises as well.
        for name in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.experiment = experiment
        self._axes = [axis["column"] for axis in design["axes"]]
        self.study_id = study_id
        try:
            self.client = MlflowClient(tracking_uri=uri)
            found = self.client.get_experiment_by_name(self.experiment)
            if found is None:
                place = artifacts.as_uri() if uri.startswith("sqlite:") else None
                self.experiment_id = self.client.create_experiment(self.experiment, artifact_location=place)
                note = description(design["question"], self.experiment_id)
                self.client.set_experiment_tag(self.experiment_id, "mlflow.note.content", note)
            else:
                self.experiment_id = found.experiment_id
        except (MlflowException, OSError) as error:
            raise StudyError(f"the tracking URI cannot be reached: {str(error).splitlines()[0][:200]}") from error
        known = list(self._mine())
        self._ids: dict[str, str] = {run.data.tags[RUN_TAG]: run.info.run_id for run in known}
        self._done = {run.data.tags[RUN_TAG] for run in known if DONE_TAG in run.data.tags}
        self._forwarded: dict[str, int] = {}
        self._viewed = False

    def _mine(self) -> Iterator[Any]:
        """The runs of this study that MLflow holds, with all that it holds of each: a request a page of them."""
        token: str | None = None
        while True:
            mine = f"tags.`{STUDY_TAG}` = '{self.study_id}'"
            page = self.client.search_runs([self.experiment_id], mine, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def begin(self, cell: Cell, provenance: dict[str, str]) -> str:
        """The id of a run's MLflow run, made with all its parameters where there is none yet."""
        run = cell.run
        if run.name in self._ids:
            return self._ids[run.name]
        made = self.client.create_run(
            self.experiment_id,
            run_name=run.name,
            tags={**level_tags(cell), **provenance, STUDY_TAG: self.study_id, RUN_TAG: run.name},
        )
        self._ids[run.name] = made.info.run_id
        self._log_parameters(run)
        return self._ids[run.name]

    def _log_parameters(self, run: Run) -> None:
        from mlflow.entities import Param

        self.client.log_batch(self._ids[run.name], params=[Param(key, value) for key, value in parameters(run).items()])

    def forward(self, run: Run, folder: RunFolder) -> None:
        """Send what a run has logged since the last call; a step is sent once, also by a driver that was
        restarted."""
        from mlflow.entities import Metric

        run_id = self._ids[run.name]
        if run.name not in self._forwarded:
            sent = self.client.get_metric_history(run_id, "train/loss")
            self._forwarded[run.name] = max((metric.step for metric in sent), default=0)
        rows = [row for row in folder.curve() if row["step"] > self._forwarded[run.name]]
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

    def finish(self, run: Run, folder: RunFolder) -> None:
        """Record a finished run: learning curve, scores with standard errors, cost. Does nothing where that
        was done."""
        from mlflow.entities import Metric, RunTag

        if run.name in self._done:
            return
        run_id = self._ids[run.name]
        # A driver may have died between making the MLflow run and describing it.
        self._log_parameters(run)
        self.forward(run, folder)
        result, stamp = folder.result(), int(folder.done_at * 1000)
        metrics = [Metric(key, value, stamp, run.steps) for key, value in recorded_metrics(result).items()]
        for first in range(0, len(metrics), ENTRIES_A_BATCH):
            self.client.log_batch(run_id, metrics=metrics[first : first + ENTRIES_A_BATCH])
        tags = recorded_tags(result)
        # The tag comes last: a run without it is recorded again, and MLflow keeps one of two equal metrics.
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        with local_copy(folder.predictions) as predictions:
            self.client.log_artifact(run_id, str(predictions))
        self.client.log_dict(run_id, run_to_json(run), "run.json")
        self.client.set_tag(run_id, DONE_TAG, "yes")
        self.client.set_terminated(run_id)
        self._done.add(run.name)
        if not self._viewed and result.scores:
            self._viewed = True
            self.client.set_experiment_tag(
                self.experiment_id, f"mlflow.sharedViewState.{VIEW}", view(result, self._axes, stamp)
            )

    def fail(self, run: Run, cause: str) -> None:
        """Record that a run failed, and why."""
        if run.name in self._ids:
            self.client.set_tag(self._ids[run.name], "cause", cause)
            self.client.set_terminated(self._ids[run.name], "FAILED")

    def scores(self, study: Study, folder: StudyFolder) -> pl.DataFrame:
        """All scores that MLflow holds of this study, one row each (`scores_table`).

        A run that is done in `folder` and not recorded yet is read from its result.
        """
        records: list[Record] = []
        with suppress(UnreachableError), reached():
            for run in self._mine():
                data = run.data
                if data.tags.get(DONE_TAG):
                    records.append((data.tags[RUN_TAG], run.info.run_id, data.params, data.metrics, data.tags))
        held = {name for name, *_ in records}
        cells = {cell.run.name: cell for cell in study.cells if cell.run.name not in held}
        for name, result in folder.results(cell.run for cell in cells.values()).items():
            tags = {**recorded_tags(result), **level_tags(cells[name])}
            records.append((name, "", parameters(result.run), recorded_metrics(result), tags))
        return scores_table(study, records)


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
        # SQLAlchemy names the cause in its second line, requests at the end of a long one.
        said = " ".join(str(error).splitlines()[:2])
        raise UnreachableError(said if len(said) < 200 else f"... {said[-200:].partition(' ')[2]}") from error


def shown(uri: str) -> str:
    """A tracking URI without the user and password that may stand in it."""
    return re.sub(r"^([\w+.-]+://)[^/]*@", r"\1...@", uri)
