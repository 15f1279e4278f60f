"""MLflow in and out: the record of a study, written by the driver alone.

A run of the study is one MLflow run, found again by its tag, so that a restarted study never makes a second
one. Metrics go by explicit run ids and in batches; there is no ambient active run.
"""

import logging
import os
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from scaling.errors import StudyError, without_secrets
from scaling.probes.options import PROBES
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
from scaling.record.outage import UnreachableError, reached
from scaling.record.place import check_database, database_of
from scaling.runs.folder import RunFolder, StudyFolder
from scaling.runs.result import BORN_PROBES
from scaling.storage.files import local_copy
from scaling.study.run import Run, run_to_json
from scaling.study.study import Cell, Study

STUDY_TAG = "scaling.study"
RUN_TAG = "scaling.run"
DONE_TAG = "scaling.done"
ENTRIES_A_BATCH = 1000


class Tracker:
    """One study's experiment at a tracking URI, described as `design` says (`Study.design`).

    `study_id` tells the runs of this study's folder from those of another one that is recorded at the same place;
    `about` makes of the question and the experiment's id what its page says above the runs.
    MLflow is asked when there is something to tell it; what keeps it from answering is raised then, as
    `UnreachableError`, inside `reached`.
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        design: Mapping[str, Any],
        study_id: str,
        artifacts: Path,
        about: Callable[[str, str], str] = description,
    ) -> None:
        self.experiment = experiment
        self.study_id = study_id
        self._uri, self._artifacts, self._question, self._about = uri, artifacts, design["question"], about
        self._axes = [axis["column"] for axis in design["axes"]]
        self._client: Any = None
        self.experiment_id = ""
        self._ids: dict[str, str] = {}
        self._done: dict[str, str] = {}
        self._forwarded: dict[str, int] = {}
        self._viewed = False

    @property
    def client(self) -> Any:
        """The client of MLflow, which knows the experiment and what was recorded of this study before."""
        if self._client is None:
            self._connect()
        return self._client

    def check(self) -> None:
        """Raise `StudyError` where nothing can be recorded at the URI."""
        database = database_of(self._uri)
        try:
            if database is not None:
                check_database(database)
            with reached():
                _ = self.client
        except UnreachableError as error:
            raise StudyError(
                f"the tracking URI cannot be reached ({without_secrets(self._uri)}: {error}): see that it answers, or "
                "give another with --tracking-uri"
            ) from None

    def _connect(self) -> None:
        database = database_of(self._uri)
        if database is not None:
            try:
                check_database(database)
            except StudyError as error:
                raise UnreachableError(str(error)) from None
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow.store.db import utils
            from mlflow.tracking import MlflowClient
        # A database that does not answer would be asked ten times in a minute and a half.
        utils.MAX_RETRY_COUNT = 3
        # What it cannot store it logs with a page of traceback, and raises as well.
        for name in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if database is not None and not database.exists():
            _make_database(database)
        client = MlflowClient(tracking_uri=self._uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            place = self._artifacts.as_uri() if database is not None else None
            self.experiment_id = client.create_experiment(self.experiment, artifact_location=place)
            note = self._about(self._question, self.experiment_id)
            client.set_experiment_tag(self.experiment_id, "mlflow.note.content", note)
        elif found.lifecycle_stage != "active":
            raise UnreachableError(
                f"the experiment {self.experiment} was deleted there: mlflow experiments restore "
                f"--experiment-id {found.experiment_id} brings it back"
            )
        else:
            self.experiment_id = found.experiment_id
        self._client = client
        known = list(self._mine())
        self._ids = {run.data.tags[RUN_TAG]: run.info.run_id for run in known}
        self._done = {run.data.tags[RUN_TAG]: run.data.tags[DONE_TAG] for run in known if DONE_TAG in run.data.tags}

    def _mine(self) -> Iterator[Any]:
        """The runs of this study that MLflow holds, with all that it holds of each: a request a page of them."""
        token: str | None = None
        client = self.client
        while True:
            mine = f"tags.`{STUDY_TAG}` = '{self.study_id}'"
            page = client.search_runs([self.experiment_id], mine, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def begin(self, cell: Cell, provenance: dict[str, str]) -> str:
        """The id of a run's MLflow run, made with all its parameters where there is none yet."""
        run, client = cell.run, self.client
        if run.name in self._ids:
            return self._ids[run.name]
        made = client.create_run(
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
        was done, and the run was not scored by more probes since."""
        from mlflow.entities import Metric, RunTag

        result = folder.result()
        mark = ",".join(name for name in PROBES if name in result.probed)
        # What a run was scored by was not always in the tag.
        if self._done.get(run.name) == mark or (self._done.get(run.name) == "yes" and mark == ",".join(BORN_PROBES)):
            return
        run_id = self._ids[run.name]
        # A driver may have died between making the MLflow run and describing it.
        self._log_parameters(run)
        self.forward(run, folder)
        stamp = int(folder.done_at * 1000)
        metrics = [Metric(key, value, stamp, run.steps) for key, value in recorded_metrics(result).items()]
        for first in range(0, len(metrics), ENTRIES_A_BATCH):
            self.client.log_batch(run_id, metrics=metrics[first : first + ENTRIES_A_BATCH])
        tags = recorded_tags(result)
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        with local_copy(folder.predictions) as predictions:
            self.client.log_artifact(run_id, str(predictions))
        self.client.log_dict(run_id, run_to_json(run), "run.json")
        self.client.set_terminated(run_id)
        # Last of all: a run without the tag is recorded again, and MLflow keeps one of two equal metrics.
        self.client.set_tag(run_id, DONE_TAG, mark)
        self._done[run.name] = mark
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


def _make_database(path: Path) -> None:
    """Make MLflow's tables, which takes seconds and hundreds of steps: a process that is killed meanwhile would leave a
    database that nobody can use or mend."""
    from mlflow.tracking import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        MlflowClient(tracking_uri=f"sqlite:///{temporary}").search_experiments(max_results=1)
        # Another study may have been faster.
        if not path.exists():
            temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
