"""Which clips are a step's batch: so many clips, or so many seconds of audio.

Batches of seconds are of clips of like length, so that little of them is padding: the clips of a subset stand in
buckets by length, every bucket is gone through in the order of the epoch, and whose turn it is is drawn so that all of
them come to an epoch's end together. Both ways a step is found at once, whatever came before it.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scaling.data.order import WINDOW, Order, Places, uniforms
from scaling.errors import StudyError
from scaling.study.run import Run

FRAMES_A_SECOND = 100
WIDEST = 1.06
"""How much longer than its shortest clip a bucket's longest may be, where there are clips enough."""
LEAST_BATCHES = 2
"""Batches of its own clips that a bucket has at least, or a batch would be the same clips in every epoch."""
PIECE = 4096
TOGETHER = 256
"""Steps whose buckets are drawn at once."""


@dataclass(frozen=True)
class Draw:
    """The clips of a batch, by their place in the subset, and the epoch of each: int64 [batch]; and the windows of the
    order, as (epoch, window), that they lie in."""

    clips: Places
    epochs: Places
    windows: list[tuple[int, int]]


class Batches(Protocol):
    """The batches of a run, all workers' together."""

    order: Order

    def draw(self, step: int) -> Draw:
        """The batch of a step."""

    def clips_seen(self, steps: int) -> int:
        """How many clips the first batches have together."""

    def shares(self, workers: int) -> bool:
        """Whether every batch can be shared out to so many workers equally."""


class OfClips:
    """Batches of `size` clips."""

    def __init__(self, order: Order, size: int) -> None:
        self.order, self.size = order, size

    def draw(self, step: int) -> Draw:
        return Draw(*self.order.drawn(step * self.size, self.size))

    def clips_seen(self, steps: int) -> int:
        return steps * self.size

    def shares(self, workers: int) -> bool:
        return self.size % workers == 0


class OfSeconds:
    """Batches of at most `seconds` of audio, padding included; `frames` is the length of every clip of the subset, of
    which no more than `crop` are used.

    Attributes:
        longest: frames of the longest clip of each bucket: int64 [buckets], rising.
        sizes: clips in a batch of each bucket, a multiple of `unit`: int64 [buckets].
        clips: clips of each bucket: int64 [buckets].
    """

    def __init__(self, order: Order, frames: NDArray[np.int32], crop: int, seconds: float) -> None:
        self.order, self.frames, self.crop = order, frames, crop
        budget = int(seconds * FRAMES_A_SECOND) + 1
        clips = np.zeros(crop + 1, np.int64)
        for first, beyond in self._pieces():
            some = frames[order.first[first] : order.first[beyond - 1] + order.sizes[beyond - 1]]
            clips += np.bincount(np.minimum(some, crop), minlength=crop + 1)
        self.unit = unit_of(budget, int(np.flatnonzero(clips)[-1]))
        self.longest, self.sizes, self.clips = _buckets(clips, budget, self.unit)
        self._of_length = np.searchsorted(self.longest, np.arange(crop + 1)).astype(np.int16)
        self._in_part = np.concatenate([self._counted(first, beyond) for first, beyond in self._pieces()])
        self.rates = self.clips / self.sizes
        self._in_windows = functools.lru_cache(2)(self._ends)
        self._turns = functools.lru_cache(4)(self._drawn_turns)

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """The subset's parts, `PIECE` of them at a time: of lengths, no more than theirs are in memory at once."""
        parts = len(self.order.first)
        return ((first, min(first + PIECE, parts)) for first in range(0, parts, PIECE))

    def _counted(self, first: int, beyond: int) -> NDArray[np.uint16]:
        """How many clips of each bucket some parts hold: [parts, buckets]."""
        sizes, buckets = self.order.sizes[first:beyond], len(self.longest)
        start = self.order.first[first]
        of_part = np.repeat(np.arange(len(sizes)), sizes)
        bucket = self._bucket(self.frames[start : start + sizes.sum()])
        counts = np.bincount(of_part * buckets + bucket, minlength=len(sizes) * buckets)
        return counts.reshape(len(sizes), buckets).astype(np.uint16)

    def _bucket(self, frames: NDArray[np.int32]) -> NDArray[np.int16]:
        """The bucket of clips of these lengths."""
        bucket: NDArray[np.int16] = self._of_length[np.minimum(frames, self.crop)]
        return bucket

    def _ends(self, epoch: int) -> Places:
        """How many clips of each bucket an epoch's windows hold up to each one's end: int64 [windows, buckets]."""
        parts = self.order.epoch(epoch).parts
        starts = np.arange(0, len(parts), WINDOW)
        ends: Places = np.cumsum(np.add.reduceat(self._in_part[parts], starts, dtype=np.int64), axis=0)
        return ends

    def draw(self, step: int) -> Draw:
        bucket, number = self._turn(step)
        size, of = int(self.sizes[bucket]), int(self.clips[bucket])
        found, epochs, windows = [], [], []
        first = number * size
        while first < (number + 1) * size:
            epoch, within = divmod(first, of)
            ends = self._in_windows(epoch)[:, bucket]
            window = int(np.searchsorted(ends, within, side="right"))
            start = int(ends[window - 1]) if window else 0
            clips = self.order.window(epoch, window)
            mine = clips[self._bucket(self.frames[clips]) == bucket][within - start :][: (number + 1) * size - first]
            found.append(mine)
            epochs.append(np.full(len(mine), epoch))
            windows.append((epoch, window))
            first += len(mine)
        return Draw(np.concatenate(found), np.concatenate(epochs), windows)

    def clips_seen(self, steps: int) -> int:
        block = self._block_of(steps)
        before = self._before(block)
        buckets, _ = self._turns(block)
        more = self.sizes[buckets[: steps - int(before.sum())]]
        return int(before @ self.sizes) + int(more.sum())

    def shares(self, workers: int) -> bool:
        return self.unit % workers == 0

    def _turn(self, step: int) -> tuple[int, int]:
        """Whose turn a step is, and how many batches of that bucket came before."""
        block = self._block_of(step)
        buckets, numbers = self._turns(block)
        at = step - int(self._before(block).sum())
        return int(buckets[at]), int(numbers[at])

    def _before(self, block: int) -> Places:
        """How many batches of each bucket come before a block of time.

        Batch k of a bucket has its time in ((k to k + 1) / rate of the bucket), in epochs.
        """
        passed = block * TOGETHER / self.rates.sum() * self.rates
        whole = np.floor(passed).astype(np.int64)
        before: Places = whole + (self._jitter(np.arange(len(whole)), whole) < passed - whole)
        return before

    def _jitter(self, buckets: Places, numbers: Places) -> NDArray[np.float64]:
        jitter: NDArray[np.float64] = uniforms(repr(("turns", self.order.seed)), buckets, numbers)[0]
        return jitter

    def _block_of(self, step: int) -> int:
        """The block of time that a step lies in: the last one that begins before it or with it."""
        block = step // TOGETHER
        while int(self._before(block).sum()) > step:
            block -= 1
        while int(self._before(block + 1).sum()) <= step:
            block += 1
        return block

    def _drawn_turns(self, block: int) -> tuple[Places, Places]:
        """The bucket of each step of a block of time, and the number of its batch."""
        first, beyond = self._before(block), self._before(block + 1)
        buckets = np.repeat(np.arange(len(first)), beyond - first)
        numbers = np.concatenate([np.arange(one, other) for one, other in zip(first, beyond, strict=True)])
        times = (numbers + self._jitter(buckets, numbers)) / self.rates[buckets]
        in_time = np.lexsort((buckets, times))
        return buckets[in_time], numbers[in_time]


def unit_of(budget: int, longest: int) -> int:
    """What the clips of every batch are a multiple of, so that 1, 2, 4, 8, … workers can share it: at least 8 where so
    many of the longest clips fit, and no more than a quarter of those that do."""
    room = max(budget // longest, 1)
    powers = 2 ** np.arange(20)
    eight = powers[(powers <= room) & (powers <= 8)].max()
    return int(max(eight, powers[powers <= max(room // 4, 1)].max()))


def check_shares(run: Run, workers: int) -> None:
    """Raise `StudyError` for a run whose batches cannot be shared out to so many workers equally, whatever its clips
    are. Batches of seconds are of a power of two of clips, or of a multiple of one."""
    of = run.optimization
    parts = workers * of.accumulate
    if of.batch_size % parts if not of.batch_seconds else parts & (parts - 1):
        raise unshared(run, workers)


def unshared(run: Run, workers: int) -> StudyError:
    """What is said of a run whose batches cannot be shared out."""
    of = run.optimization
    batch = f"{of.batch_seconds:g} s" if of.batch_seconds else f"{of.batch_size} clips"
    into = f", in {of.accumulate} parts each" if of.accumulate > 1 else ""
    return StudyError(f"a batch of {batch} cannot be shared out equally to {workers} workers{into}")


def _buckets(clips: Places, budget: int, unit: int) -> tuple[Places, Places, Places]:
    """Longest clip, clips in a batch, and clips, of each bucket; `clips` counts the clips of each length."""
    lengths = np.flatnonzero(clips)[::-1]
    found: list[tuple[int, int, int]] = []
    at = 0
    while at < len(lengths):
        longest = int(lengths[at])
        size = max(budget // longest // unit, 1) * unit
        held, beyond = 0, at
        while beyond < len(lengths) and (lengths[beyond] * WIDEST >= longest or held < LEAST_BATCHES * size):
            held += int(clips[lengths[beyond]])
            beyond += 1
        found.append((longest, size, held))
        at = beyond
    if len(found) > 1 and found[-1][2] < LEAST_BATCHES * found[-1][1]:
        # The shortest clips are too few for a bucket of their own.
        (longest, size, held), (_, _, few) = found[-2:]
        found[-2:] = [(longest, size, held + few)]
    columns = np.array(found[::-1])
    return columns[:, 0], columns[:, 1], columns[:, 2]
