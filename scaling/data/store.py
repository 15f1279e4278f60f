"""The store: the clips' log-mels in rank order, written once; a scale is a prefix of it.

catalogue.parquet   every clip that may be used, ranked
part-*.arrow        features of consecutive ranks (`parts.py`)
index.parquet       the usable clips in rank order and where they lie
rejects.parquet     every clip that was left out, with its reason
tokenizer.json      the words of the captions
store.json          what the store was made from
"""

import functools
import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.data.features import FORMAT
from scaling.data.parts import Limits, Part, describe, part_name
from scaling.data.tokenizer import CAPTIONS, Tokenizer
from scaling.errors import StudyError
from scaling.storage.files import Location, cached, make_folder, names, on_disk, read_json, write_json
from scaling.storage.tables import read_parquet, write_parquet

VERSION = 1
PART_CLIPS = 256
HOLDOUT_BOUNDS = (32, 512)


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


def create_store(folder: Location, ranked: pl.DataFrame, rejects: pl.DataFrame, description: Description) -> None:
    """Lay down a catalogue to be prepared; `store.json` comes last, so that a store has all of it or is none."""
    make_folder(folder)
    write_parquet(folder / "catalogue.parquet", ranked, row_group_size=description.part_clips)
    write_parquet(folder / "manifest-rejects.parquet", rejects)
    captions = (caption for row in ranked["captions"].head(CAPTIONS).to_list() for caption in row)
    Tokenizer.of_captions(captions).save(folder / "tokenizer.json")
    fields = {
        **asdict(description),
        "version": VERSION,
        "format": FORMAT,
        "fingerprint": description.fingerprint,
    }
    write_json(folder / "store.json", fields)


def read_description(folder: Location) -> Description | None:
    """What the store in `folder` was made from, or None where there is no store yet.

    Raises `StudyError` for a store of another version or feature format.
    """
    path = folder / "store.json"
    if not path.exists():
        return None
    fields = read_json(path)
    version, form = fields.pop("version", None), fields.pop("format", None)
    if version != VERSION or form != FORMAT:
        raise StudyError(
            f"the store in {folder} is of version {version}, this project writes version {VERSION} with its own "
            "feature settings: prepare into another folder with --store"
        )
    fields.pop("fingerprint")
    return Description(**fields)


def prepared_parts(folder: Location) -> list[int]:
    """The numbers of the parts that are there."""
    return sorted(int(name[5:-6]) for name in names(folder) if name.startswith("part-") and name.endswith(".arrow"))


def write_index(folder: Location, test_hashes: Iterable[bytes] = ()) -> int:
    """Index the usable clips of the parts that are there, and write down every rejected one.

    Only parts without a gap before them count: a prefix has no holes. A clip that plays the same samples as
    an earlier one, or as a labelled test clip, is rejected here. Returns the number of usable clips.
    """
    tables, rejects = [], [read_parquet(folder / "manifest-rejects.parquet")]
    there = [number for expected, number in enumerate(prepared_parts(folder)) if number == expected]
    # Object stores take their time for each part, and their client's retries are for all threads together.
    with ThreadPoolExecutor(1 if on_disk(folder) else 4) as several:
        described = several.map(lambda number: describe(folder / part_name(number)), there)
        for number, (table, rejected) in zip(there, described, strict=True):
            tables.append(table.with_columns(part=pl.lit(number), row=pl.int_range(len(table))))
            rejects.append(rejected)
    clips = pl.concat(tables).sort("rank")
    audio = pl.read_parquet(cached(folder / "catalogue.parquet"), columns=["rank", "audio"])
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
        return Tokenizer.load(self.folder / "tokenizer.json")

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
