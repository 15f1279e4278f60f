"""The store: what is heard of the clips, in rank order, written once; a scale is a prefix of it.

store.json          what the store was made from, and the digests of the files beside it (`description.py`)
catalogue.parquet   every clip that may be used, ranked
part-*.arrow        log-mels or audio, captions and words of consecutive ranks (`parts.py`)
index-*.arrow       the usable clips in rank order and where they lie (`index.py`)
rejects.parquet     every clip that was left out, with its reason
tokenizer.json      the words of the captions
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.data.catalogue import write_catalogue
from scaling.data.clip import STYLES
from scaling.data.description import CATALOGUE, MANIFEST_REJECTS, TOKENIZER, Description, begun, intact, not_held, seal
from scaling.data.features import log_mel
from scaling.data.index import read_index
from scaling.data.parts import DESCRIBING, SCHEMA, Part, describe
from scaling.data.tokenizer import CAPTIONS, Tokenizer
from scaling.errors import StudyError
from scaling.models.formats import Format, LogMel, Waveform, usual_log_mel
from scaling.storage.digest import file_digest
from scaling.storage.files import Location, replacing
from scaling.study.run import Subset

HOLDOUT_BOUNDS = (32, 512)
PARTS_OPEN = 4096
"""Parts whose maps a process keeps. The kernel lets it have some 65,000; an epoch comes to few at a time."""


def holdout_size(clips: int, share: float) -> int:
    """How many clips of a catalogue no subset contains."""
    low, high = HOLDOUT_BOUNDS
    return min(max(round(share * clips), low), high)


def create_store(
    folder: Location,
    ranked: pl.DataFrame,
    rejects: pl.DataFrame,
    description: Description,
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Lay down a catalogue to be prepared, and the files of `beside`, by name.

    What was begun before is begun again; what was prepared of this catalogue already stays. Raises `StudyError` where
    the folder holds something else.
    """
    files: dict[str, Callable[[Path], object]] = {
        CATALOGUE: lambda path: write_catalogue(path, ranked, description.part_clips),
        MANIFEST_REJECTS: rejects.write_parquet,
        TOKENIZER: tokenizer_of(ranked).save,
    }
    for name, content in (beside or {}).items():
        files[name] = functools.partial(Path.write_bytes, data=content)
    with begun(folder, description):
        seal(folder, {name: _written(folder / name, write) for name, write in files.items()})


def _written(path: Location, write: Callable[[Path], object]) -> str:
    """Write a file, whole or not at all; returns its digest."""
    with replacing(path) as temporary:
        write(temporary)
        return file_digest(temporary)


def tokenizer_of(ranked: pl.DataFrame) -> Tokenizer:
    """The words of a catalogue."""
    return Tokenizer.of_captions(caption for row in ranked["captions"].head(CAPTIONS).to_list() for caption in row)


def read_tokenizer(folder: Location) -> Tokenizer:
    """The words of the captions of a store. Raises `StudyError` where they are damaged."""
    return Tokenizer.load(intact(folder, TOKENIZER))


def taken(column: NDArray[Any], places: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """What a column of the index says of some places, which rise: of those that follow each other it is no copy."""
    if len(places) and places[-1] - places[0] + 1 == len(places):
        there: NDArray[Any] = column[int(places[0]) : int(places[-1]) + 1]
        return there
    return np.asarray(column[places])


@dataclass(frozen=True)
class Statistics:
    """What every run of a store knows of its data before it is trained.

    `mean` and `std` float32 [bins] of the holdout's log-mels (global mean and variance normalization, as is
    usual in speech recognition), [0] for who hears waveforms; `words` float32 [vocabulary], the log-frequencies of
    caption words. They depend neither on the size of a subset nor on what else is prepared.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    words: NDArray[np.float32]


class Store:
    """A prepared store, open for reading. Clips are addressed by their place among the usable ones, in rank
    order."""

    def __init__(self, folder: Location) -> None:
        contents, self.index = read_index(folder)
        self.folder = folder
        self.description = contents.description
        self.frames = self.index.frames
        formats = self.description.formats
        self.part = functools.lru_cache(PARTS_OPEN)(lambda number: Part(folder / self.index.parts[number], formats))
        self.statistics = functools.cache(self._statistics)

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        return read_tokenizer(self.folder)

    def _statistics(self, heard: Format) -> Statistics:
        """Statistics of the holdout, as it is heard, and of the captions."""
        if isinstance(heard, Waveform):
            nothing = np.zeros(0, np.float32)
            return Statistics(nothing, nothing, self.tokenizer.log_frequencies())
        count, sums, squares = 0, np.zeros(heard.bins), np.zeros(heard.bins)
        for place in self.holdout.tolist():
            frames = self.log_mel(place, heard).astype(np.float64)
            count += len(frames)
            sums += frames.sum(axis=0)
            squares += np.square(frames).sum(axis=0)
        mean = sums / count
        # A bin that never sounds, in 8 kHz recordings say, must not be blown up.
        std = np.sqrt(np.maximum(squares / count - mean**2, 0)).clip(1.0)
        return Statistics(mean.astype(np.float32), std.astype(np.float32), self.tokenizer.log_frequencies())

    @property
    def holdout(self) -> NDArray[np.int32]:
        """The clips that no subset contains."""
        return self.index.place[: self.description.holdout]

    def subset(self, clips: int, without: Sequence[str] = (), style: str = "") -> NDArray[np.int32]:
        """The first `clips` usable clips by rank after the holdout, of all sources but those named; with a style, of
        those that have a caption of it.

        Raises `StudyError` where there are fewer, naming the largest possible size.
        """
        places = self._places(without, style)
        if clips > len(places):
            told = Subset(clips, tuple(without), style).told
            raise StudyError(f"{clips} clips{told} asked for, the largest possible size here is {len(places)}")
        return places[:clips]

    def available(self, without: Sequence[str] = (), style: str = "") -> int:
        """How many clips the largest subset has, of all sources but those named; with a style, of those that have a
        caption of it."""
        return len(self._places(without, style))

    def _places(self, without: Sequence[str], style: str) -> NDArray[np.int32]:
        places = self.index.place[self.description.holdout :]
        if numbers := [number for number, source in enumerate(self.index.sources) if source in without]:
            places = places[~np.isin(self.index.source[self.description.holdout :], numbers)]
        return places[self.index.styles[places] & 2 ** STYLES.index(style) > 0] if style else places

    def check_holds(self, heard: Format) -> None:
        """Raise `StudyError` where the store does not hold its clips in a format, naming it and those that it holds."""
        if heard not in self.description.formats:
            raise not_held(self.folder, self.description.formats, [heard])

    @functools.cached_property
    def plain_log_mel(self) -> LogMel:
        """The format of `log_mel`, if none is named: the log-mels that are held, or the usual ones, made of the audio
        that is."""
        held = [one for one in self.description.formats if isinstance(one, LogMel)]
        return held[0] if held else usual_log_mel(self.description.rate)

    def log_mel(self, place: int, of: LogMel | None = None) -> NDArray[np.float16]:
        """float16 [frames, bins], read-only."""
        of = of or self.plain_log_mel
        if of not in self.description.formats:
            import torch

            return log_mel(torch.from_numpy(self.waveform(place)), of).numpy().astype(np.float16)
        part: Part = self.part(int(self.index.part[place]))
        return part.log_mel(int(self.index.row[place]), of)

    def waveform(self, place: int) -> NDArray[np.float32]:
        """float32 [samples]. Raises `StudyError` where the store holds no audio."""
        heard = Waveform(self.description.rate)
        self.check_holds(heard)
        part: Part = self.part(int(self.index.part[place]))
        return part.waveform(int(self.index.row[place]), heard)

    def clip_id(self, place: int) -> str:
        """The id of a clip."""
        part: Part = self.part(int(self.index.part[place]))
        return part.clip_id(int(self.index.row[place]))

    def captions(self, place: int) -> list[str]:
        """The captions of a clip."""
        part: Part = self.part(int(self.index.part[place]))
        return part.captions(int(self.index.row[place]))

    def clips(self, columns: Sequence[str] = DESCRIBING) -> pl.DataFrame:
        """What the parts say of the usable clips, a row for each: for stores that are small."""
        tables = [describe(self.folder / name, columns)[0] for name in self.index.parts]
        if not tables:
            return pl.DataFrame(pl.from_arrow(SCHEMA.empty_table().select(list(columns))))
        first = np.cumsum([0, *(len(table) for table in tables)])
        places = pl.Series(first[self.index.part] + self.index.row)
        return pl.concat(tables).select(pl.all().gather(places))
