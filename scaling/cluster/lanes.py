"""Lanes on Ray Train: worker groups that take run after run from one queue until there is none.

Starting a Ray Train group costs seconds, so a lane pays it once. The queue is an actor without a CPU; rank 0
of a group takes a run and tells the others. What Ray Train restarts after a worker died asks the queue again,
and goes on from the run's last checkpoint.
"""

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
from pyarrow.fs import FSSpecHandler, PyFileSystem
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from scaling.cluster.connect import WAIT_SECONDS, lane_count
from scaling.cluster.train_callbacks import LaneTorch, LaneTrainer
from scaling.errors import ClusterLostError, in_one_line
from scaling.models.options import ENCODERS
from scaling.objectives.options import OBJECTIVES
from scaling.probes.options import PROBES
from scaling.runs.folder import StudyFolder
from scaling.runs.queue import Entry, RunQueue, Take
from scaling.storage.files import Location, names, on_disk, remove, remove_if_empty
from scaling.study.resources import Group, Resources
from scaling.study.run import Run
from scaling.training.attempt import Attempt, InterruptedRunError
from scaling.training.group import from_first

BEAT_SECONDS = 1.0
LOOK_SECONDS = 0.1
LANE_ATTEMPTS = 5
AT_ONCE_SECONDS = 20.0
END_SECONDS = 60.0
SILENT_SECONDS = 20.0
RAY_FILES = (".validate_storage_marker", "checkpoint_manager_snapshot.json")
"""What Ray Train writes into its storage for a group: no checkpoint is ever reported to it."""


def ray_storage(place: Location) -> dict[str, Any]:
    """How Ray Train is told to keep its own files in `place`, with the client that all other files go through."""
    if on_disk(place):
        return {"storage_path": str(place)}
    return {"storage_path": place.path, "storage_filesystem": PyFileSystem(FSSpecHandler(place.fs))}


def remove_leftovers(scratch: Location, name: str) -> None:
    """Remove what Ray Train has left of the lanes of a study of this name, whoever started them: the files that it is
    known to write, and folders that are empty then."""
    for start in filter(re.compile(r"\d+").fullmatch, names(scratch)):
        for lane in filter(re.compile(rf"{re.escape(name)}-lane-\d+").fullmatch, names(scratch / start)):
            for file in RAY_FILES:
                remove(scratch / start / lane / file)
            remove_if_empty(scratch / start / lane)
        remove_if_empty(scratch / start)
    remove_if_empty(scratch)


class Lanes:
    """The running lanes of a study; look at their `entries` until none is `alive`."""

    def __init__(
        self,
        name: str,
        runs: Sequence[Run],
        finished: dict[str, str],
        folder: StudyFolder,
        resources: Resources,
        scratch: Location,
        say: Callable[[str], None],
        probes: Sequence[str] = (),
    ) -> None:
        self._name, self._probes = name, tuple(probes)
        self.count, gpu = lane_count(resources, len(runs) - len(finished))
        self.group = Group(self.count, resources.group, gpu)
        self._scratch, self._say = scratch, say
        self._journal = Path(tempfile.mkdtemp(prefix="scaling-"))
        here = ray.get_runtime_context().get_node_id()
        # On the driver's node, where its journal is: with that node the driver is gone as well. Ray's types do not
        # know the methods of an actor made this way.
        self._queue: Any = (
            ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(RunQueue)
            .options(scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False))
            .remote(list(runs), finished, name, self._journal / "queue.jsonl")
        )
        self._threads = [
            threading.Thread(
                target=self._run_lane, args=(lane, folder, resources, gpu), daemon=True, name=f"lane-{lane}"
            )
            for lane in range(self.count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def entries(self) -> list[Entry]:
        """Where every run stands.

        Raises `ClusterLostError` where the queue is gone for good: it comes back as long as the driver's node is there.
        """
        try:
            asked = self._queue.snapshot.remote()
            if not ray.wait([asked], timeout=SILENT_SECONDS)[0]:
                # With its head gone for a minute Ray ends this process, without a word.
                self._say(
                    f"the cluster has not answered for {SILENT_SECONDS:.0f} s: if this is the end, start the same "
                    "command on a new one, it goes on"
                )
            snapshot: list[Entry] = ray.get(asked)
        except ray.exceptions.RayError as error:
            raise ClusterLostError(in_one_line(error)) from error
        return snapshot

    def stop(self) -> None:
        """Ask every lane to checkpoint and end."""
        ray.get(self._queue.stop.remote())

    def close(self, seconds: float = END_SECONDS) -> None:
        """Give the lanes so long to end, and remove what Ray Train has left, in this start and in killed ones."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))
        ray.kill(self._queue)
        shutil.rmtree(self._journal, ignore_errors=True)
        remove_leftovers(self._scratch.parent, self._name)

    def _run_lane(self, lane: int, folder: StudyFolder, resources: Resources, gpu: bool) -> None:
        """Keep a group at work until there is nothing left for it.

        Ray Train replaces workers that die; a group whose controller died is started anew here, unless it died as
        soon as it was started, several times in a row.
        """
        at_once = 0
        while at_once < LANE_ATTEMPTS:
            cause, began = "its lane ended", time.monotonic()
            try:
                self._trainer(lane, folder, resources, gpu).fit()
            except Exception as error:
                # A lane that is lost must not take the others with it.
                cause = in_one_line(error)
                self._free_room(lane)
            try:
                if not ray.get(self._queue.lane_ended.remote(lane, cause)):
                    return
            except ray.exceptions.RayError:
                # The cluster is gone; `entries` tells.
                return
            at_once = at_once + 1 if time.monotonic() - began < AT_ONCE_SECONDS else 0
        self._say(f"lane {lane} is given up: {cause}")

    def _free_room(self, lane: int) -> None:
        """Give back the CPUs and GPUs that a lane's dead controller has left reserved.

        What no other lane is known to occupy goes: a group that another lane was just about to start is started again.
        """
        with suppress(ray.exceptions.RayError):
            others = {room for number, room in ray.get(self._queue.occupied.remote()).items() if number != lane}
            # A placement group's id ends with its job's.
            mine = ray.get_runtime_context().get_job_id()
            for room in ray.util.placement_group_table():
                if room.endswith(mine) and room not in others:
                    remove_placement_group(PlacementGroup(ray.PlacementGroupID(bytes.fromhex(room))))

    def _trainer(self, lane: int, folder: StudyFolder, resources: Resources, gpu: bool) -> LaneTrainer:
        return LaneTrainer(
            work_lane,
            train_loop_config={
                "queue": self._queue,
                "lane": lane,
                "folder": folder,
                "resources": resources,
                "probes": self._probes,
                "known": [lines_from_outside(table) for table in tables()],
            },
            torch_config=LaneTorch(self._journal),
            scaling_config=ray.train.ScalingConfig(
                num_workers=resources.group,
                use_gpu=gpu,
                resources_per_worker={"CPU": resources.threads, **({"GPU": 1} if gpu else {})},
                accelerator_type=resources.accelerator or None,
            ),
            run_config=ray.train.RunConfig(
                name=f"{self._name}-lane-{lane}",
                **ray_storage(self._scratch),
                failure_config=ray.train.FailureConfig(max_failures=-1),
            ),
        )


def tables() -> list[dict[str, Any]]:
    """The tables of known things that a study's own code may have added to."""
    from scaling.training.initialize import INITIALIZATIONS

    return [ENCODERS, OBJECTIVES, PROBES, INITIALIZATIONS]


def lines_from_outside(table: dict[str, Any]) -> dict[str, Any]:
    """What was added to a table: a lane's processes know it only where they are told."""
    return {
        name: line
        for name, line in table.items()
        if not getattr(line, "options", line).__module__.startswith("scaling.")
    }


def work_lane(config: dict[str, Any]) -> None:
    """What every worker of a lane's group runs: take, perform, tell, until there is no run left."""
    # Here and not above: a lane's controller loads this module too, and takes seconds less without what does the work.
    from scaling.runs.perform import perform

    for table, lines in zip(tables(), config["known"], strict=True):
        table.update(lines)
    queue, lane, folder, resources = (config[key] for key in ("queue", "lane", "folder", "resources"))
    torch.set_num_threads(resources.threads)
    rank = ray.train.get_context().get_world_rank()
    device = ray.train.torch.get_device()
    room = ray.util.get_current_placement_group()
    if rank == 0 and room is not None:
        ray.get(queue.occupy.remote(lane, room.id.hex()))
    while True:
        take: Take = from_first(lambda: ray.get(queue.take.remote(lane, secrets.token_hex(4))))
        if take.kind == "none":
            return
        if take.run is None:
            time.sleep(WAIT_SECONDS)
            continue
        name = take.run.name
        attempt = Attempt(folder.run(name).path, worker=rank)
        beat = _Beat(queue, name, take.run.steps, lane)
        try:
            if rank == 0:
                attempt.claim()
            result = perform(
                take.run,
                folder,
                attempt,
                device=device,
                progress=beat,
                checkpoint_seconds=resources.checkpoint_seconds,
                probes=config["probes"],
            )
        except InterruptedRunError:
            if rank == 0:
                ray.get(queue.interrupted.remote(name))
            continue
        except BaseException as error:
            ray.get(queue.failed.remote(name, lane, in_one_line(error)))
            raise
        if result is not None:
            ray.get(queue.done.remote(name, result.main_score))


class _Beat:
    """Tells the queue once a second how far a run is, and brings back whether to stop.

    Training does not wait for the answer, which comes late where training has all the CPUs.
    """

    def __init__(self, queue: Any, name: str, steps: int, lane: int) -> None:
        self._queue, self._name, self._steps = queue, name, steps
        # Ray's dashboard groups tasks by name: this is where a person finds a run there, and its lane.
        self._task = f"lane-{lane}: {name}"
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
            self._answer = self._queue.beat.options(name=self._task).remote(self._name, step, rate, phase)
        return stop
