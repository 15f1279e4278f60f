"""What all objectives share: the losses they return, and the group of workers that computes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

import torch
import torch.distributed as dist
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder

Losses = dict[str, torch.Tensor]
"""`loss` is what is minimized; the rest is reported."""


class Objective(nn.Module):
    """What an encoder is trained by. Built from its options, the encoder, the number of words in the vocabulary and the
    number of classes of every labelled task: `Mine(options, encoder, vocabulary, classes)`.

    Attributes:
        encoder: what is trained, and probed afterwards.
        text_part: the prefix of the names of the text side's weights, which `initialization.text` sets; "" without one.
    """

    encoder: Encoder
    text_part: str = ""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def start_from(self, log_frequencies: torch.Tensor) -> None:
        """Set first weights that the data decide: `log_frequencies` float32 [vocabulary] of the words of captions."""

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The losses of a worker's share of a batch; `generator` is that of the step, equal on all workers."""
        raise NotImplementedError


@runtime_checkable
class JointSpace(Protocol):
    """An objective that has learned a space in which clips and captions lie: unit vectors, float32 [batch, joint]."""

    def project_audio(self, pooled: torch.Tensor) -> torch.Tensor:
        """Of mean frames [batch, width]."""

    def embed_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Of captions int64 [batch, length]."""


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


def precise(x: torch.Tensor) -> torch.Tensor:
    """A tensor in float32 at least, as losses need it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def share_of_draws(clips: int, generator: torch.Generator) -> torch.Tensor:
    """This worker's share of one uniform draw for every clip of the whole batch: float32 [clips].

    Clips are dealt to workers in turn (as the feed does), so that a clip's draw does not depend on the number
    of workers.
    """
    everyone = workers()
    mine = dist.get_rank() if everyone > 1 else 0
    return torch.rand(clips * everyone, generator=generator)[mine::everyone]
