"""Encoders from elsewhere in MLflow: one experiment, and in it a run for each encoder on each set of labelled clips."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scaling.errors import StudyError
from scaling.probes.score import Score
from scaling.record.metrics import REFERENCE_TAG, VIEW, probing_metrics, score_key, score_tags, scores_view
from scaling.record.outage import UnreachableError, reached
from scaling.record.place import check_database, database_of
from scaling.record.tracker import DONE_TAG, ENTRIES_A_BATCH, RUN_TAG, STUDY_TAG, Tracker
from scaling.storage.digest import bytes_digest
from scaling.storage.files import Location, local_copy

EXPERIMENT = "encoders from elsewhere"
QUESTION = "What is an encoder worth that no run of a study has made?"


@dataclass(frozen=True)
class ScoredEncoder:
    """What is recorded of an encoder.

    Attributes:
        name: by which a study draws it as a reference.
        key: a digest of the labelled clips and of the encoder with its weights: the same key is the same run.
        parameters: what it was scored with, by name.
        tags: where, and by what source.
        size: how many numbers it has learned.
        seconds, flops: what each probe took.
    """

    name: str
    key: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    scores: Sequence[Score]
    size: int
    rank_me: float
    seconds: Mapping[str, float]
    flops: Mapping[str, float]

    @property
    def mark(self) -> str:
        """A digest of what it was scored by and of its scores, but for the time that this took."""
        told = [dict(self.parameters), [asdict(score) for score in self.scores], self.rank_me]
        return bytes_digest(json.dumps(told, sort_keys=True).encode())


def check_recordable(uri: str, artifacts: Path) -> None:
    """Raise `StudyError` where no encoder can be recorded. Nothing is written in a database; a server is asked."""
    database = database_of(uri)
    if database is None:
        _tracker(uri, artifacts, "").check()
        return
    try:
        check_database(database)
    except UnreachableError as error:
        raise StudyError(f"{error}: wait for it, or record elsewhere with --tracking-uri") from None


def record_encoder(uri: str, artifacts: Path, scored: ScoredEncoder, predictions: Location) -> str:
    """Record an encoder's scores and return the id of its run. What is there already of the same key stays as it is, or
    where it says something else (scored by more probes) is gone over once more: it never becomes a second run.

    Raises `UnreachableError` where MLflow does not take it.
    """
    with reached():
        return _recorded(_tracker(uri, artifacts, scored.key), scored, predictions)


def _recorded(tracker: Tracker, scored: ScoredEncoder, predictions: Location) -> str:
    from mlflow.entities import Metric, Param, RunTag

    client = tracker.client
    there = client.search_runs([tracker.experiment_id], f"tags.`{STUDY_TAG}` = '{scored.key}'", max_results=1)
    if there and there[0].data.tags.get(DONE_TAG) == scored.mark:
        return str(there[0].info.run_id)
    own = {STUDY_TAG: scored.key, RUN_TAG: scored.name, REFERENCE_TAG: scored.name}
    made = there[0] if there else client.create_run(tracker.experiment_id, run_name=scored.name, tags=own)
    run_id, stamp = str(made.info.run_id), int(time.time() * 1000)
    # Parameters cannot be changed; a tag can, as what it is scored by does.
    client.log_batch(run_id, params=[Param("encoder", scored.name)])
    values = {score_key(score): score.value for score in scored.scores}
    values["parameters"] = scored.size
    values |= probing_metrics(scored.scores, scored.seconds, scored.rank_me, scored.flops)
    metrics = [Metric(key, value, stamp, 0) for key, value in values.items()]
    for first in range(0, len(metrics), ENTRIES_A_BATCH):
        client.log_batch(run_id, metrics=metrics[first : first + ENTRIES_A_BATCH])
    tags = {**scored.parameters, **scored.tags, **score_tags(scored.scores)}
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    with local_copy(predictions) as local:
        client.log_artifact(run_id, str(local))
    columns = {"params.`encoder`": 170, "metrics.`parameters`": 100}
    shown = scores_view(columns, scored.scores, "metrics.`parameters`", stamp)
    client.set_experiment_tag(tracker.experiment_id, f"mlflow.sharedViewState.{VIEW}", shown)
    client.set_terminated(run_id)
    client.set_tag(run_id, DONE_TAG, scored.mark)
    return run_id


def _tracker(uri: str, artifacts: Path, key: str) -> Tracker:
    return Tracker(uri, EXPERIMENT, {"question": QUESTION, "axes": []}, key, artifacts, _about)


def _about(question: str, experiment_id: str) -> str:
    """What the experiment's page says above its runs, in Markdown."""
    table = f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"
    return f"""{question}

[All scores in one table]({table}), one run an encoder. **task/pooling/metric**: one score, of the frozen encoder; its
standard error and number of test clips are under **stderr/** and **n_test/**; **cost/**: the time that probes took.
"""
