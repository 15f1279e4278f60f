"""Preparation on Ray Data: parts of the store, written by one actor a CPU, until enough clips are usable."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import ray
import torch

from scaling.data.features import HOP, MEL_BINS, SAMPLE_RATE
from scaling.data.parts import Limits, part_name, write_part
from scaling.data.store import Description, prepared_parts, read_description, write_index
from scaling.errors import StudyError


class _PartWriter:
    """Writes parts, one after another, in a process of its own."""

    def __init__(self, folder: str, audio_root: str, part_clips: int, limits: Limits) -> None:
        torch.set_num_threads(1)
        self.folder, self.audio_root, self.part_clips, self.limits = (
            Path(folder),
            audio_root,
            part_clips,
            limits,
        )

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        for number in batch["part"]:
            rows = catalogue_rows(self.folder, int(number), self.part_clips)
            write_part(rows, self.folder / part_name(int(number)), self.audio_root, self.limits)
        return batch


def catalogue_rows(folder: Path, part: int, part_clips: int) -> pl.DataFrame:
    """The ranked clips of one part."""
    ranked = pl.scan_parquet(folder / "catalogue.parquet")
    return ranked.slice(part * part_clips, part_clips).collect()


@dataclass(frozen=True)
class Preparation:
    """Progress of a preparation: clips written so far, and of how many."""

    clips: int
    of: int


def prepare(
    folder: Path,
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
            for done, _ in enumerate(_write_parts(folder, audio_root, description, missing), start=1):
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


def _write_parts(
    folder: Path, audio_root: str, description: Description, numbers: list[int]
) -> Iterator[dict[str, Any]]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    actors = max(1, min(len(numbers), int(there.get("CPU", 1))))
    parts = ray.data.from_items([{"part": number} for number in numbers], override_num_blocks=len(numbers))
    written = parts.map_batches(
        _PartWriter,
        fn_constructor_args=(str(folder), audio_root, description.part_clips, description.limits),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
    try:
        yield from written.iter_rows()
    except Exception as error:
        # Ray wraps what an actor raised; a line meant for the user is somewhere in the chain.
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, StudyError):
                raise StudyError(str(cause).splitlines()[-1]) from error
            cause = getattr(cause, "cause", None) or cause.__cause__
        raise


def _check_space(folder: Path, description: Description, parts: list[int]) -> None:
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
