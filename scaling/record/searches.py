"""A search in MLflow: one run for the search, and its trials nested under it."""

import time
from typing import Any

from scaling.record.outage import UnreachableError, reached
from scaling.record.tracker import DONE_TAG, Tracker
from scaling.runs.folder import StudyFolder
from scaling.runs.trial import Trial
from scaling.study.study import Cell

SEARCH_TAG = "scaling.search"
PARENT_TAG = "mlflow.parentRunId"
"""By which MLflow shows a run under another one."""


class SearchRecord:
    """Records the trials of one search; what MLflow cannot be told now is told with `settle`."""

    def __init__(self, tracker: Tracker, folder: StudyFolder, source: str) -> None:
        self._tracker, self._folder, self._source = tracker, folder, source
        self._parent = ""
        self._trials: dict[str, tuple[Cell, Trial]] = {}

    def ended(self, cell: Cell, trial: Trial) -> None:
        """Note a trial that has ended."""
        self._trials[cell.run.name] = cell, trial

    def settle(self, rates: str) -> bool:
        """Record what was noted, and the file of rates if there is one; whether MLflow took it all."""
        try:
            with reached():
                for cell, trial in self._trials.values():
                    self._record(cell, trial)
                if rates:
                    self._tracker.client.log_text(self._search(), rates, "rates.json")
                self._tracker.client.set_terminated(self._search())
        except UnreachableError:
            return False
        return True

    def _search(self) -> str:
        """The id of the search's run, made where there is none yet."""
        if not self._parent:
            client, tracker = self._tracker.client, self._tracker
            mine = f"tags.`{SEARCH_TAG}` = '{tracker.study_id}'"
            there = client.search_runs([tracker.experiment_id], mine, max_results=1)
            tags = {SEARCH_TAG: tracker.study_id, "started_by": self._source}
            name = f"search {time.strftime('%Y-%m-%d %H:%M')}"
            made = there[0] if there else client.create_run(tracker.experiment_id, run_name=name, tags=tags)
            self._parent = str(made.info.run_id)
        return self._parent

    def _record(self, cell: Cell, trial: Trial) -> None:
        """A trial whole, once; one that diverged has ended well, and says where it diverged."""
        tags: dict[str, Any] = {PARENT_TAG: self._search(), "started_by": self._source, "diverged": trial.diverged}
        client, run_id = self._tracker.client, self._tracker.begin(cell, tags)
        if DONE_TAG in client.get_run(run_id).data.tags:
            return
        self._tracker.forward(cell.run, self._folder.run(cell.run.name))
        if trial.holdout_loss is not None:
            client.log_metric(run_id, "holdout_loss", trial.holdout_loss)
        client.set_terminated(run_id)
        client.set_tag(run_id, DONE_TAG, "trial")
