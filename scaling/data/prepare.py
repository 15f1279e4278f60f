"""Preparation: parts of the store are written until enough clips are usable, by whatever writers it is handed."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from scaling.data.catalogue import read_catalogue
from scaling.data.clip import STYLES
from scaling.data.description import CATALOGUE, Description, intact, read_description
from scaling.data.index import indexed, indexed_parts, write_index
from scaling.data.parts import PART, prepared_parts
from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.storage.files import TEMPORARY, Location, free_bytes, names, remove
from scaling.study.run import Subset

HALF_A_PART = re.compile(TEMPORARY.format(PART))
"""What a writer that was killed has left."""
UNKNOWN_SECONDS = 10.0
"""What a clip is taken for whose manifest does not say how long it is."""
INDEXED_PARTS = 1024
"""How many parts are written before they are indexed."""
WriteParts = Callable[[Location, str, Description, list[int]], Iterable[object]]
"""Writes the parts of these numbers into a store's folder, given the audio's root; says something of each once it is
there. Raises `StudyError` where one of them cannot be written."""


class UnpreparedError(Exception):
    """Something is missing in a store that nobody was to write."""


def choosing(catalogue: pl.LazyFrame) -> pl.DataFrame:
    """What of a catalogue's clips says which subsets they are in, by rank: `source`, and of every style whether they
    have a caption of it."""
    known = "styles" in catalogue.collect_schema().names()
    has = {
        style: pl.col("styles").list.contains(style).fill_null(value=False) if known else pl.lit(value=False)
        for style in STYLES
    }
    return catalogue.select("source", **has).collect()


def clips_needed(clips: pl.DataFrame, holdout: int, subsets: Iterable[Subset]) -> int:
    """How many clips of a catalogue beside the holdout it takes for every subset of a known size, if all of them are
    usable; `clips` is what `choosing` says of it.

    Raises `StudyError` where a source is not there, or a subset is larger than what the catalogue has.
    """
    clips, needed = clips.slice(holdout), 0
    for subset in subsets:
        there = clips["source"].unique().sort().to_list()
        if unknown := sorted(set(subset.without) - set(there)):
            raise StudyError(f"no clips of source {', '.join(unknown)} here: there are {', '.join(there)}")
        kept = ~clips["source"].is_in(list(subset.without))
        if subset.style:
            kept &= clips[subset.style]
        if subset.clips == "all":
            continue
        if subset.clips > kept.sum():
            raise StudyError(
                f"{subset.clips} clips{subset.told} asked for, the largest possible size here is at most {kept.sum()}"
            )
        if subset.clips:
            needed = max(needed, int(kept.arg_true()[subset.clips - 1]) + 1)
    return needed


def catalogue_rows(folder: Location, part: int, part_clips: int) -> pl.DataFrame:
    """The ranked clips of one part."""
    return read_catalogue(intact(folder, CATALOGUE), part, part_clips)


@dataclass(frozen=True)
class Preparation:
    """Progress of a preparation: clips written so far, and of how many."""

    clips: int
    of: int


def prepare(
    folder: Location,
    audio_root: str,
    wanted: int | None,
    write_parts: WriteParts | None,
    *,
    test_hashes: Iterable[bytes] = (),
    report: Callable[[Preparation], None] = lambda _: None,
) -> int:
    """Write parts until `wanted` clips beside the holdout are usable (None: every clip of the catalogue).

    What is prepared already is kept. Without writers nothing is written, and `UnpreparedError` is raised where
    something would have to be. Returns the number of usable clips beside the holdout. Raises `StudyError` where the
    catalogue has too few, naming the largest possible size, or where the disk is too small.
    """
    description = read_description(folder)
    if description is None:
        raise StudyError(f"no catalogue in {folder}")
    if write_parts is not None:
        for name in filter(HALF_A_PART.fullmatch, names(folder)):
            remove(folder / name)
    hashes = list(test_hashes)
    last_part = -(-description.clips // description.part_clips)
    needed = description.clips if wanted is None else min(wanted + description.holdout, description.clips)
    # A part that is gone may be needed by another study: whatever was prepared is there again afterwards.
    scanned = max(-(-needed // description.part_clips), indexed_parts(folder))
    while True:
        there = set(prepared_parts(folder))
        missing = [number for number in range(min(scanned, last_part)) if number not in there]
        usable = None if missing else indexed(folder, hashes)
        if usable is None and write_parts is None:
            raise UnpreparedError
        if missing and write_parts is not None:
            _check_space(folder, description, missing)
            for done, _ in enumerate(write_parts(folder, audio_root, description, missing), start=1):
                of = min(len(missing) * description.part_clips, description.clips)
                report(Preparation(min(done * description.part_clips, of), of))
                if done % INDEXED_PARTS == 0:
                    # A start that is killed leaves so few to describe.
                    write_index(folder, hashes)
        if usable is None:
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


def prepare_subsets(
    folder: Location,
    audio_root: str,
    subsets: Sequence[Subset],
    write_parts: WriteParts | None,
    *,
    test_hashes: Sequence[bytes] = (),
    report: Callable[[Preparation], None] = lambda _: None,
) -> int:
    """Prepare until every subset is there ("all": every clip of the catalogue); returns the largest size that all of
    them can have. Raises as `prepare` and `clips_needed` do."""
    description = read_description(folder)
    if description is None:
        raise StudyError(f"no catalogue in {folder}")
    needed = clips_needed(choosing(pl.scan_parquet(intact(folder, CATALOGUE))), description.holdout, subsets)
    wanted = None if "all" in {subset.clips for subset in subsets} else needed
    while True:
        prepare(folder, audio_root, wanted, write_parts, test_hashes=test_hashes, report=report)
        store = Store(folder)
        available = {subset: store.available(subset.without, subset.style) for subset in subsets}
        short = {subset: subset.clips - there for subset, there in available.items() if subset.clips != "all"}
        most = max(short, key=lambda subset: short[subset], default=None)
        if most is None or short[most] <= 0:
            return min(available.values(), default=0)
        if wanted is None:
            raise StudyError(
                f"{most.clips} clips{most.told} asked for, the largest possible size here is {available[most]}"
            )
        # Clips that count were rejected.
        wanted += short[most]


def _check_space(folder: Location, description: Description, parts: list[int]) -> None:
    free = free_bytes(folder)
    if free is None:
        return
    catalogue = pl.scan_parquet(intact(folder, CATALOGUE)).select("rank", "seconds")
    numbers = pl.col("rank") // description.part_clips
    known = pl.col("seconds").fill_null(UNKNOWN_SECONDS)
    seconds = catalogue.filter(numbers.is_in(parts)).select(known.sum()).collect().item()
    needed = int(seconds * sum(one.bytes_a_second for one in description.formats))
    if needed > free:
        raise StudyError(
            f"no space left for the store: it needs {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free; "
            "give another folder with --store or --out"
        )
