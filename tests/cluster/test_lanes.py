"""Studies on a head and two nodes of one CPU each, whatever dies there: with the numbers of an undisturbed study."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
import torch
from corpora import PART_CLIPS, TinyCorpus, lay_down, write
from ray.cluster_utils import Cluster
from started import RUNS, Started, actors, check_equal
from tiny import shared_pair

from scaling.cluster.lanes import Lanes, remove_leftovers
from scaling.cluster.writers import write_parts
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.study.resources import Resources
from scaling.study.run import Initialization, Run, with_fields
from scaling.training.attempt import Attempt


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that holds drivers and no lane, and two nodes."""
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": {"health_check_period_ms": 1000}}
    made = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def lose_a_node(cluster: Cluster) -> None:
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def pre_empt_a_node(cluster: Cluster) -> None:
    """What an autoscaler does on a spot instance's notice, and then the cloud."""
    node = next(iter(cluster.worker_nodes))
    ray_command = str(Path(sys.executable).with_name("ray"))
    drain = [ray_command, "drain-node", "--address", cluster.address, "--node-id", node.node_id]
    drain += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot instance"]
    subprocess.run([*drain, "--deadline-remaining-seconds", "4"], check=True, capture_output=True)
    time.sleep(4)
    cluster.remove_node(node, allow_graceful=False)


def test_preparation_spreads_over_the_nodes_and_outlives_one(
    cluster: Cluster, make_corpus: Callable[..., TinyCorpus], tmp_path: Path
):
    corpus = make_corpus(birds=400)
    store, alone = tmp_path / "store", tmp_path / "alone"
    description = lay_down(store, corpus)
    lay_down(alone, corpus)
    numbers = list(range(400 // PART_CLIPS))
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    try:
        written = write_parts(store, str(corpus.root), description, numbers)
        wrote_on: dict[str, set[int]] = {}
        for row in written:
            wrote_on.setdefault(row["node"], set()).add(row["part"])
            if len(wrote_on) == 2 and len(cluster.worker_nodes) == 2:
                lose_a_node(cluster)
        assert len(cluster.worker_nodes) == 1
        assert set.union(*wrote_on.values()) == set(numbers)
    finally:
        ray.shutdown()
        cluster.add_node(num_cpus=1)
    write(alone, corpus, description, *numbers)
    assert {path.name: path.read_bytes() for path in alone.glob("part-*")} == {
        path.name: path.read_bytes() for path in store.glob("part-*")
    }


def _performed(worker: int, run: Run, folder: StudyFolder) -> str:
    """One run as a group of two without Ray; what its weights are."""
    attempt = Attempt(folder.run(run.name).path, token="the group's", worker=worker)
    attempt.claim()
    result = perform(run, folder, attempt, device=torch.device("cpu"))
    return "" if result is None else result.cost.weights


def test_a_group_over_two_nodes_trains_what_two_processes_train_and_a_run_that_always_fails_is_left_out(
    cluster: Cluster, undisturbed: Started, tmp_path: Path
):
    begun = {folder.cell().run.name: folder.cell().run for folder in StudyFolder(undisturbed.out).begun()}
    child = next(run for run in begun.values() if run.initialization.parent)
    parent = begun[child.initialization.parent]
    run = with_fields(child, {"initialization": Initialization(), "optimization.steps": 10})
    nodes = StudyFolder(tmp_path / "nodes", undisturbed.out / "store")
    processes = StudyFolder(tmp_path / "processes", undisturbed.out / "store")
    # No checkpoint can be written where a file lies in the way.
    in_the_way = nodes.run(parent.name).path / "checkpoint"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    try:
        # Every node has one CPU: two workers are on two nodes.
        resources, scratch = Resources(group=2), tmp_path / "scratch" / "1"
        lanes = Lanes("group", [parent, child, run], {}, nodes, resources, scratch, pytest.fail)
        while lanes.alive:
            time.sleep(0.1)
        entries = {entry.run: entry for entry in lanes.entries()}
        lanes.close()
    finally:
        ray.shutdown()
    assert {entry.run: entry.state for entry in entries.values()} == {parent: "failed", child: "skipped", run: "done"}
    assert "NotADirectoryError" in entries[parent].cause
    assert entries[child].cause == f"it starts from {parent.name}, which failed"
    alone = shared_pair().call(_performed, run, processes)
    result = nodes.run(run.name).result()
    assert result.machine.workers == 2
    assert result.cost.weights == alone[0]
    assert result.scores == processes.run(run.name).result().scores


def test_a_worker_and_a_driver_that_are_killed_change_no_number(
    cluster: Cluster, undisturbed: Started, small_study: list[str], tmp_path: Path
):
    study = Started(tmp_path / "study", *small_study, address=cluster.address)
    study.until(study.training)
    study.until(lambda: actors("RayTrainWorker"))[0].kill()
    study.until(study.training)
    os.kill(study.process.pid, signal.SIGKILL)
    study.process.wait()
    # At once, while the orphans of the killed driver still train.
    again = Started(tmp_path / "study", *small_study, address=cluster.address)
    assert again.ended() == 0, again.log.read_text()
    check_equal(again, undisturbed)


@pytest.mark.long
def test_whatever_dies_no_number_changes(cluster: Cluster, small_study: list[str], tmp_path: Path):
    # Long enough that there is something to kill until the end.
    longer = [{"30": "400"}.get(word, word) for word in small_study]

    def start(name: str = "study") -> Started:
        return Started(tmp_path / name, *longer, address=cluster.address)

    undisturbed = start("undisturbed")
    assert undisturbed.ended() == 0, undisturbed.log.read_text()
    study = start()
    study.until(study.training)
    for victim in ("RayTrainWorker", "RunQueue"):
        study.until(lambda name=victim: actors(name))[0].kill()
    study.until(study.training)
    # Of both lanes: what they held must be given back, or nothing is ever trained again.
    for controller in study.until(lambda: actors("TrainController")):
        controller.kill()
    study.until(study.training)
    os.killpg(study.process.pid, signal.SIGINT)
    assert study.ended() == 130, study.log.read_text()
    assert "start the same command again" in study.log.read_text()
    assert len(study.results()) < RUNS

    study = start()
    study.until(study.training)
    pre_empt_a_node(cluster)
    cluster.add_node(num_cpus=1)
    study.until(study.training)
    os.kill(study.process.pid, signal.SIGKILL)
    study.process.wait()

    # At once, while the orphans of the killed driver still train.
    again = start()
    assert again.ended() == 0, again.log.read_text()
    check_equal(again, undisturbed)


def test_of_what_lies_among_ray_trains_files_only_those_are_removed(tmp_path: Path):
    scratch = tmp_path / ".ray"
    theirs = [
        scratch / "notes",
        scratch / "7" / "data-scale-smoke-lane-0" / "notes",
        scratch / "8" / "another-lane-0" / ".validate_storage_marker",
        scratch / "mine" / "data-scale-smoke-lane-0" / ".validate_storage_marker",
    ]
    ours = [scratch / start / f"data-scale-smoke-lane-{lane}" for start in ("7", "9") for lane in (0, 1)]
    for path in (*theirs, *(folder / ".validate_storage_marker" for folder in ours)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_leftovers(scratch, "data-scale-smoke")
    assert sorted(path for path in scratch.rglob("*") if path.is_file()) == sorted(theirs)
    assert sorted(path.name for path in scratch.iterdir()) == ["7", "8", "mine", "notes"]
    for path in theirs:
        path.unlink()
        for folder in path.relative_to(tmp_path).parents[:-2]:
            (tmp_path / folder).rmdir()
    remove_leftovers(scratch, "data-scale-smoke")
    assert not scratch.exists()
