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
"""Clips asked for at once: with one a time the messages, with many caches grown cold would cost."""
BOUNDS = Bounds()

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def decoded(wanted: Iterable[Wanted]) -> Iterator[tuple[NDArray[np.float32], int] | UnusableClipError]:
    """Of each clip its samples, float32 [samples], and their rate, or why it cannot be used.

    The samples are to be used at once: they lie in memory that is written into again. While some clips are used the
    next are decoded, into the other half of it.
    """
    wanted = iter(wanted)
    some, half = list(islice(wanted, AT_ONCE)), 0
    process = _decoder()
    try:
        process.ask(some, half)
        while some:
            try:
                answers = process.answers()
            except _DiedError:
                answers = []
            if answers:
                some = some[len(answers) :] or list(islice(wanted, AT_ONCE))
                process.ask(some, 1 - half)
                for answer in answers:
                    yield process.result(answer, half)
                half = 1 - half
            else:
                # One by one, by new processes and with all the memory, it shows of which it was.
                yield from map(_decoded_alone, some)
                some, process = list(islice(wanted, AT_ONCE)), _decoder()
                process.ask(some, half)
    finally:
        # Who takes no more leaves an answer that the next one would take for its own.
        if process.asked:
            process.end()


def _decoded_alone(wanted: Wanted) -> tuple[NDArray[np.float32], int] | UnusableClipError:
    for last in (False, True):
        try:
            process = _decoder()
            process.ask([wanted])
            return process.result(process.answers()[0])
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
        self.asked = False
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

    def ask(self, wanted: list[Wanted], half: int | None = None) -> None:
        """Ask for some clips, in one half of the memory or in all of it; for none nothing is asked."""
        if not wanted:
            return
        requests, all_of_it = self.process.stdin, self._bounds.samples
        assert requests is not None
        room = (0, all_of_it) if half is None else (half * (all_of_it // 2), (1 + half) * (all_of_it // 2))
        self.asked = True
        with suppress(BrokenPipeError):
            requests.write(json.dumps([*room, [[*vars(one).values()] for one in wanted]]).encode() + b"\n")
            requests.flush()

    def answers(self) -> list[dict[str, Any]]:
        """What was asked for, see `decoder.answers`. Raises `_DiedError`; the next one to ask is then given another
        process."""
        answers = self.process.stdout
        assert answers is not None
        arrived = select.poll()
        arrived.register(answers, select.POLLIN)
        in_time = bool(arrived.poll(self._bounds.seconds * 1000))
        if in_time and (line := answers.readline()):
            self.asked = False
            return list(json.loads(line))
        self.end()
        raise self._death(in_time)

    def end(self) -> None:
        """End the process; the next one to ask is given another."""
        self.asked = False
        _decoder.cache_clear()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            # One that waits for a disk dies when it has an answer: that is not waited for.
            self.process.wait(10)

    def _death(self, in_time: bool) -> _DiedError:
        of = -(self.process.returncode or 0)
        if not in_time:
            return _DiedError(0, f"decoding takes more than {self._bounds.seconds} s")
        if of == signal.SIGXCPU:
            return _DiedError(of, f"decoding takes more than {self._bounds.processor_seconds} s of processor time")
        name = signal.Signals(of).name if of > 0 else f"exit {-of}"
        return _DiedError(of, f"the decoder dies of it ({name})")

    def result(
        self, answer: dict[str, Any], half: int | None = None
    ) -> tuple[NDArray[np.float32], int] | UnusableClipError:
        if "refused" in answer:
            return UnusableClipError(answer["refused"])
        begin = answer["begin"] + (half or 0) * (self._bounds.samples // 2)
        return self._samples[begin:][: answer["samples"]], answer["rate"]
