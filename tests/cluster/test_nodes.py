"""What is checked on every node, on two nodes of which one really does not see a folder."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import ray._private.ray_constants as ray_constants
from object_store import ObjectStore
from ray.cluster_utils import Cluster

from scaling.cluster import nodes
from scaling.cluster.connect import lane_count, wait_for_room
from scaling.cluster.nodes import check_nodes
from scaling.errors import StudyError
from scaling.storage.files import names
from scaling.study.resources import Resources


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the second node has another filesystem on."""
    return tmp_path_factory.mktemp("hidden")


@pytest.fixture(scope="module")
def _two_nodes(hidden: Path) -> Iterator[None]:
    namespace = ["unshare", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("a node with a filesystem of its own needs the right to make a mount namespace (root)")
    # Another test of this process may have started a Ray that keeps to the loopback.
    os.environ.pop(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, None)
    ray_constants.ENABLE_RAY_CLUSTER = True
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray_command = Path(sys.executable).with_name("ray")
    script = (
        f'mount -t tmpfs none "{hidden}" && exec "{ray_command}" start --address={cluster.address} --num-cpus=1 '
        """--block --resources='{"accelerator_type:H100": 1}'"""
    )
    second = subprocess.Popen(
        [*namespace, "sh", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
        began = time.monotonic()
        while len([node for node in ray.nodes() if node["Alive"]]) < 2:
            assert second.poll() is None, "the second node did not start"
            assert time.monotonic() - began < 60
            time.sleep(0.2)
        yield
    finally:
        ray.shutdown()
        second.terminate()
        second.wait(30)
        cluster.shutdown()


@pytest.mark.usefixtures("_two_nodes")
def test_nodes_are_asked_before_work(hidden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert check_nodes([tmp_path]) == 2
    assert not list(tmp_path.iterdir())
    with pytest.raises(StudyError, match=f"does not see {hidden}: give a folder on a filesystem that all nodes share"):
        check_nodes([tmp_path, hidden])
    assert not list(hidden.iterdir())
    mine = nodes.versions()
    torch = re.escape(mine["torch"])
    monkeypatch.setattr(nodes, "versions", lambda: {**mine, "torch": "0.1"})
    with pytest.raises(StudyError, match=f"has torch {torch}, this one 0.1: every node must run the same"):
        check_nodes([tmp_path])


@pytest.mark.usefixtures("_two_nodes")
def test_a_node_without_credentials_is_named(object_store: ObjectStore):
    # The driver has them from its environment; the other node was started without.
    bucket = object_store.bucket()
    with pytest.raises(StudyError, match=r"node [\d.]+ cannot run this project \(.*NoCredentialsError") as refused:
        check_nodes([bucket / "study"])
    assert "\n" not in str(refused.value)
    assert names(bucket / "study") == []


@pytest.mark.usefixtures("_two_nodes")
def test_what_no_node_has_is_refused_and_what_is_busy_is_waited_for(tmp_path: Path):
    assert lane_count(Resources(), 5) == (2, False)
    assert lane_count(Resources(group=2), 5) == (1, False)
    with pytest.raises(StudyError, match=r"no node has room for a worker with 2 CPU threads .* is 1 CPUs and 0 GPUs"):
        lane_count(Resources(threads=2), 5)
    with pytest.raises(StudyError, match="no node has room for a worker with 1 CPU threads and 1 GPUs"):
        lane_count(Resources(gpus=1), 5)
    with pytest.raises(StudyError, match="no room for a lane of 3 workers: the cluster holds 2 times"):
        lane_count(Resources(group=3), 5)
    # Of the two nodes one has this accelerator.
    assert lane_count(Resources(accelerator="H100"), 5) == (1, False)
    with pytest.raises(StudyError, match="no node has an accelerator of type A100: there is H100; ask for another"):
        lane_count(Resources(accelerator="A100"), 5)

    def hold(release: str) -> None:
        while not Path(release).exists():
            time.sleep(0.05)

    said: list[str] = []
    held = [ray.remote(num_cpus=1)(hold).remote(str(tmp_path / "release")) for _ in range(2)]

    def say(text: str) -> None:
        said.append(text)
        (tmp_path / "release").touch()

    while ray.available_resources().get("CPU", 0.0) > 0:
        time.sleep(0.05)
    wait_for_room(Resources(), False, say)
    assert said == ["waiting for 1 CPU (0 of 2 are free): something else holds the cluster"]
    ray.get(held)
