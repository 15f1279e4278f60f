"""What dies on a cluster, really killed: on a head and two nodes of one CPU each, with the scores of an undisturbed
study."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import ray
from corpora import PART_CLIPS, TinyCorpus, lay_down, write
from ray.cluster_utils import Cluster
from started import RUNS, Started, check_equal, further, half_finished

from scaling.data.prepare import write_parts

WORKING_AGAIN = 60.0


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


def processes(name: str) -> list[psutil.Process]:
    """The actors of this class on the nodes that this test started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if f"ray::{name}" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def works_again(study: Started, before: dict[str, int]) -> None:
    """Wait until every run that was half-finished has come further."""
    began = time.monotonic()
    study.until(lambda: further(study, before))
    took = time.monotonic() - began
    print(f"working again after {took:.1f} s")
    assert took < WORKING_AGAIN, study.log.read_text()


def test_whatever_dies_no_number_changes(
    cluster: Cluster, undisturbed: Started, small_study: list[str], tmp_path: Path
):
    def start() -> Started:
        return Started(tmp_path / "study", *small_study, address=cluster.address)

    study = start()
    study.until(study.training)
    began = time.monotonic()
    os.killpg(study.process.pid, signal.SIGINT)
    assert study.ended() == 130, study.log.read_text()
    assert time.monotonic() - began < 20
    assert "start the same command again" in study.log.read_text()
    assert len(study.results()) < RUNS

    study = start()
    for victim in ("RayTrainWorker", "TrainController", "RunQueue"):
        study.until(study.training)
        before = half_finished(study)
        study.until(lambda name=victim: processes(name))[0].kill()
        works_again(study, before)
    study.until(study.training)
    before = half_finished(study)
    lose_a_node(cluster)
    cluster.add_node(num_cpus=1)
    works_again(study, before)
    study.until(study.training)
    os.kill(study.process.pid, signal.SIGKILL)
    study.process.wait()

    # At once, while the orphans of the killed driver still train.
    again = start()
    assert again.ended() == 0, again.log.read_text()
    check_equal(again, undisturbed)
