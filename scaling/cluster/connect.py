"""The cluster that a study works on: connecting to it, what it has room for, and waiting until that is free."""

import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import ray
import ray.data
import ray.train
from ray._private import ray_constants

from scaling.errors import StudyError
from scaling.study.resources import Resources

WAIT_SECONDS = 0.5
WAITING_SECONDS = 30.0
ACCELERATOR = "accelerator_type:"
"""What Ray puts before a type where it lists what a node has."""


SETTINGS = {
    # A lane looks twice a second whether its group has ended, not every two seconds; ten times a second cost
    # training a twentieth of two cores.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    # A node's notice changes nothing for us: checkpoints are frequent anyway, and a lost node is made up for. Without
    # the watcher a lane is one process less.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray Data's actors and the lanes' controllers are more processes than a laptop has cores, and Ray warns of that.
    "RAY_worker_maximum_startup_concurrency": "8",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


def start_ray() -> None:
    """Connect to the cluster that `RAY_ADDRESS` names (a Ray job sets it), else start Ray on this machine.

    What Ray has to say goes to its own log files; the screen is the study's. Raises `StudyError` where this machine is
    too busy for Ray to start in the half minute that it gives itself.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    with _silent_stderr():
        if os.environ.get("RAY_ADDRESS"):
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        else:
            _keep_to_this_machine()
            try:
                ray.init(address="local", include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
            except Exception as error:
                # Ray has no class of its own for this.
                if "timed out during startup" not in str(error):
                    raise
                raise StudyError(
                    "Ray did not start within half a minute: this machine is busy; start the same command again"
                ) from None
    # These set their loggers up when they are imported, which is why that happens here.
    for name in ("ray", "ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _keep_to_this_machine() -> None:
    """What Ray opens on this machine listens on the loopback alone, and answers to this start's own processes.

    The variable is named for the systems where the first is Ray's default; an address that is given, Ray replaces. The
    second is its default for a cluster of its own, with a token that it would leave readable in the home.
    """
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    # This process has read it already.
    ray_constants.ENABLE_RAY_CLUSTER = False
    loopback = next(name for name, has in psutil.net_if_addrs().items() if "127.0.0.1" in {one.address for one in has})
    for talker in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{talker}_SOCKET_IFNAME", loopback)
    os.environ.pop("RAY_AUTH_MODE", None)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Ray's C++ core says on the bare file descriptor that it has been told to say nothing."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def living_nodes() -> list[dict[str, Any]]:
    """What Ray says of every node that is alive."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


def cluster_cpus() -> int:
    """The CPUs of all living nodes together."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(there.get("CPU", 1)))


def lane_count(resources: Resources, runs: int) -> tuple[int, bool]:
    """How many lanes the nodes have room for, at most one a run, and whether they train on GPUs.

    Raises `StudyError` where no node has room for a worker, or the cluster none for a lane.
    """
    nodes = [node["Resources"] for node in living_nodes()]
    if resources.accelerator:
        nodes = [node for node in nodes if f"{ACCELERATOR}{resources.accelerator}" in node]
    largest = {name: max((int(node.get(name, 0)) for node in nodes), default=0) for name in ("CPU", "GPU")}
    gpus = resources.gpus if resources.gpus is not None else min(largest["GPU"], 1)

    def workers(node: dict[str, float]) -> int:
        fit = int(node.get("CPU", 0)) // resources.threads
        return min(fit, int(node.get("GPU", 0)) // gpus) if gpus else fit

    places = sum(map(workers, nodes))
    worker = f"a worker with {resources.threads} CPU threads and {gpus} GPUs"
    if not nodes:
        names = sorted({name for node in living_nodes() for name in node["Resources"] if name.startswith(ACCELERATOR)})
        there = ", ".join(name.removeprefix(ACCELERATOR) for name in names)
        raise StudyError(
            f"no node has an accelerator of type {resources.accelerator}: there is {there or 'none'}; "
            "ask for another with --accelerator-type"
        )
    if not places:
        raise StudyError(
            f"no node has room for {worker}: the most that one has is {largest['CPU']} CPUs and {largest['GPU']} GPUs; "
            "ask for less with --threads or --gpus-per-worker"
        )
    if places < resources.group:
        raise StudyError(
            f"no room for a lane of {resources.group} workers: the cluster holds {places} times {worker}; "
            "ask for less with --group-workers"
        )
    rooms = places // resources.group
    return min(resources.lanes or rooms, rooms, max(runs, 1)), gpus > 0


def wait_for_room(resources: Resources, gpu: bool, say: Callable[[str], None]) -> None:
    """Return once a worker's resources are free in the cluster; until then say what is waited for."""
    wanted = {"CPU": float(resources.threads), **({"GPU": 1.0} if gpu else {})}
    said = -math.inf
    while True:
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        short = [name for name, count in wanted.items() if free.get(name, 0.0) < count]
        if not short:
            return
        if time.monotonic() - said > WAITING_SECONDS:
            said = time.monotonic()
            there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            which = " and ".join(
                f"{wanted[name]:g} {name} ({free.get(name, 0.0):g} of {there.get(name, 0.0):g} are free)"
                for name in short
            )
            say(f"waiting for {which}: something else holds the cluster")
        time.sleep(WAIT_SECONDS)
