"""Batches as a pure function of (subset, seed, step): resuming in mid-epoch is exact and free.

The order of an epoch depends on (seed, epoch) alone and the caption drawn for a clip on (clip, epoch, seed),
so twins of different objectives see the same clips with the same captions in the same order.
"""

import functools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scaling.data.batches import Batches, OfClips, OfSeconds
from scaling.data.features import LOG_MEL
from scaling.data.order import Order, uniforms
from scaling.data.store import Store, taken
from scaling.data.subwords import Subwords
from scaling.models.batch import Batch
from scaling.models.formats import FRAMES_A_SECOND, Format, LogMel
from scaling.models.tokens import BEGIN, END, PAD
from scaling.storage.files import on_disk

FETCHED_AT_ONCE = 4
"""Parts, from an object store, by one worker."""


def crop_frames(seconds: float) -> int:
    """Frames of 10 ms of a crop: where the windows of log-mels are centred, from its beginning to its end."""
    return 1 + int(seconds * 16_000) // 160


def padded(
    store: Store,
    places: NDArray[np.integer[Any]],
    starts: NDArray[np.int64],
    frames: int,
    heard: Format = LOG_MEL,
    pin: bool = False,
) -> Batch:
    """What is heard of some clips, each cut to so many frames of 10 ms from its start (in such frames).

    Of log-mels `features` float16 [batch, time, bins] and `lengths` int64 [batch] in their frames; of waveforms
    float32 [batch, samples] and `lengths` in samples. Features are zero past each clip's end; they are as long as the
    longest is.
    `pin`: in memory that a GPU copies from by itself.
    """
    most, *bins = heard.shape(frames)
    parts, rows = store.index.part[places].tolist(), store.index.row[places].tolist()
    firsts = starts * (heard.rate // FRAMES_A_SECOND)
    clips: list[NDArray[Any]]
    if isinstance(heard, LogMel):
        clips = [
            store.part(part).log_mel(row, heard)[first : first + most]
            for part, row, first in zip(parts, rows, (firsts // heard.hop).tolist(), strict=True)
        ]
    else:
        clips = [
            store.part(part).waveform(row, heard, first, most)
            for part, row, first in zip(parts, rows, firsts.tolist(), strict=True)
        ]
    lengths = np.fromiter(map(len, clips), np.int64, len(clips))
    kind = torch.float16 if bins else torch.float32
    features = torch.empty((len(clips), int(lengths.max()), *bins), dtype=kind, pin_memory=pin)
    for out, clip in zip(features.numpy(), clips, strict=True):
        out[: len(clip)] = clip
        out[len(clip) :] = 0
    return {"features": features, "lengths": torch.from_numpy(lengths)}


@dataclass(frozen=True)
class Feed:
    """The training batches of one run.

    `places` are the clips of its subset, `holdout_places` those its fixed loss is measured on; `batch_size`
    counts clips over all workers, or `batch_seconds` the seconds of audio, if it is not 0. A clip longer than
    `crop_seconds` is cropped at a random place, drawn from (clip, epoch, seed), the same whatever is heard of it. With
    `labels` (int64 [clips of the store, tasks]) the batches carry labels, without they carry captions: one drawn of a
    clip's, or its first, of all or of one style; their words as the store's parts hold them, or as `subwords` reads
    them. `heard` is the format in which the clips are handed out.

    Raises `StudyError` where the store does not hold them in it.
    """

    store: Store
    places: NDArray[np.integer[Any]]
    holdout_places: NDArray[np.integer[Any]]
    seed: int
    batch_size: int
    crop_seconds: float
    max_tokens: int
    labels: NDArray[np.int64] | None = None
    batch_seconds: float = 0.0
    heard: Format = LOG_MEL
    subwords: Subwords | None = None
    caption_style: str = ""
    first_caption: bool = False

    def __post_init__(self) -> None:
        self.store.check_holds(self.heard)

    @property
    def crop_frames(self) -> int:
        return crop_frames(self.crop_seconds)

    @functools.cached_property
    def batches(self) -> Batches:
        """Which clips are in which batch."""
        order = Order(taken(self.store.index.part, self.places), self.seed)
        if not self.batch_seconds:
            return OfClips(order, self.batch_size)
        return OfSeconds(order, taken(self.store.frames, self.places), self.crop_frames, self.batch_seconds)

    def drawn(self, step: int) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        """Places and epochs of the clips of a step's batch: int64 [batch] each."""
        draw = self.batches.draw(step)
        return self.places[draw.clips], draw.epochs

    def batch(self, step: int, worker: int = 0, workers: int = 1, pin: bool = False) -> Batch:
        """A worker's share of the batch of a step.

        `features`, `lengths` as in `padded`; `tokens` int64 [batch, longest], padded, and `caption`
        int64 [batch], equal where the normalized captions are equal; or `labels` int64 [batch, tasks].
        """
        places, epochs = self.drawn(step)
        places, epochs = places[worker::workers], epochs[worker::workers]
        which, where = uniforms(repr(("clip", self.seed)), places, epochs, draws=2)
        spare = np.maximum(self.store.frames[places] - self.crop_frames, 0)
        starts = (where * (spare + 1)).astype(np.int64)
        heard = padded(self.store, places, starts, self.crop_frames, self.heard, pin)
        batch = {**heard, **self._targets(places, which)}
        return {key: value.pin_memory() for key, value in batch.items()} if pin else batch

    def _targets(self, places: NDArray[np.integer[Any]], draws: NDArray[np.float64]) -> Batch:
        if self.labels is not None:
            return {"labels": torch.from_numpy(self.labels[places])}
        parts, rows = self.store.index.part[places].tolist(), self.store.index.row[places].tolist()
        if self.first_caption:
            draws = np.zeros_like(draws)
        which = [
            (self.store.part(part), row, draw, self.caption_style)
            for part, row, draw in zip(parts, rows, draws.tolist(), strict=True)
        ]
        drawn = [part.caption(*which_one) for part, *which_one in which]
        found: Iterable[Sequence[int] | NDArray[np.uint16]] = (some for some, _ in drawn)
        if self.subwords is not None:
            found = (self.subwords.words_of(part.normalized(*which_one)) for part, *which_one in which)
        words = [some[: self.max_tokens - 2] for some in found]
        tokens = np.full((len(words), 2 + max(map(len, words))), PAD, np.int64)
        tokens[:, 0] = BEGIN
        for row, some in zip(tokens, words, strict=True):
            row[1 : 1 + len(some)] = some
            row[1 + len(some)] = END
        return {"tokens": torch.from_numpy(tokens), "caption": torch.tensor([number for _, number in drawn])}

    def holdout(self) -> Iterator[Batch]:
        """The holdout in batches, each clip with its first caption and cut from its beginning."""
        for first in range(0, len(self.holdout_places), self.batch_size):
            some = self.holdout_places[first : first + self.batch_size]
            heard = padded(self.store, some, np.zeros_like(some), self.crop_frames, self.heard)
            yield {**heard, **self._targets(some, np.zeros(len(some)))}

    def stream(
        self, first: int, last: int, worker: int = 0, workers: int = 1, threads: int = 1, pin: bool = False
    ) -> Iterator[Batch]:
        """The batches of steps `first` to `last` - 1, made ahead by so many threads.

        The parts of the window that comes next are opened meanwhile: fetched, where they lie in an object store. Each
        worker begins with another one, as workers of a node share what they fetch.
        """
        openers = 1 if on_disk(self.store.folder) else FETCHED_AT_ONCE
        makers, opener = ThreadPoolExecutor(threads, "feed"), ThreadPoolExecutor(openers, "parts")
        ahead: deque[Future[Batch]] = deque()
        asked: set[tuple[int, int]] = set()
        ends = max(self.batches.draw(last - 1).windows) if first < last else (0, 0)

        def made(step: int) -> Batch:
            self._open_parts(step, ends, asked, opener, worker / workers)
            return self.batch(step, worker, workers, pin)

        try:
            for step in range(first, last):
                for coming in range(step + len(ahead), min(step + threads + 1, last)):
                    ahead.append(makers.submit(made, coming))
                yield ahead.popleft().result()
        finally:
            # The makers first: they hand work to the opener.
            for pool in (makers, opener):
                pool.shutdown(cancel_futures=True)

    def _open_parts(
        self, step: int, ends: tuple[int, int], asked: set[tuple[int, int]], opener: ThreadPoolExecutor, begin: float
    ) -> None:
        """Have the parts of a step's windows opened, and of those that follow, up to the run's last; of each window
        from a share of its parts on. Once a window, which is noted in `asked`; twice does no harm."""
        order = self.batches.order
        near = {each for window in self.batches.draw(step).windows for each in (window, order.following(*window))}
        new = {window for window in near if window <= ends} - asked
        asked |= new
        for window in sorted(new):
            parts = order.parts_of(*window)
            for part in np.roll(parts, -int(begin * len(parts))).tolist():
                opener.submit(self.store.part, part)
