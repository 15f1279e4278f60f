"""What all objectives share: the losses they return, and the group of workers that computes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.distributed as dist

Losses = dict[str, torch.Tensor]
"""`loss` is what is minimized; the rest is reported."""


_alone = ContextVar("alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Inside, a worker computes a loss by itself, whatever group it is in."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def workers() -> int:
    """The number of workers that compute a loss together."""
    if _alone.get() or not (dist.is_available() and dist.is_initialized()):
        return 1
    return dist.get_world_size()


def summed_over_workers(value: torch.Tensor) -> torch.Tensor:
    """The sum of a value over workers, without a gradient."""
    total = value.detach().clone()
    if workers() > 1:
        dist.all_reduce(total)
    return total


def share_of_draws(clips: int, generator: torch.Generator) -> torch.Tensor:
    """This worker's share of one uniform draw for every clip of the whole batch: float32 [clips].

    Clips are dealt to workers in turn (as the feed does), so that a clip's draw does not depend on the number
    of workers.
    """
    everyone = workers()
    mine = dist.get_rank() if everyone > 1 else 0
    return torch.rand(clips * everyone, generator=generator)[mine::everyone]
