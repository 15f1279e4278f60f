"""The order in which a run comes to its clips: a pure function of (subset, seed, epoch), any step found at once.

An epoch visits the parts of the store in an order of its own, `WINDOW` of them at a time, and the clips of such a
window in a random order: since a part is a sample of the whole mixture, that is as good as shuffling everything, and
what is read next is known ahead. A subset of one window is shuffled whole.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaling.data.keyed import key_number, keyed_generator

WINDOW = 64
"""Parts: 16,384 clips, some 2.6 GB of log-mels of 10 s."""
Places = NDArray[np.int64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(key: str, *numbers: NDArray[Any], draws: int = 1) -> NDArray[np.float64]:
    """Draws from 0 to below 1 that depend on a key and on numbers, and on nothing else: float64 [draws, of numbers]."""
    state = np.uint64(key_number(key, "big") & (2**64 - 1))
    for number in numbers:
        state = _mixed(state + _mixed(number.astype(np.uint64) * _GOLDEN))
    several = np.arange(1, draws + 1, dtype=np.uint64)[:, None] * _GOLDEN
    drawn: NDArray[np.float64] = (_mixed(state + several) >> np.uint64(11)) * 2.0**-53
    return drawn


def _mixed(state: Any) -> Any:
    """The finalizer of splitmix64: every bit in moves every bit out."""
    with np.errstate(over="ignore"):
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))


@dataclass(frozen=True)
class Epoch:
    """`parts` in the order they are visited, by their place among the subset's; `ends` of the windows, in clips."""

    parts: Places
    ends: Places


class Order:
    """The order of a subset's clips. They are spoken of by their place in the subset; `part` is that of each, and
    never falls."""

    def __init__(self, part: NDArray[np.int32], seed: int) -> None:
        self.seed, self.clips = seed, len(part)
        # No pass over all of them, which may be more than a process should hold.
        numbers = np.arange(part[0], part[-1] + 1, dtype=part.dtype) if len(part) else part
        first = np.searchsorted(part, numbers)
        sizes = np.diff(first, append=len(part))
        self.first, self.sizes, self.numbers = first[sizes > 0], sizes[sizes > 0], numbers[sizes > 0]
        # Orders of a large subset are made window by window, as they are come to.
        self.epoch = functools.lru_cache(2)(self._epoch)
        self.window = functools.lru_cache(8)(self._window)

    @property
    def windows(self) -> int:
        """How many there are in an epoch."""
        return -(-len(self.first) // WINDOW)

    def _epoch(self, epoch: int) -> Epoch:
        parts = keyed_generator("parts", self.seed, epoch).permutation(len(self.first))
        starts = np.arange(0, len(parts), WINDOW)
        return Epoch(parts, np.cumsum(np.add.reduceat(self.sizes[parts], starts)))

    def _window(self, epoch: int, window: int) -> Places:
        parts = self.epoch(epoch).parts[window * WINDOW : (window + 1) * WINDOW]
        clips = np.concatenate([np.arange(self.first[part], self.first[part] + self.sizes[part]) for part in parts])
        return keyed_generator("window", self.seed, epoch, window).permutation(clips)

    def parts_of(self, epoch: int, window: int) -> NDArray[np.int32]:
        """The numbers of the parts of a window."""
        numbers: NDArray[np.int32] = self.numbers[self.epoch(epoch).parts[window * WINDOW : (window + 1) * WINDOW]]
        return numbers

    def following(self, epoch: int, window: int) -> tuple[int, int]:
        """The window after one, and its epoch."""
        return (epoch, window + 1) if window + 1 < self.windows else (epoch + 1, 0)

    def drawn(self, first: int, clips: int) -> tuple[Places, Places, list[tuple[int, int]]]:
        """Some clips that follow each other in the endless row of epochs, from the `first` one: the clips, the epoch of
        each, and the windows (epoch, window) that they lie in."""
        found, epochs, windows = [], [], []
        for epoch, window, some in self._stretch(first, first + clips):
            found.append(some)
            epochs.append(np.full(len(some), epoch))
            windows.append((epoch, window))
        return np.concatenate(found), np.concatenate(epochs), windows

    def _stretch(self, first: int, beyond: int) -> Iterator[tuple[int, int, Places]]:
        while first < beyond:
            epoch, within = divmod(first, self.clips)
            ends = self.epoch(epoch).ends
            window = int(np.searchsorted(ends, within, side="right"))
            start = int(ends[window - 1]) if window else 0
            some = self.window(epoch, window)[within - start :][: beyond - first]
            yield epoch, window, some
            first += len(some)
