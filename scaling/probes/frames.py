"""Frames of clips by a frozen encoder, kept on disk for all probes of a run.

They are half precision, in one file without a name in the cache of this node (`storage/cache.py`), read by memory map:
what the system frees when its process ends, however it ends, is never left behind.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from scaling.errors import StudyError
from scaling.storage.cache import bound, cache_folder

LARGEST = 6e4
"""Half precision ends here."""


@dataclass(frozen=True)
class Frames:
    """The frames of clips, float16 [all frames, width]: of clip i the pieces `first[i]` to `first[i + 1]` - 1, each
    with its place and its length in frames."""

    values: NDArray[np.float16]
    first: NDArray[np.int64]
    place: NDArray[np.int64]
    length: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Numbers that a frame has."""
        return int(self.values.shape[1])

    def lengths(self, clips: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """How many frames each of these clips has: int64 [n]."""
        sums = np.concatenate([[0], np.cumsum(self.length)])
        chosen = np.asarray(clips, np.int64)
        return np.asarray(sums[self.first[chosen + 1]] - sums[self.first[chosen]])

    def batch(self, clips: Sequence[int] | NDArray[np.integer[Any]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames float32 [n, longest, width], zero past a clip's end, and lengths int64 [n]."""
        lengths = self.lengths(clips)
        found = np.zeros((len(lengths), max(int(lengths.max(initial=0)), 1), self.width), np.float32)
        for row, clip in zip(found, np.asarray(clips).tolist(), strict=True):
            at = 0
            for piece in range(int(self.first[clip]), int(self.first[clip + 1])):
                start, size = int(self.place[piece]), int(self.length[piece])
                row[at : at + size] = self.values[start : start + size]
                at += size
        return torch.from_numpy(found), torch.from_numpy(lengths)


class FramesFile:
    """Where frames are kept while an encoder makes them, in any order of clips."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115
        self._clips: list[NDArray[np.int64]] = []
        self._starts: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int64]] = []
        self._written = 0

    def add(
        self, clips: NDArray[np.integer[Any]], starts: NDArray[np.int64], frames: torch.Tensor, lengths: torch.Tensor
    ) -> None:
        """A batch of pieces: of which clip each is, where in it it begins (in any unit), frames [n, time, width] and
        lengths [n].

        Raises `StudyError` where they do not fit into the cache's share of its disk, or are not finite in half
        precision.
        """
        if not bool((frames.abs() < LARGEST).all()):
            raise StudyError("frames of the encoder are not finite, or beyond half precision: it cannot be probed")
        inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        rows = frames[inside].half().cpu().numpy()
        most = bound(self._written)
        if self._written + rows.nbytes > most:
            raise StudyError(
                f"the frames of the probed clips take more than {most / 2**30:.1f} GiB of {cache_folder()}: name a "
                "folder with more room with XDG_CACHE_HOME, or leave out the probes that need frames (--probes)"
            )
        self._file.write(rows.tobytes())
        self._written += rows.nbytes
        self._clips.append(np.asarray(clips, np.int64))
        self._starts.append(starts)
        self._lengths.append(lengths.cpu().numpy().astype(np.int64))

    def frames(self, clips: int) -> Frames:
        """All that was added, of clips 0 to `clips` - 1."""
        self._file.flush()
        none = np.empty(0, np.int64)
        owner, start, length = (np.concatenate([none, *parts]) for parts in (self._clips, self._starts, self._lengths))
        place = np.concatenate([[0], np.cumsum(length)[:-1]]) if len(length) else none
        order = np.lexsort((start, owner))
        first = np.searchsorted(owner[order], np.arange(clips + 1))
        shape = (int(length.sum()), self._width)
        # An empty file cannot be mapped.
        values = np.memmap(self._file, np.float16, "r", shape=shape) if shape[0] else np.empty(shape, np.float16)
        return Frames(values, first.astype(np.int64), place[order].astype(np.int64), length[order])
