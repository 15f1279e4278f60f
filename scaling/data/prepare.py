"""Preparation: parts of the store are written until enough clips are usable, by whatever writers it is handed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from scaling.data.features import HOP, MEL_BINS, SAMPLE_RATE
from scaling.data.store import Description, prepared_parts, read_description, write_index
from scaling.errors import StudyError
from scaling.storage.files import Location, cached, free_bytes, names, remove

WriteParts = Callable[[Location, str, Description, list[int]], Iterable[object]]
"""Writes the parts of these numbers into a store's folder, given the audio's root; says something of each once it is
there. Raises `StudyError` where one of them cannot be written."""


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
    write_parts: WriteParts,
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


def _check_space(folder: Location, description: Description, parts: list[int]) -> None:
    free = free_bytes(folder)
    if free is None:
        return
    catalogue = pl.scan_parquet(cached(folder / "catalogue.parquet")).select("rank", "seconds")
    numbers = pl.col("rank") // description.part_clips
    seconds = catalogue.filter(numbers.is_in(parts)).select(pl.col("seconds").sum()).collect().item()
    needed = int(seconds * SAMPLE_RATE / HOP * MEL_BINS * 2)
    if needed > free:
        raise StudyError(
            f"no space left for the store: it needs {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free; "
            "give another folder with --store or --out"
        )
