"""What a study will cost, before it is begun: `--dry-run`.

Nothing is guessed that can be measured: a few clips of the corpus are prepared and each kind of run trains a few
steps, in the lanes' place and with their resources. The order of the runs is the queue's own.
"""

import heapq
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from scaling.cluster.connect import cluster_cpus, lane_count
from scaling.cluster.measure import MEASURED_CLIPS, MEASURED_STEPS, kind, measure
from scaling.data.corpus import Source, checked_store, ensure_catalogues
from scaling.data.description import CATALOGUE, intact
from scaling.data.prepare import choosing, clips_needed
from scaling.driver.display import clock
from scaling.errors import visible
from scaling.runs.queue import RunQueue
from scaling.storage.files import Location
from scaling.study.resources import Resources
from scaling.study.run import Run
from scaling.study.study import Study


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
            table.add_row(
                str(number), Text(visible(slot.run.name)), f"{slot.run.steps:,}", str(slot.lane), f"{begin} to {end}"
            )
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
            console.print(Text(f"{name}: {value}"))
        console.print(
            f"Measured here: {MEASURED_CLIPS} clips prepared, {MEASURED_STEPS} steps of each kind of run. Start-up and "
            "probes come on top."
        )


def forecast(study: Study, source: Source, store: Location, resources: Resources) -> Forecast:
    """Measure and plan; leaves nothing behind. A store that is there already is read."""
    with tempfile.TemporaryDirectory() as scratch:
        catalogue = Path(scratch) if checked_store(source, store) is None else store
        description = ensure_catalogues(source, catalogue)
        study = study.resolve(description.clips - description.holdout)
        ranked = pl.scan_parquet(intact(catalogue, CATALOGUE))
        needed = clips_needed(choosing(ranked), description.holdout, study.subsets) + description.holdout
        needed = min(needed, description.clips)
        measured = measure(study, source, catalogue, resources)
        seconds = ranked.head(needed).select(pl.col("seconds").sum()).collect().item()
        labelled = len(source.labelled.clips)
    lanes, gpu = lane_count(resources, len(study.runs))
    times = {run.name: measured.seconds_a_step.get(kind(run), 0.0) * run.steps for run in study.runs}
    a_second = sum(one.bytes_a_second for one in description.formats)
    return Forecast(
        slots=schedule(study.runs, times, lanes),
        lanes=lanes,
        workers=resources.group,
        gpu=gpu,
        clips=needed + labelled,
        prepare_seconds=measured.seconds_a_clip * (needed + labelled) / cluster_cpus(),
        store_bytes=int(seconds * (1 + labelled / max(needed, 1)) * a_second),
        checkpoint_bytes=sum(4 * measured.parameters.get(kind(run), 0) for run in study.runs),
    )
