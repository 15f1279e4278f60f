"""What a group of workers that trains one run agrees on."""

from collections.abc import Callable
from typing import TypeVar

import torch.distributed as dist

from scaling.objectives.objective import workers

T = TypeVar("T")


def from_first(ask: Callable[[], T]) -> T:
    """What the first worker's call returns, on every worker of the group: anything that can be pickled."""
    if workers() == 1:
        return ask()
    answer = [ask()] if dist.get_rank() == 0 else [None]
    dist.broadcast_object_list(answer)
    said: T = answer[0]  # type: ignore[assignment]
    return said
