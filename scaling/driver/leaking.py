"""Which evaluation clips are in a store, and from which size on a subset has them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from scaling.data.clip import Clip, UnusableClipError
from scaling.data.columns import audio_place
from scaling.data.corpus import LABELLED_SECONDS
from scaling.data.description import CATALOGUE, intact, read_description
from scaling.data.features import Cut, waveforms
from scaling.data.leaks import keys_of, read_lists
from scaling.data.parts import audio_hash
from scaling.data.store import Store
from scaling.data.tasks.task import Labelled
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError
from scaling.storage.files import Location


def leaks(folder: Location, tasks: Path | None, lists: Sequence[Path], audio_root: str) -> Iterator[str]:
    """A line a clip of the store that is also a test or validation clip of these tasks, or in these lists: by its file
    (under `audio_root`), by its id, or by its samples.

    Raises `StudyError` where there is no prepared store.
    """
    if read_description(folder) is None:
        raise StudyError(f"no catalogue in {folder}")
    store = Store(folder)
    clips = store.clips(["id", "source", "audio", "audio_hash"]).with_row_index("place")
    inside = "within" in pl.scan_parquet(intact(folder, CATALOGUE)).collect_schema().names()
    by_file: dict[str, str] = {}
    by_key = read_lists(lists)
    by_hash: dict[bytes, str] = {}
    if tasks is not None:
        labelled, rate = read_tasks(tasks), store.description.formats[0].rate
        for clip, hashed in zip(held_out(labelled), _hashes(labelled, rate), strict=True):
            by_file[audio_place(clip.audio, labelled.root)] = clip.id
            by_key[f"name:{clip.id.rpartition('/')[2].rpartition('.')[0]}"] = clip.id
            if hashed is not None:
                by_hash[hashed] = clip.id
    for row in clips.iter_rows(named=True):
        name = row["id"].removeprefix(f"{row['source']}/")
        keys = keys_of(name, row["audio"], inside)
        if found := by_hash.get(row["audio_hash"]):
            yield _line(store, row, f"sounds as {found}")
        elif not inside and (found := by_file.get(audio_place(row["audio"], audio_root))):
            yield _line(store, row, f"is the file {found}")
        elif found := next((by_key[key] for key in keys if key in by_key), None):
            yield _line(store, row, f"is called as {found}")


def held_out(labelled: Labelled) -> list[Clip]:
    """The test and validation clips of any task."""
    ids = labelled.held_out_ids()
    return [clip for clip in labelled.clips if clip.id in ids]


def _hashes(labelled: Labelled, rate: int) -> Iterator[bytes | None]:
    """What a part says of the samples of each of them; None of one that cannot be heard."""
    cuts = [Cut(clip.audio) for clip in held_out(labelled)]
    for samples in waveforms(cuts, labelled.root, rate=rate, max_seconds=LABELLED_SECONDS):
        if isinstance(samples, UnusableClipError):
            yield None
        else:
            yield audio_hash(samples)


def _line(store: Store, row: dict[str, object], what: str) -> str:
    place = int(str(row["place"])) - store.description.holdout
    where = "in the holdout" if place < 0 else f"in subsets of {place + 1:,} clips and more"
    return f"{row['id']} {what}: {where}"
