"""Preparation on Ray Data: parts of the store, written by one actor a CPU, until enough clips are usable."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import ray
import torch

from scaling.data.features import HOP, MEL_BINS, SAMPLE_RATE, log_mel
from scaling.data.parts import Limits, part_name, write_part
from scaling.data.store import Description, prepared_parts, read_description, write_index
from scaling.errors import StudyError
from scaling.storage.files import Location, cached, location, names, remove


class _PartWriter:
    """Writes parts, one after another, in a process of its own."""

    def __init__(self, folder: str, audio_root: str, part_clips: int, limits: Limits) -> None:
        torch.set_num_threads(1)
        self.folder, self.audio_root, self.part_clips, self.limits = location(folder), audio_root, part_clips, limits
        # Seconds of imports, all writers at once, instead of inside the first clip of each.
        log_mel(torch.zeros(SAMPLE_RATE))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Write the parts of a batch; says of each on which node, when it was begun, when it was there (seconds since
        the epoch), and in a line meant for the user what kept it from being written."""
        batch.update(began=[], ended=[], node=[], error=[])
        for number in batch["part"]:
            batch["began"].append(time.time())
            batch["node"].append(ray.get_runtime_context().get_node_id())
            error = ""
            try:
                rows = catalogue_rows(self.folder, int(number), self.part_clips)
                write_part(rows, self.folder / part_name(int(number)), self.audio_root, self.limits)
            except StudyError as refused:
                # Told rather than raised: Ray wraps an exception until its message is a page of tracebacks.
                error = str(refused)
            batch["error"].append(error)
            batch["ended"].append(time.time())
        return batch


def catalogue_rows(folder: Location, part: int, part_clips: int) -> pl.DataFrame:
    """The ranked clips of one part."""
    ranked = pl.scan_parquet(cached(folder / "catalogue.parquet"))
    return ranked.slice(part * part_clips, part_clips).collect()


@dataclass(frozen=True)
class Preparation:
    """Progress of a preparation: clips written so far, and of how many."""

    clips: int
    of: int


def prepare(
    folder: Location,
    audio_root: str,
    wanted: int | None,
    *,
    test_hashes: Iterable[bytes] = (),
    report: Callable[[Preparation], None] = lambda _: None,
) -> int:
    """Write parts until `wanted` clips beside the holdout are usable (None: every clip of the catalogue).

    What is prepared already is kept. Returns the number of usable clips beside the holdout. Raises
    `StudyError` where the catalogue has too few, naming the largest possible size, or where the disk is too
    small.
    """
    description = read_description(folder)
    if description is None:
        raise StudyError(f"no catalogue in {folder}")
    for name in names(folder):
        if name.startswith(".part-") and name.endswith(".tmp"):
            remove(folder / name)
    hashes = list(test_hashes)
    last_part = -(-description.clips // description.part_clips)
    needed = description.clips if wanted is None else min(wanted + description.holdout, description.clips)
    usable = write_index(folder, hashes) if 0 in prepared_parts(folder) else 0
    scanned = -(-needed // description.part_clips)
    while True:
        there = set(prepared_parts(folder))
        missing = [number for number in range(min(scanned, last_part)) if number not in there]
        if missing:
            _check_space(folder, description, missing)
            for done, _ in enumerate(write_parts(folder, audio_root, description, missing), start=1):
                of = min(len(missing) * description.part_clips, description.clips)
                report(Preparation(min(done * description.part_clips, of), of))
            usable = write_index(folder, hashes)
        if usable >= needed or scanned >= last_part:
            break
        # Clips were rejected: read on by what is missing, at least one part.
        scanned = min(scanned + -(-(needed - usable) // description.part_clips), last_part)
    available = max(usable - description.holdout, 0)
    if wanted is not None and available < wanted:
        raise StudyError(
            f"{wanted} clips asked for, the largest possible size here is {available}: the catalogue has "
            f"{description.clips} clips, {description.clips - usable} of them cannot be used (see "
            f"{folder / 'rejects.parquet'}), and {description.holdout} are held out"
        )
    return available


def write_parts(
    folder: Location, audio_root: str, description: Description, numbers: list[int]
) -> Iterator[dict[str, Any]]:
    """Write the parts of these numbers, on every CPU of the cluster; yields `part`, `node`, `began` and `ended` of
    each once it is there.

    Raises `StudyError` where one of them cannot be written.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    writers = max(1, min(len(numbers), int(there.get("CPU", 1))))
    parts = ray.data.from_items([{"part": number} for number in numbers], override_num_blocks=len(numbers))
    written = parts.map_batches(
        _PartWriter,
        fn_constructor_args=(str(folder), audio_root, description.part_clips, description.limits),
        batch_size=1,
        num_cpus=1,
        # One part at work and one waiting: with more a writer that started early takes more than its share.
        compute=ray.data.ActorPoolStrategy(size=writers, max_tasks_in_flight_per_actor=2),
    )
    for row in written.iter_rows():
        if row["error"]:
            raise StudyError(row["error"])
        yield row


def _check_space(folder: Location, description: Description, parts: list[int]) -> None:
    if not isinstance(folder, Path):
        return
    catalogue = pl.scan_parquet(folder / "catalogue.parquet").select("rank", "seconds")
    numbers = pl.col("rank") // description.part_clips
    seconds = catalogue.filter(numbers.is_in(parts)).select(pl.col("seconds").sum()).collect().item()
    needed = int(seconds * SAMPLE_RATE / HOP * MEL_BINS * 2)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StudyError(
            f"no space left for the store: it needs {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free; "
            "give another folder with --store or --out"
        )
