"""Decoding in a process of its own, so that no file can take this one down: whatever becomes of that process, there is
a reason to record.

Samples come back through memory that both share, those of a few clips at a time: a good clip pays for no more than its
share of two small messages.
"""

import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaling.data import decoder
from scaling.data.clip import UnusableClipError
from scaling.data.decoder import Bounds, Wanted

AT_ONCE = 4
"""Clips asked for at once. With one a time the messages, and caches grown cold, were 2 to 5 % of preparing a clip."""
BOUNDS = Bounds()

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def decoded(wanted: Iterable[Wanted]) -> Iterator[tuple[NDArray[np.float32], int] | UnusableClipError]:
    """Of each clip its samples, float32 [samples], and their rate, or why it cannot be used.

    The samples are to be used at once: they lie in memory that is written into again.
    """
    wanted = iter(wanted)
    while some := list(islice(wanted, AT_ONCE)):
        while some:
            try:
                process = _decoder()
                answers = process.answers(some)
            except _DiedError:
                # One by one, by new processes, it shows of which it was.
                yield from map(_decoded_alone, some)
                break
            for answer in answers:
                yield process.result(answer)
            some = some[len(answers) :]


def _decoded_alone(wanted: Wanted) -> tuple[NDArray[np.float32], int] | UnusableClipError:
    for last in (False, True):
        try:
            process = _decoder()
            return process.result(*process.answers([wanted]))
        except _DiedError as died:
            # Of one that was killed from outside the clip may be innocent.
            if last or died.of not in _FROM_OUTSIDE:
                return UnusableClipError(died.cause)
    raise AssertionError


class _DiedError(Exception):
    def __init__(self, of: int, cause: str) -> None:
        self.of, self.cause = of, cause


@cache
def _decoder() -> "_Decoder":
    return _Decoder(BOUNDS)


def _memory() -> int:
    """Memory that another process can be handed, as a file; where there is none (macOS), a file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("samples")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class _Decoder:
    """A decoding process, and the memory that it writes into. It ends when this process does."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        memory = _memory()
        os.ftruncate(memory, 4 * bounds.samples)
        self._samples = np.frombuffer(mmap.mmap(memory, 4 * bounds.samples), np.float32)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", decoder.__name__, str(memory), json.dumps(astuple(bounds))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[memory],
            # What is typed at a terminal is meant for this process.
            start_new_session=True,
            # Modules are found where this process finds them; threads of numpy's would take address space.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
        )
        os.close(memory)

    def answers(self, wanted: list[Wanted]) -> list[dict[str, Any]]:
        """See `decoder.answers`. Raises `_DiedError`; the next one to ask is then given another process."""
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None
        assert answers is not None
        with suppress(BrokenPipeError):
            requests.write(json.dumps([[*vars(one).values()] for one in wanted]).encode() + b"\n")
            requests.flush()
        arrived = select.poll()
        arrived.register(answers, select.POLLIN)
        in_time = bool(arrived.poll(self._bounds.seconds * 1000))
        if in_time and (line := answers.readline()):
            return list(json.loads(line))
        _decoder.cache_clear()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            # One that waits for a disk dies when it has an answer: that is not waited for.
            self.process.wait(10)
        raise self._death(in_time)

    def _death(self, in_time: bool) -> _DiedError:
        of = -(self.process.returncode or 0)
        if not in_time:
            return _DiedError(0, f"decoding takes more than {self._bounds.seconds} s")
        if of == signal.SIGXCPU:
            return _DiedError(of, f"decoding takes more than {self._bounds.processor_seconds} s of processor time")
        name = signal.Signals(of).name if of > 0 else f"exit {-of}"
        return _DiedError(of, f"the decoder dies of it ({name})")

    def result(self, answer: dict[str, Any]) -> tuple[NDArray[np.float32], int] | UnusableClipError:
        if "refused" in answer:
            return UnusableClipError(answer["refused"])
        return self._samples[answer["begin"] :][: answer["samples"]], answer["rate"]
