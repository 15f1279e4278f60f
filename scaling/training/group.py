"""What a group of workers that trains one run agrees on."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch.distributed as dist

from scaling.objectives.objective import workers

T = TypeVar("T")
MEETING_SECONDS = 0.5


def from_first(ask: Callable[[], T]) -> T:
    """What the first worker's call returns, on every worker of the group: anything that can be pickled."""
    if workers() == 1:
        return ask()
    answer = [ask()] if dist.get_rank() == 0 else [None]
    dist.broadcast_object_list(answer)
    said: T = answer[0]  # type: ignore[assignment]
    return said


class Meetings:
    """What the first worker wants its group to do after a step: stop, write a checkpoint.

    Telling it costs a round trip, and on a GPU a wait for all that is queued there, so a group meets every
    `MEETING_SECONDS`, counted in steps so that all workers know when. A request waits for the next meeting.
    """

    def __init__(self, step: int) -> None:
        self._last, self._next = step, step + 1
        self._time = time.monotonic()
        self._stop = False

    def agreed(self, step: int, stop: bool, due: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to write a checkpoint after this step, the same on every worker."""
        if workers() == 1:
            return stop, due
        # Who asks to stop asks once; steps between meetings must not lose it.
        self._stop |= stop
        if step < self._next:
            return False, False
        now = time.monotonic()
        seconds_a_step = (now - self._time) / (step - self._last)
        steps = max(1, int(MEETING_SECONDS / max(seconds_a_step, 1e-6)))
        stop, due, steps = from_first(lambda: (self._stop, due, steps))
        self._last, self._next, self._time = step, step + steps, now
        return stop, due
