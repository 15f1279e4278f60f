"""The store: the clips' log-mels in rank order, written once; a scale is a prefix of it.

catalogue.parquet   every clip that may be used, ranked
part-*.arrow        features of consecutive ranks (`parts.py`)
index.parquet       the usable clips in rank order and where they lie
rejects.parquet     every clip that was left out, with its reason
tokenizer.json      the words of the captions
store.json          what the store was made from; written first, as the mark that the folder is ours, and again once all
                    that is laid down lies beside it, with the digests of that
"""

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.data.features import FORMAT
from scaling.data.parts import Limits, Part, describe, part_name
from scaling.data.tokenizer import CAPTIONS, Tokenizer
from scaling.errors import StudyError
from scaling.storage.digest import file_digest
from scaling.storage.files import (
    LEASE,
    MARK,
    TEMPORARY,
    Location,
    cached,
    make_folder,
    names,
    on_disk,
    remove,
    remove_if_empty,
    replacing,
    write_json,
)
from scaling.storage.own import damaged, read_own
from scaling.storage.tables import read_parquet, write_parquet

VERSION = 2
FILE = "store.json"
CATALOGUE, REJECTED, TOKENIZER = "catalogue.parquet", "manifest-rejects.parquet", "tokenizer.json"
PART_CLIPS = 256
TASKS, LABELS = "tasks.json", "labels.parquet"
"""Of a store of labelled clips (`labelled.py`)."""
LAID_DOWN = (CATALOGUE, REJECTED, TOKENIZER, TASKS, LABELS)
HOLDOUT_BOUNDS = (32, 512)
OWN = re.compile(rf"{LEASE}|{TEMPORARY.format(LEASE)}|{TEMPORARY.format('store.json')}|{MARK}")
"""What a start that was killed, or one that is at work, may leave in a folder before there is a `store.json`."""


@dataclass(frozen=True)
class Description:
    """What a store was made from; two stores with equal descriptions hold the same clips in the same order.

    `digest` stands for the corpus and the way it was cleaned and ranked; `clips` counts the catalogue. The
    first `holdout` usable clips by rank are kept out of every subset.
    """

    digest: str
    clips: int
    holdout: int
    min_seconds: float
    max_seconds: float
    part_clips: int = PART_CLIPS

    @property
    def fingerprint(self) -> str:
        whole = repr((VERSION, sorted(FORMAT.items()), sorted(asdict(self).items())))
        return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()

    @property
    def limits(self) -> Limits:
        return Limits(self.min_seconds, self.max_seconds)


def holdout_size(clips: int, share: float) -> int:
    """How many clips of a catalogue no subset contains."""
    low, high = HOLDOUT_BOUNDS
    return min(max(round(share * clips), low), high)


@dataclass(frozen=True)
class StoreFile:
    """What `store.json` says. `files` holds the digest of everything that was laid down beside it, by name; it is empty
    where that was begun and has not ended."""

    version: int
    format: dict[str, Any]
    description: Description
    fingerprint: str
    files: dict[str, str]


def create_store(
    folder: Location,
    ranked: pl.DataFrame,
    rejects: pl.DataFrame,
    description: Description,
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Lay down a catalogue to be prepared, and the files of `beside`, by name. What was begun before is begun again.

    Raises `StudyError` where the folder holds something else.
    """
    files: dict[str, Callable[[Path], object]] = {
        CATALOGUE: lambda path: ranked.write_parquet(path, row_group_size=description.part_clips),
        REJECTED: rejects.write_parquet,
        TOKENIZER: tokenizer_of(ranked).save,
    }
    for name, content in (beside or {}).items():
        files[name] = functools.partial(Path.write_bytes, data=content)
    with begun(folder, description):
        digests = {name: _written(folder / name, write) for name, write in files.items()}
        _write_store_file(folder, description, digests)


@contextmanager
def begun(folder: Location, description: Description) -> Iterator[None]:
    """A folder marked as that of a store that is being laid down in the block; where the disk has no room for it,
    nothing of it is left.

    Raises `StudyError` where it holds something else.
    """
    check_free(folder)
    made = make_folder(folder)
    try:
        _write_store_file(folder, description, {})
        yield
    except StudyError:
        for name in (*LAID_DOWN, FILE):
            remove(folder / name)
        for each in made:
            remove_if_empty(each)
        raise


def tokenizer_of(ranked: pl.DataFrame) -> Tokenizer:
    """The words of a catalogue."""
    return Tokenizer.of_captions(caption for row in ranked["captions"].head(CAPTIONS).to_list() for caption in row)


def _written(path: Location, write: Callable[[Path], object]) -> str:
    """Write a file, whole or not at all; returns its digest."""
    with replacing(path) as temporary:
        write(temporary)
        return file_digest(temporary)


def _write_store_file(folder: Location, description: Description, files: dict[str, str]) -> None:
    write_json(folder / FILE, asdict(StoreFile(VERSION, FORMAT, description, description.fingerprint, files)))


def check_free(folder: Location) -> None:
    """Raise `StudyError` where a folder holds what is neither a store nor a store's beginning: nothing of it is ever
    written over."""
    if read_store_file(folder) is None and (others := [name for name in names(folder) if not OWN.fullmatch(name)]):
        raise StudyError(
            f"{folder} holds no store, but {others[0]}{' and more' if len(others) > 1 else ''}: "
            "give a new or empty folder with --store or --out"
        )


@dataclass(frozen=True)
class _Versioned:
    version: int


def read_store_file(folder: Location) -> StoreFile | None:
    """What the `store.json` of a folder says, or None where there is none.

    Raises `StudyError` where it is damaged, or of another version or feature format.
    """
    path, cure = folder / FILE, "prepare into another folder with --store or --out, or remove this one"
    try:
        version = read_own(path, _Versioned, cure).version
        there = read_own(path, StoreFile, cure) if version == VERSION else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    if there is None or there.format != FORMAT:
        raise StudyError(
            f"the store in {folder} is of version {version}, this project writes version {VERSION} with its own "
            "feature settings: prepare into another folder with --store"
        )
    if there.fingerprint != there.description.fingerprint:
        raise damaged(path, "its fingerprint is another", cure)
    return there


def read_description(folder: Location) -> Description | None:
    """What the store in `folder` was made from, or None where there is no store yet, or only the beginning of one.

    Raises `StudyError` as `read_store_file` does.
    """
    there = read_store_file(folder)
    return there.description if there is not None and there.files else None


def prepared_parts(folder: Location) -> list[int]:
    """The numbers of the parts that are there."""
    return sorted(int(name[5:-6]) for name in names(folder) if name.startswith("part-") and name.endswith(".arrow"))


def write_index(folder: Location, test_hashes: Iterable[bytes] = ()) -> int:
    """Index the usable clips of the parts that are there, and write down every rejected one.

    Only parts without a gap before them count: a prefix has no holes. A clip that plays the same samples as
    an earlier one, or as a labelled test clip, is rejected here. Returns the number of usable clips.
    """
    tables, rejects = [], [read_parquet(folder / REJECTED)]
    there = [number for expected, number in enumerate(prepared_parts(folder)) if number == expected]
    # Object stores take their time for each part, and their client's retries are for all threads together.
    with ThreadPoolExecutor(1 if on_disk(folder) else 4) as several:
        described = several.map(lambda number: describe(folder / part_name(number)), there)
        for number, (table, rejected) in zip(there, described, strict=True):
            tables.append(table.with_columns(part=pl.lit(number), row=pl.int_range(len(table))))
            rejects.append(rejected)
    clips = pl.concat(tables).sort("rank")
    audio = pl.read_parquet(cached(folder / CATALOGUE), columns=["rank", "audio"])
    clips = clips.join(audio, on="rank", how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("audio_hash").is_in(list(test_hashes)))
        .then(pl.lit("leak: same audio as a labelled test or validation clip"))
        .when(~pl.col("audio_hash").is_first_distinct())
        .then(pl.lit("same audio as an earlier clip"))
    )
    clips = clips.with_columns(reason=reason, stage=pl.lit("audio"))
    rejects.append(clips.filter(pl.col("reason").is_not_null()).select(rejects[0].columns))
    usable = clips.filter(pl.col("reason").is_null()).drop("reason", "stage")
    write_parquet(folder / "rejects.parquet", pl.concat(rejects))
    write_parquet(folder / "index.parquet", usable)
    return len(usable)


@dataclass(frozen=True)
class Statistics:
    """What every run of a store knows of its data before it is trained.

    `mean` and `std` float32 [80] of the holdout's log-mels (global mean and variance normalization, as is
    usual in speech recognition); `words` float32 [vocabulary], the log-frequencies of caption words. They
    depend neither on the size of a subset nor on what else is prepared.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    words: NDArray[np.float32]


class Store:
    """A prepared store, open for reading. Clips are addressed by their place among the usable ones, in rank
    order."""

    def __init__(self, folder: Location) -> None:
        description = read_description(folder)
        if description is None or not (folder / "index.parquet").exists():
            raise StudyError(f"no prepared store in {folder}: start the study again, it prepares one")
        self.folder = folder
        self.description = description
        self.index = read_parquet(folder / "index.parquet")
        self.frames: NDArray[np.int64] = self.index["frames"].cast(pl.Int64).to_numpy()
        self.part = functools.lru_cache(maxsize=4096)(lambda number: Part(cached(folder / part_name(number))))
        self._part_numbers = self.index["part"].to_numpy()
        self._rows = self.index["row"].to_numpy()

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self.folder / TOKENIZER)

    @functools.cached_property
    def statistics(self) -> Statistics:
        """Statistics of the holdout's log-mels and of the captions."""
        frames = np.concatenate([self.log_mel(int(place)) for place in self.holdout]).astype(np.float32)
        # A bin that never sounds, in 8 kHz recordings say, must not be blown up.
        return Statistics(frames.mean(axis=0), frames.std(axis=0).clip(1.0), self.tokenizer.log_frequencies())

    @property
    def holdout(self) -> NDArray[np.int64]:
        """The clips that no subset contains."""
        return np.arange(min(self.description.holdout, len(self)))

    def subset(self, clips: int, without: Sequence[str] = ()) -> NDArray[np.int64]:
        """The first `clips` usable clips by rank after the holdout, of all sources but those named.

        Raises `StudyError` where there are fewer, naming the largest possible size.
        """
        places = self._places(without)
        if clips > len(places):
            raise StudyError(f"{clips} clips asked for, the largest possible size here is {len(places)}")
        return places[:clips]

    def available(self, without: Sequence[str] = ()) -> int:
        """How many clips the largest subset has, of all sources but those named."""
        return len(self._places(without))

    def _places(self, without: Sequence[str]) -> NDArray[np.int64]:
        places = np.arange(self.description.holdout, len(self))
        return places[~self.index["source"].is_in(list(without)).to_numpy()[places]] if without else places

    def log_mel(self, place: int) -> NDArray[np.float16]:
        """float16 [frames, 80], read-only."""
        features: NDArray[np.float16] = self.part(int(self._part_numbers[place])).log_mel(int(self._rows[place]))
        return features

    def captions(self, places: NDArray[np.int64]) -> list[list[str]]:
        """The captions of each of the clips."""
        captions: list[list[str]] = self.index["captions"].gather(places).to_list()
        return captions
