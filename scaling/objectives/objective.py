"""What all objectives share: the losses they return, and the group of workers that computes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import nn
from torch.utils.checkpoint import checkpoint

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder

Losses = dict[str, torch.Tensor]
"""`loss` is what is minimized; the rest is reported."""

Found = dict[str, torch.Tensor]
"""What a network makes of some clips, along the first dimension of each: a row a clip, or a row a part of the batch."""


class Objective(nn.Module):
    """What an encoder is trained by. Built from its options, the encoder, the number of words in the vocabulary and the
    number of classes of every labelled task: `Mine(options, encoder, vocabulary, classes)`.

    It says what its networks make of clips (`found`), and which losses follow from that of all clips of a batch
    (`losses`); or, where it cannot be told apart so, all of it in `forward`.

    Attributes:
        encoder: what is trained, and probed afterwards.
        text_part: the prefix of the names of the text side's weights, which `initialization.text` sets; of several,
            with spaces between; "" without one.
        at_once: clips whose activations are held at once in training; 0: of the whole batch.
    """

    encoder: Encoder
    text_part: str = ""
    at_once: int = 0

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def start_from(self, log_frequencies: torch.Tensor) -> None:
        """Set first weights that the data decide: `log_frequencies` float32 [vocabulary] of the words of captions."""

    def drawn(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch with what is drawn for each of its clips; `generator` is that of the step, equal on all workers."""
        return batch

    def found(self, batch: Batch) -> Found:
        """What the networks make of some clips of a batch, whatever other clips there are."""
        raise NotImplementedError

    def losses(self, found: Found) -> Losses:
        """The losses of what was found of a worker's share of a batch; their mean over workers is that of the batch."""
        raise NotImplementedError

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The losses of a worker's share of a batch; `generator` is that of the step, equal on all workers."""
        return self.losses(found_in_parts(self.found, self.drawn(batch, generator), self.at_once))


def found_in_parts(find: Callable[[Batch], Found], batch: Batch, at_once: int) -> Found:
    """What is found of a batch, with the activations of no more than `at_once` clips in memory (0: of all).

    Gradients are those of the whole batch: a part's activations are dropped once it is found, and made again when its
    gradient is due (GradCache, Gao et al. 2021, by torch's checkpoints, which also give back the same random numbers).
    What a network draws or measures over a batch it draws and measures over a part.
    """
    if not 0 < at_once < len(batch["lengths"]):
        return find(batch)
    parts = [
        checkpoint(find, {key: value[first : first + at_once] for key, value in batch.items()}, use_reentrant=False)
        for first in range(0, len(batch["lengths"]), at_once)
    ]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


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


def gathered(rows: torch.Tensor) -> torch.Tensor:
    """The rows of all workers, those of the first worker first, with gradients to where they come from.

    Workers may have different numbers of rows.
    """
    if workers() == 1:
        return rows
    sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(workers())]
    dist.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
    counts = torch.cat(sizes).tolist()
    # What is gathered must be of one shape.
    filled = nn.functional.pad(rows, [0, 0] * (rows.ndim - 1) + [0, max(counts) - len(rows)])
    if not rows.is_floating_point():
        there = [torch.empty_like(filled) for _ in counts]
        dist.all_gather(there, filled)
    else:
        there = dist_nn.all_gather(filled)  # type: ignore[no-untyped-call]
    return torch.cat([some[:count] for some, count in zip(there, counts, strict=True)])


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
