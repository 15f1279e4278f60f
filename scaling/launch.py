"""Lanes on Ray Train: worker groups that take run after run from one queue until there is none.

Starting a Ray Train group costs seconds, so a lane pays it once. The queue is an actor without a CPU; rank 0
of a group takes a run and tells the others. What Ray Train restarts after a worker died asks the queue again,
and goes on from the run's last checkpoint.
"""

import logging
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
import torch.distributed as dist

from scaling.errors import StudyError
from scaling.progress import Group
from scaling.queue import Entry, RunQueue, Take
from scaling.study import Run
from scaling.training.attempt import Attempt
from scaling.training.train import InterruptedRunError
from scaling.work import Place, main_score, perform

BEAT_SECONDS = 1.0
LOOK_SECONDS = 0.1
WAIT_SECONDS = 0.5
WAITING_SECONDS = 30.0


@dataclass(frozen=True)
class Resources:
    """What a study may use: `threads` CPU threads a worker, `group` workers a lane, `gpus` (0 or 1) a worker
    (None: one where there are any).

    `lanes` is how many groups work side by side (None: as many as the cluster has room for). The thread count
    decides the bits of a run on a CPU, so it is set explicitly and recorded.
    """

    threads: int = 1
    group: int = 1
    gpus: int | None = None
    lanes: int | None = None
    checkpoint_seconds: float = 10.0


SETTINGS = {
    # A lane looks twice a second whether its group has ended, not every two seconds; ten times a second cost
    # training a twentieth of two cores.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray Data's actors and the lanes' controllers are more processes than a laptop has cores, and Ray warns of that.
    "RAY_worker_maximum_startup_concurrency": "8",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


def start_ray() -> None:
    """Connect to the cluster that `RAY_ADDRESS` names (a Ray job sets it), else start Ray on this machine.

    What Ray has to say goes to its own log files; the screen is the study's.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    with _silent_stderr():
        if os.environ.get("RAY_ADDRESS"):
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        else:
            ray.init(address="local", include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    for name in ("ray", "ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


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


def lane_count(resources: Resources, runs: int) -> tuple[int, bool]:
    """How many lanes the nodes have room for, at most one a run, and whether they train on GPUs.

    Raises `StudyError` where no node has room for a worker, or the cluster none for a lane.
    """
    nodes: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    largest = {name: max((int(node.get(name, 0)) for node in nodes), default=0) for name in ("CPU", "GPU")}
    gpus = resources.gpus if resources.gpus is not None else min(largest["GPU"], 1)

    def workers(node: dict[str, float]) -> int:
        fit = int(node.get("CPU", 0)) // resources.threads
        return min(fit, int(node.get("GPU", 0)) // gpus) if gpus else fit

    places = sum(map(workers, nodes))
    worker = f"a worker with {resources.threads} CPU threads and {gpus} GPUs"
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


class Lanes:
    """The running lanes of a study; `poll` them until `alive` is false."""

    def __init__(
        self, runs: Sequence[Run], finished: dict[str, str], place: Place, resources: Resources, scratch: Path
    ) -> None:
        # Ray's types do not know the methods of an actor made this way.
        self._queue: Any = ray.remote(num_cpus=0)(RunQueue).remote(list(runs), finished)
        self.count, gpu = lane_count(resources, len(runs) - len(finished))
        self.group = Group(self.count, resources.group, gpu)
        self._scratch = scratch
        self._threads = [
            threading.Thread(
                target=self._run_lane, args=(lane, place, resources, gpu), daemon=True, name=f"lane-{lane}"
            )
            for lane in range(self.count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def entries(self) -> list[Entry]:
        """Where every run stands."""
        snapshot: list[Entry] = ray.get(self._queue.snapshot.remote())
        return snapshot

    def stop(self) -> None:
        """Ask every lane to checkpoint and end."""
        ray.get(self._queue.stop.remote())

    def close(self) -> None:
        """Remove what Ray Train has left behind, in this start and in those that were killed."""
        ray.kill(self._queue)
        shutil.rmtree(self._scratch.parent, ignore_errors=True)

    def _run_lane(self, lane: int, place: Place, resources: Resources, gpu: bool) -> None:
        trainer = ray.train.torch.TorchTrainer(
            work_lane,
            train_loop_config={"queue": self._queue, "lane": lane, "place": place, "resources": resources},
            scaling_config=ray.train.ScalingConfig(
                num_workers=resources.group,
                use_gpu=gpu,
                resources_per_worker={"CPU": resources.threads, **({"GPU": 1} if gpu else {})},
            ),
            run_config=ray.train.RunConfig(
                name=f"lane-{lane}",
                storage_path=str(self._scratch),
                failure_config=ray.train.FailureConfig(max_failures=-1),
            ),
        )
        cause = "its lane ended"
        try:
            trainer.fit()
        except Exception as error:
            # A lane that is lost must not take the others with it: the queue lists what it held as failed.
            cause = first_line(error)
        ray.get(self._queue.lane_ended.remote(lane, cause))


def work_lane(config: dict[str, Any]) -> None:
    """What every worker of a lane's group runs: take, perform, tell, until there is no run left."""
    queue, lane, place, resources = (config[key] for key in ("queue", "lane", "place", "resources"))
    torch.set_num_threads(resources.threads)
    rank = ray.train.get_context().get_world_rank()
    device = ray.train.torch.get_device()
    while True:
        take: Take = _from_first(lambda: ray.get(queue.take.remote(lane)))
        if take.kind == "none":
            return
        if take.run is None:
            time.sleep(WAIT_SECONDS)
            continue
        name = take.run.name
        attempt = Attempt(place.runs / name, worker=rank)
        if rank == 0:
            attempt.claim()
        beat = _Beat(queue, name, take.run.steps)
        try:
            result = perform(
                take.run,
                place,
                attempt,
                device=device,
                progress=beat,
                checkpoint_seconds=resources.checkpoint_seconds,
            )
        except InterruptedRunError:
            if rank == 0:
                ray.get(queue.interrupted.remote(name))
            continue
        except BaseException as error:
            ray.get(queue.failed.remote(name, first_line(error)))
            raise
        if rank == 0:
            ray.get(queue.done.remote(name, main_score(result)))


def _from_first(ask: Callable[[], Any]) -> Any:
    """What the first worker's call returns, on every worker of the group."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return ask()
    answer = [ask() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(answer)
    return answer[0]


class _Beat:
    """Tells the queue once a second how far a run is, and brings back whether to stop.

    Training does not wait for the answer, which comes late where training has all the CPUs.
    """

    def __init__(self, queue: Any, name: str, steps: int) -> None:
        self._queue, self._name, self._steps = queue, name, steps
        self._told = self._looked = 0.0
        self._answer: Any = None

    def __call__(self, step: int, rate: float) -> bool:
        now = time.monotonic()
        stop = False
        if self._answer is not None and now - self._looked > LOOK_SECONDS:
            self._looked = now
            if ray.wait([self._answer], timeout=0)[0]:
                stop, self._answer = ray.get(self._answer), None
        if self._answer is None and (step >= self._steps or now - self._told > BEAT_SECONDS):
            self._told = now
            phase = "training" if step < self._steps else "probing"
            self._answer = self._queue.beat.remote(self._name, step, rate, phase)
        return stop


def first_line(error: BaseException) -> str:
    """An exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
