"""A search on Ray Tune: trials one after another in actors that stay, so that a trial does not pay for a process.

What is tried next and what came of it is ours (`runs.rate_search`, `runs.trial`): Tune hands trials out and restarts
nothing. A search that was killed goes on from the trials' own files, and of what Tune writes nothing is read again.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.search import Searcher

from scaling.cluster.connect import lane_count
from scaling.cluster.lanes import lines_from_outside, tables
from scaling.errors import in_one_line
from scaling.runs.folder import StudyFolder
from scaling.runs.rate_search import Asked, RateSearch
from scaling.runs.trial import Trial, done_trial, try_run
from scaling.storage.files import make_folder, on_disk
from scaling.study.resources import Resources
from scaling.study.run import run_from_json, run_to_json

Told = Callable[[Asked, Trial | None, str], None]
"""Called with what came of a trial: that, or None and why it could not be done."""


def search_rates(
    search: RateSearch, folder: StudyFolder, resources: Resources, begin: Callable[[Asked], None], told: Told
) -> int:
    """Try all rates that a search asks for; returns how many trials worked side by side.

    `begin` is called before a trial is handed out.
    """
    count, gpu = lane_count(resources, search.total)
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    inside = None
    if on_disk(folder.path):
        make_folder(inside := folder.path / ".ray")
    # Every node has to see it where there are several.
    scratch = tempfile.mkdtemp(prefix="search-", dir=inside)
    room = {"CPU": float(resources.threads), **({"GPU": 1.0} if gpu else {})}
    known = [lines_from_outside(table) for table in tables()]
    trainable = tune.with_parameters(_Trials, folder=folder, resources=resources, known=known)
    _SEARCHES[scratch] = _Open(search, folder, begin, told)
    try:
        tune.Tuner(
            tune.with_resources(trainable, room),
            tune_config=tune.TuneConfig(
                search_alg=_Asking(scratch),
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=count,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
    finally:
        del _SEARCHES[scratch]
        shutil.rmtree(scratch, ignore_errors=True)
    return count


@dataclass
class _Open:
    """A search that this process is at, and the trials that are out, by Tune's names for them."""

    search: RateSearch
    folder: StudyFolder
    begin: Callable[[Asked], None]
    told: Told
    out: dict[str, Asked] = field(default_factory=dict)

    def next(self, trial_id: str) -> Any:
        """What is tried next, after all that was tried before; None: it depends on what is out."""
        while True:
            asked = self.search.ask()
            if asked == "none":
                return Searcher.FINISHED
            if asked == "wait":
                return None
            known = done_trial(self.folder, asked.trial.run)
            if known is None:
                self.begin(asked)
                self.out[trial_id] = asked
                return {"run": run_to_json(asked.trial.run)}
            self.end(asked, known, "")

    def end(self, asked: Asked, trial: Trial | None, cause: str) -> None:
        """Note what came of a trial."""
        if trial is None:
            self.search.fail(asked, cause)
        else:
            self.search.tell(asked, trial.loss)
        self.told(asked, trial, cause)


_SEARCHES: dict[str, _Open] = {}
"""By their scratch folders: Tune pickles the searcher that it is given, which therefore holds no more than that."""


class _Asking(Searcher):
    """A `RateSearch` as Tune asks one."""

    def __init__(self, name: str) -> None:
        super().__init__(metric="loss", mode="min")
        self._name = name

    def suggest(self, trial_id: str) -> Any:
        return _SEARCHES[self._name].next(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        there = _SEARCHES[self._name]
        asked = there.out.pop(trial_id)
        trial = done_trial(there.folder, asked.trial.run)
        there.end(asked, trial, str((result or {}).get("cause", "its process died")))

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the trials' own files tell what was tried."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as of `save`."""


class _Trials(tune.Trainable):
    """An actor that does trial after trial, each in one step."""

    def setup(  # type: ignore[override]
        self, config: dict[str, Any], folder: StudyFolder, resources: Resources, known: list[dict[str, Any]]
    ) -> None:
        for table, lines in zip(tables(), known, strict=True):
            table.update(lines)
        torch.set_num_threads(resources.threads)
        self._folder, self._seconds = folder, resources.checkpoint_seconds
        self._device = torch.device("cuda" if ray.get_gpu_ids() else "cpu")
        self._run = config["run"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._run = new_config["run"]
        return True

    def step(self) -> dict[str, Any]:
        try:
            trial = try_run(
                run_from_json(self._run), self._folder, device=self._device, checkpoint_seconds=self._seconds
            )
        except Exception as error:
            # Told in a line; one that is lost must not take the others with it.
            return {"loss": float("inf"), "cause": in_one_line(error), "done": True}
        return {"loss": trial.loss, "done": True}
