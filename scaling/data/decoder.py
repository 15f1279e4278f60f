"""The process that decodes recordings, and all that may go wrong with them.

What a header says is believed in nothing that costs: samples are read block by block, no more of them than the clip
may have. What libsndfile itself does with a hostile file is bounded by the kernel, for this process alone
(`decoding.py` is the other side).
"""

import json
import math
import mmap
import os
import resource
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from scaling.data.clip import UnusableClipError
from scaling.data.pieces import piece

RATES = (1_000, 768_000)
"""Sample rates that are read, up to those of recorders of bats."""
CHANNELS = 64
"""Channels that a file may have: seventh-order ambisonics."""
BLOCK = 2**17
"""Samples, of all channels together, that are read at once."""
ENOUGH = 2**22
"""Samples after which an answer is given though more was asked for: what waits stays in the processor's caches."""
OUT_OF_MEMORY = 17
"""libsndfile's number for it."""


@dataclass(frozen=True)
class Bounds:
    """What decoding may take.

    samples: of one channel, float32, in the memory that is shared: 25 minutes at 44.1 kHz, one at a million hertz.
    memory: bytes of address space of the process, that memory among them.
    processor_seconds: of one clip, which takes some hundredths.
    seconds: on the clock, of what is asked for at once; a file may never be delivered.
    """

    samples: int = 2**26
    memory: int = 2**30
    processor_seconds: int = 60
    seconds: int = 300


@dataclass(frozen=True)
class Wanted:
    """What is to be decoded: `seconds` from `start` of the file at `path`, or all that follows; one channel, or the
    mean of all. More than `max_seconds` are too many. `within` says which piece of the file that is (`pieces.py`)."""

    path: str
    start: float = 0.0
    seconds: float | None = None
    channel: int | None = None
    max_seconds: float = 60.0
    within: str = ""


class _NoRoomError(Exception):
    pass


def decode(wanted: Wanted, samples: NDArray[np.float32]) -> tuple[int, int]:
    """Decode into `samples`, float32 [room]; returns how many there are, and their rate.

    A cut that runs over the end is as long as what is there. Raises `UnusableClipError`, `_NoRoomError`, and
    `MemoryError`.
    """
    try:
        status = os.stat(wanted.path)  # noqa: PTH116
    except (OSError, ValueError):
        # ValueError: a path that no file can have.
        raise UnusableClipError("missing audio file") from None
    if not stat.S_ISREG(status.st_mode):
        raise UnusableClipError("audio is not a regular file")
    if not status.st_size:
        raise UnusableClipError("unreadable audio")
    try:
        with _Forwards(piece(wanted.path, wanted.within) if wanted.within else wanted.path) as file:
            return _read(file, wanted, samples), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, OSError) as error:
        if getattr(error, "code", None) == OUT_OF_MEMORY:
            raise MemoryError from None
        # TypeError: a headerless format (.raw).
        raise UnusableClipError("unreadable audio") from None


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]
    """Read without seeking after every block, which fails at the end of a stream of unknown length."""

    def seekable(self) -> bool:
        return False


def _read(file: _Forwards, wanted: Wanted, samples: NDArray[np.float32]) -> int:
    rate, channels, channel = file.samplerate, file.channels, wanted.channel
    if not RATES[0] <= rate <= RATES[1]:
        raise UnusableClipError(f"a sample rate of {rate:,} Hz: {RATES[0]:,} to {RATES[1]:,} can be read")
    if channels > CHANNELS:
        raise UnusableClipError(f"{channels:,} channels: at most {CHANNELS} can be read")
    if channel is not None and channel >= channels:
        raise UnusableClipError(f"no channel {channel}: the audio has {channels}")
    if first := count(wanted.start, rate):
        file.seek(min(first, file.frames))
    # One more than may be is enough to know that it is too long.
    most = count(wanted.max_seconds, rate) + 1
    asked = most if wanted.seconds is None else min(count(wanted.seconds, rate), most)
    block = np.empty((BLOCK // channels, channels), np.float32)
    filled = 0
    while filled < asked:
        rest = min(asked, len(samples)) - filled
        if not rest:
            raise _NoRoomError
        into = samples[filled:][: min(rest, len(block))]
        if channels == 1:
            read = file.buffer_read_into(into, "float32")
        else:
            read = file.buffer_read_into(block[: len(into)], "float32")
            _mix(block[:read], channel, into[:read])
        if not read:
            break
        filled += read
    if filled == most:
        raise UnusableClipError(f"audio longer than {wanted.max_seconds:g} s when decoded")
    return filled


def _mix(block: NDArray[np.float32], channel: int | None, into: NDArray[np.float32]) -> None:
    """One channel of samples [samples, channels], or the mean of all."""
    into[:] = block[:, channel or 0]
    if channel is None:
        # Channel after channel is ten times as fast as numpy's mean of short rows.
        for other in range(1, block.shape[1]):
            into += block[:, other]
        into /= block.shape[1]


def count(seconds: float, rate: int) -> int:
    """How many samples there are in so many seconds, as Lhotse counts: a half is rounded up."""
    return math.floor(round(seconds * rate, 8) + 0.5)


def answers(
    requests: list[list[Any]], samples: NDArray[np.float32], bounds: Bounds, alone: bool
) -> list[dict[str, Any]]:
    """What there is to say of the first of the requests: `refused`, a reason, or where its samples begin, how many
    there are, and their rate. Of none where there is no room for the first, unless it is `alone` in all the memory."""
    given: list[dict[str, Any]] = []
    begin = 0
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    for request in requests:
        # The kernel ends this process then, whatever it is at.
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + bounds.processor_seconds, most))
        try:
            found, rate = decode(Wanted(*request), samples[begin:])
            given.append({"begin": begin, "samples": found, "rate": rate})
            begin += found
        except UnusableClipError as error:
            given.append({"refused": str(error)})
        except MemoryError:
            given.append({"refused": f"decoding takes more than {bounds.memory / 2**30:g} GiB of memory"})
        except _NoRoomError:
            if begin or not alone:
                break
            given.append({"refused": f"more than {len(samples):,} samples"})
        if begin > ENOUGH:
            break
    return given


def main() -> None:
    """Requests of a line come in, answers of a line go out."""
    bounds = Bounds(*json.loads(sys.argv[2]))
    samples = np.frombuffer(mmap.mmap(int(sys.argv[1]), 4 * bounds.samples), np.float32)
    # libsndfile writes to the standard output what it finds in some damaged files.
    given = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    # macOS does not know this bound.
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (bounds.memory if most < 0 else min(bounds.memory, most), most))
    for line in sys.stdin:
        first, end, requests = json.loads(line)
        room = samples[first:end]
        print(json.dumps(answers(requests, room, bounds, len(room) == len(samples))), file=given, flush=True)


if __name__ == "__main__":
    main()
