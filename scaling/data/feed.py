"""Batches as a pure function of (subset, seed, step): resuming in mid-epoch is exact and free.

The order of an epoch depends on (seed, epoch) alone and the caption drawn for a clip on (clip, epoch, seed),
so twins of different objectives see the same clips with the same captions in the same order.
"""

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scaling.data.features import HOP, SAMPLE_RATE
from scaling.data.keyed import keyed_generator
from scaling.data.store import Store
from scaling.models.batch import Batch
from scaling.models.tokens import BEGIN, END, PAD


@functools.lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, clips: int) -> NDArray[np.int64]:
    """The order of a subset's clips in an epoch: int64 [clips], a permutation."""
    return keyed_generator("order", seed, epoch).permutation(clips)


def padded_log_mels(store: Store, places: NDArray[np.int64], starts: NDArray[np.int64], frames: int) -> Batch:
    """`features` float32 [batch, time, 80], zero past each clip's end, and `lengths` int64 [batch], both in
    frames.

    Every clip is cut to `frames` from its start; `time` is the longest of what is left.
    """
    lengths = np.minimum(store.frames[places] - starts, frames)
    features = np.zeros((len(places), int(lengths.max()), store.log_mel(int(places[0])).shape[1]), np.float32)
    for row, (place, start, length) in enumerate(zip(places, starts, lengths, strict=True)):
        features[row, :length] = store.log_mel(int(place))[start : start + length]
    return {"features": torch.from_numpy(features), "lengths": torch.from_numpy(lengths)}


@dataclass(frozen=True)
class Feed:
    """The training batches of one run.

    `places` are the clips of its subset, `holdout_places` those its fixed loss is measured on; `batch_size`
    counts clips over all workers. A clip longer than `crop_seconds` is cropped at a random place, drawn from
    (clip, epoch, seed). With `labels` (int64 [clips of the store, tasks]) the batches carry labels, without
    they carry captions.
    """

    store: Store
    places: NDArray[np.int64]
    holdout_places: NDArray[np.int64]
    seed: int
    batch_size: int
    crop_seconds: float
    max_tokens: int
    labels: NDArray[np.int64] | None = None

    @property
    def crop_frames(self) -> int:
        return 1 + int(self.crop_seconds * SAMPLE_RATE) // HOP

    def drawn(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places and epochs of the clips of a step's batch: int64 [batch_size] each."""
        positions = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs, within = np.divmod(positions, len(self.places))
        drawn = np.empty_like(positions)
        for epoch in np.unique(epochs):
            order = epoch_order(self.seed, int(epoch), len(self.places))
            drawn[epochs == epoch] = self.places[order[within[epochs == epoch]]]
        return drawn, epochs

    def batch(self, step: int, worker: int = 0, workers: int = 1) -> Batch:
        """A worker's share of the batch of a step.

        `features`, `lengths` as in `padded_log_mels`; `tokens` int64 [batch, longest], padded, and `caption`
        int64 [batch], equal where the normalized captions are equal; or `labels` int64 [batch, tasks].
        """
        places, epochs = self.drawn(step)
        places, epochs = places[worker::workers], epochs[worker::workers]
        draws = [
            keyed_generator("clip", self.seed, int(e), int(p)).random(2) for p, e in zip(places, epochs, strict=True)
        ]
        spare = np.maximum(self.store.frames[places] - self.crop_frames, 0)
        starts = np.array([int(draw[1] * (room + 1)) for draw, room in zip(draws, spare, strict=True)])
        targets = self._targets(places, np.array([draw[0] for draw in draws]))
        return {**padded_log_mels(self.store, places, starts, self.crop_frames), **targets}

    def _targets(self, places: NDArray[np.int64], draws: NDArray[np.float64]) -> Batch:
        if self.labels is not None:
            return {"labels": torch.from_numpy(self.labels[places])}
        index = self.store.index
        drawn = [
            self.store.part(part).caption(row, draw)
            for part, row, draw in zip(index.part[places].tolist(), index.row[places].tolist(), draws, strict=True)
        ]
        encoded = [[BEGIN, *words[: self.max_tokens - 2].tolist(), END] for words, _ in drawn]
        tokens = torch.full((len(encoded), max(map(len, encoded))), PAD)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = torch.tensor(ids)
        return {"tokens": tokens, "caption": torch.tensor([number for _, number in drawn])}

    def holdout(self) -> Iterator[Batch]:
        """The holdout in batches, each clip with its first caption and cut from its beginning."""
        for first in range(0, len(self.holdout_places), self.batch_size):
            some = self.holdout_places[first : first + self.batch_size]
            log_mels = padded_log_mels(self.store, some, np.zeros_like(some), self.crop_frames)
            yield {**log_mels, **self._targets(some, np.zeros(len(some)))}

    def stream(self, first: int, last: int, worker: int = 0, workers: int = 1) -> Iterator[Batch]:
        """The batches of steps `first` to `last` - 1, each made by a thread while the one before is trained
        on."""
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as thread:
            ahead = [thread.submit(self.batch, step, worker, workers) for step in range(first, min(first + 2, last))]
            for step in range(first, last):
                ready = ahead.pop(0).result()
                if step + 2 < last:
                    ahead.append(thread.submit(self.batch, step + 2, worker, workers))
                yield ready
