"""What a study will cost, before it is begun: `--dry-run`.

Nothing is guessed that can be measured: a few clips of the corpus are prepared and each kind of run trains a few
steps, in the lanes' place and with their resources. The order of the runs is the queue's own.
"""

import heapq
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import ray
import torch
from rich.console import Console
from rich.table import Column, Table

from scaling.cluster.connect import Resources, lane_count
from scaling.data.corpus import Source, audio_root, ensure_catalogues
from scaling.data.features import HOP, MEL_BINS, SAMPLE_RATE
from scaling.data.feed import Feed
from scaling.data.parts import Limits, part_name, write_part
from scaling.data.store import Store, create_store, read_parquet, write_index
from scaling.driver.display import clock
from scaling.runs.queue import RunQueue
from scaling.storage.files import Location
from scaling.study.study import Run, Study
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.loop import train

MEASURED_CLIPS = 64
MEASURED_STEPS = 12
FIRST_STEPS = 4
"""Steps that are not counted: the first ones pay for allocations and kernels."""


@dataclass(frozen=True)
class Slot:
    """A run's place in the plan; `begin` and `end` in seconds since the grid began."""

    run: Run
    lane: int
    begin: float
    end: float


def schedule(runs: Sequence[Run], seconds: dict[str, float], lanes: int) -> list[Slot]:
    """When the queue would hand out each run, if each took these seconds (by name), ordered by beginning."""
    queue = RunQueue(runs, {})
    asks = [(0.0, False, lane) for lane in range(lanes)]  # when, having waited, which lane
    busy: dict[int, Slot] = {}
    slots: list[Slot] = []
    while asks:
        now, _, lane = heapq.heappop(asks)
        if lane in busy:
            queue.done(busy.pop(lane).run.name, "")
        take = queue.take(lane, "")
        if take.run is not None:
            busy[lane] = Slot(take.run, lane, now, now + seconds[take.run.name])
            slots.append(busy[lane])
            heapq.heappush(asks, (busy[lane].end, False, lane))
        elif take.kind == "wait":
            heapq.heappush(asks, (min(slot.end for slot in busy.values()), True, lane))
    return slots


@dataclass(frozen=True)
class Measured:
    """Seconds a clip takes to prepare on one CPU, and seconds a step of each kind of run takes in its lane."""

    seconds_a_clip: float
    seconds_a_step: dict[str, float]
    parameters: dict[str, int]


def kind(run: Run) -> str:
    """Runs that cost the same a step."""
    return f"{run.objective}/{run.encoder}/{run.batch_size}/{run.crop_seconds}/{run.model}"


Files = dict[str, bytes]
"""A small store by file name, as it goes from task to task: no folder need be shared, and none is left behind."""


@contextmanager
def laid_down(files: Files) -> Iterator[Path]:
    """A temporary folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def taken_up(folder: Path) -> Files:
    """The files that lie in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def measure_preparation(files: Files, rows: pl.DataFrame, audio: str, limits: Limits) -> tuple[float, Files]:
    """Write one part of these rows into a store and index it: seconds a clip, and the store."""
    torch.set_num_threads(1)
    with laid_down(files) as folder:
        began = time.monotonic()
        write_part(rows, folder / part_name(0), audio, limits)
        spent = time.monotonic() - began
        write_index(folder)
        return spent / len(rows), taken_up(folder)


def measure_step(run: Run, files: Files, resources: Resources, gpu: bool) -> tuple[float, int]:
    """Train a few steps on the clips of a prepared store: seconds a step, and parameters of the model."""
    with laid_down(files) as folder:
        return _measure_step(run, Store(folder), resources, gpu)


def _measure_step(run: Run, store: Store, resources: Resources, gpu: bool) -> tuple[float, int]:
    torch.set_num_threads(resources.threads)
    places = np.arange(len(store))
    labels = np.zeros((len(store), 1), np.int64) if run.objective == "supervised" else None
    share = max(1, run.batch_size // resources.group)
    few = replace(run, steps=MEASURED_STEPS, batch_size=share)
    feed = Feed(store, places, places[:1], 0, share, run.crop_seconds, run.model.max_tokens, labels)
    module = build(few, len(store.tokenizer), {"task": 2}, None, None, store.statistics)
    times: list[float] = []

    def progress(step: int, rate: float) -> bool:
        times.append(time.monotonic())
        return False

    with tempfile.TemporaryDirectory() as scratch:
        attempt = Attempt(Path(scratch))
        attempt.claim()
        device = torch.device("cuda" if gpu else "cpu")
        cost = train(few, feed, module, attempt, device=device, progress=progress)
    return (times[-1] - times[FIRST_STEPS - 1]) / (len(times) - FIRST_STEPS), int(cost["parameters"])


def measure(study: Study, source: Source, catalogue: Location, resources: Resources) -> Measured:
    """Measure on the cluster that Ray is connected to."""
    lanes, gpu = lane_count(resources, len(study.runs))
    description = ensure_catalogues(source, catalogue)
    ranked = read_parquet(catalogue / "catalogue.parquet").head(MEASURED_CLIPS)
    small = replace(description, clips=len(ranked), holdout=1)
    with laid_down({}) as scratch:
        create_store(scratch, ranked, read_parquet(catalogue / "manifest-rejects.parquet").clear(), small)
        begun = taken_up(scratch)
    prepare = ray.remote(num_cpus=1)(measure_preparation)
    a_clip, prepared = ray.get(prepare.remote(begun, ranked, audio_root(study.corpus), small.limits))
    files = ray.put(prepared)
    kind_of_node: dict[str, Any] = {"accelerator_type": resources.accelerator} if resources.accelerator else {}
    step = ray.remote(num_cpus=resources.threads, num_gpus=int(gpu), **kind_of_node)(measure_step)
    a_step, parameters = {}, {}
    for run in {kind(run): run for run in study.runs if run.objective != "none"}.values():
        # As many at once as there will be: lanes share caches and memory.
        asked = [step.remote(run, files, resources, gpu) for _ in range(lanes)]
        answers = ray.get(asked)
        a_step[kind(run)] = float(np.mean([seconds for seconds, _ in answers]))
        parameters[kind(run)] = answers[0][1]
    return Measured(a_clip, a_step, parameters)


@dataclass(frozen=True)
class Forecast:
    """The plan of a study and its cost. Seconds are those of training alone."""

    slots: list[Slot]
    lanes: int
    workers: int
    gpu: bool
    clips: int
    prepare_seconds: float
    store_bytes: int
    checkpoint_bytes: int

    @property
    def device_hours(self) -> float:
        """GPU-hours where lanes train on GPUs, else CPU-hours."""
        return sum(slot.end - slot.begin for slot in self.slots) * self.workers / 3600

    def show(self, console: Console) -> None:
        """Print the plan."""
        columns = (
            Column(justify="right", no_wrap=True),
            Column("run", no_wrap=True),
            Column("steps", justify="right", no_wrap=True),
            Column("lane", justify="right", no_wrap=True),
            Column("time", no_wrap=True),
        )
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for number, slot in enumerate(self.slots, start=1):
            begin, end = (clock(self.prepare_seconds + seconds) for seconds in (slot.begin, slot.end))
            table.add_row(str(number), slot.run.name, f"{slot.run.steps:,}", str(slot.lane), f"{begin} to {end}")
        console.print(table)
        device = "GPU" if self.gpu else "CPU"
        first = self.prepare_seconds + min(slot.end for slot in self.slots)
        whole = self.prepare_seconds + max(slot.end for slot in self.slots)
        trained = [slot for slot in self.slots if slot.run.steps]
        rows = (
            ("runs", f"{len(self.slots)}, {len(trained)} of them trained"),
            ("lanes", f"{self.lanes}, {self.workers} {device}{'s' if self.workers > 1 else ''} each"),
            ("clips to prepare", f"{self.clips:,}, {clock(self.prepare_seconds)}"),
            (f"{device}-hours", f"{self.device_hours:,.2f}"),
            (
                "disk",
                f"{(self.store_bytes + self.checkpoint_bytes) / 1e9:,.2f} GB, {self.store_bytes / 1e9:,.2f} store",
            ),
            ("first result after", clock(first)),
            ("all results after", clock(whole)),
        )
        for name, value in rows:
            console.print(f"{name}: {value}")
        console.print(
            f"Measured here: {MEASURED_CLIPS} clips prepared, {MEASURED_STEPS} steps of each kind of run. Start-up and "
            "probes come on top."
        )


def forecast(study: Study, source: Source, store: Location, resources: Resources) -> Forecast:
    """Measure and plan; leaves nothing behind. A store that is there already is read."""
    with laid_down({}) as scratch:
        catalogue = store if (store / "store.json").exists() else scratch
        measured = measure(study, source, catalogue, resources)
        description = ensure_catalogues(source, catalogue)
        study = study.resolve(description.clips - description.holdout)
        sizes = [size for size in study.sizes if isinstance(size, int)]
        needed = min(max(sizes, default=0) + description.holdout, description.clips)
        hours = float(read_parquet(catalogue / "catalogue.parquet", ["seconds"])["seconds"].head(needed).sum())
        labelled = len(source.labelled.clips)
    lanes, gpu = lane_count(resources, len(study.runs))
    cpus = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    times = {run.name: measured.seconds_a_step.get(kind(run), 0.0) * run.steps for run in study.runs}
    a_second = SAMPLE_RATE // HOP * MEL_BINS * 2
    return Forecast(
        slots=schedule(study.runs, times, lanes),
        lanes=lanes,
        workers=resources.group,
        gpu=gpu,
        clips=needed + labelled,
        prepare_seconds=measured.seconds_a_clip * (needed + labelled) / cpus,
        store_bytes=int(hours * (1 + labelled / max(needed, 1)) * a_second),
        checkpoint_bytes=sum(4 * measured.parameters.get(kind(run), 0) for run in study.runs),
    )
