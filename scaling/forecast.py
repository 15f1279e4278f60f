"""What a study will cost, before it is begun: `--dry-run`.

Nothing is guessed that can be measured: a few clips of the corpus are prepared and each kind of run trains a few
steps, in the lanes' place and with their resources. The order of the runs is the queue's own.
"""

import heapq
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import ray
import torch
from rich.console import Console
from rich.table import Table

from scaling.corpus import Source, audio_root, ensure_catalogues
from scaling.data.features import HOP, MEL_BINS, SAMPLE_RATE
from scaling.data.feed import Feed
from scaling.data.parts import part_name, write_part
from scaling.data.store import Store, create_store, write_index
from scaling.launch import Resources, lane_count
from scaling.progress import clock
from scaling.queue import RunQueue
from scaling.study import Run, Study
from scaling.training.attempt import Attempt
from scaling.training.initialize import build
from scaling.training.train import train

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
        take = queue.take(lane)
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


def measure_preparation(folder: str, rows: pl.DataFrame, audio: str, limits: Any) -> float:
    """Write one part of these rows into `folder` and index it; seconds a clip."""
    torch.set_num_threads(1)
    began = time.monotonic()
    write_part(rows, Path(folder) / part_name(0), audio, limits)
    spent = time.monotonic() - began
    write_index(Path(folder))
    return spent / len(rows)


def measure_step(run: Run, folder: str, resources: Resources, gpu: bool) -> tuple[float, int]:
    """Train a few steps on the clips prepared in `folder`: seconds a step, and parameters of the model."""
    torch.set_num_threads(resources.threads)
    store = Store(Path(folder))
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


def measure(study: Study, source: Source, catalogue: Path, resources: Resources, scratch: Path) -> Measured:
    """Measure on the cluster that Ray is connected to; `scratch` must be visible where the tasks run."""
    lanes, gpu = lane_count(resources, len(study.runs))
    description = ensure_catalogues(source, catalogue)
    ranked = pl.scan_parquet(catalogue / "catalogue.parquet").head(MEASURED_CLIPS).collect()
    small = replace(description, clips=len(ranked), holdout=1)
    create_store(scratch, ranked, pl.read_parquet(catalogue / "manifest-rejects.parquet").clear(), small)
    prepare = ray.remote(num_cpus=1)(measure_preparation)
    a_clip: float = ray.get(prepare.remote(str(scratch), ranked, audio_root(study.corpus), small.limits))
    step = ray.remote(num_cpus=resources.threads, num_gpus=int(gpu))(measure_step)
    a_step, parameters = {}, {}
    for run in {kind(run): run for run in study.runs if run.objective != "none"}.values():
        # As many at once as there will be: lanes share caches and memory.
        asked = [step.remote(run, str(scratch), resources, gpu) for _ in range(lanes)]
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
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, justify in (
            ("", "right"),
            ("run", "left"),
            ("steps", "right"),
            ("lane", "right"),
            ("time", "left"),
        ):
            table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
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


def forecast(study: Study, source: Source, folder: Path, store: Path, resources: Resources) -> Forecast:
    """Measure and plan for a study in `folder`; leaves nothing behind. A store that is there already is read."""
    # Beside the folder, which every node sees.
    near = next(parent for parent in folder.parents if parent.is_dir())
    with tempfile.TemporaryDirectory(prefix=".scaling-", dir=near) as scratch:
        catalogue = store if (store / "store.json").exists() else Path(scratch) / "catalogue"
        measured = measure(study, source, catalogue, resources, Path(scratch) / "measured")
        description = ensure_catalogues(source, catalogue)
        study = study.resolve(description.clips - description.holdout)
        sizes = [size for size in study.sizes if isinstance(size, int)]
        needed = min(max(sizes, default=0) + description.holdout, description.clips)
        seconds = pl.scan_parquet(catalogue / "catalogue.parquet").head(needed).select(pl.col("seconds").sum())
        hours = float(seconds.collect().item())
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
