"""What is measured of a run's model: its loss and its encoder's rank on the fixed holdout, its size and cost, a digest
of its weights."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import nn

from scaling.data.feed import Feed
from scaling.models.batch import Batch
from scaling.models.flops import counted
from scaling.models.pooling import masked_mean
from scaling.models.rank_me import rank_me
from scaling.objectives.objective import Objective, alone
from scaling.study.run import Run
from scaling.training.staging import on_device

HOLDOUT_BATCH = 512
"""Clips the holdout loss is taken over at once, whatever the batch size: the contrastive loss depends on it."""


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU; on a CPU everything stays float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


class Holdout(NamedTuple):
    """What is measured on the fixed holdout: the loss, and the effective rank of the encoder's mean frames (`rank_me`;
    None where they are not finite)."""

    loss: float
    rank_me: float | None


@torch.no_grad()
def measured_holdout(feed: Feed, module: Objective, device: torch.device) -> Holdout:
    """The loss on the fixed holdout, no masks, the draws of a fixed generator, and the rank of what the encoder makes
    of these clips on the way; computed by one worker alone.

    They do not depend on the run's batch size.
    """
    training = module.training
    module.eval()
    generator = torch.Generator().manual_seed(0)
    total, clips = 0.0, 0
    means: list[torch.Tensor] = []

    def keep(_: nn.Module, __: object, made: tuple[torch.Tensor, torch.Tensor]) -> None:
        means.append(masked_mean(made[0].float(), made[1]).cpu())

    listening = module.encoder.register_forward_hook(keep)
    try:
        with alone(), autocast(device):
            for batch in _regrouped(feed.holdout(), HOLDOUT_BATCH):
                loss = module(on_device(batch, device), generator)["loss"]
                total += loss.item() * len(batch["lengths"])
                clips += len(batch["lengths"])
    finally:
        listening.remove()
    module.train(training)
    embeddings = torch.cat(means) if means else torch.zeros(0, 1)
    ranked = bool(embeddings.numel()) and bool(embeddings.isfinite().all())
    return Holdout(total / max(clips, 1), rank_me(embeddings) if ranked else None)


def _regrouped(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The clips of some batches in batches of `size`, padded with zeros as the feed pads."""
    clips: list[Batch] = []
    for batch in batches:
        clips += [{key: value[row] for key, value in batch.items()} for row in range(len(batch["lengths"]))]
        while len(clips) >= size:
            yield _collated(clips[:size])
            del clips[:size]
    if clips:
        yield _collated(clips)


def _collated(clips: list[Batch]) -> Batch:
    columns = {key: [clip[key] for clip in clips] for key in clips[0]}
    return {
        key: nn.utils.rnn.pad_sequence(column, batch_first=True) if column[0].ndim else torch.stack(column)
        for key, column in columns.items()
    }


@torch.no_grad()
def training_flops(run: Run, feed: Feed, module: nn.Module, device: torch.device) -> float:
    """Floating-point operations of the whole run."""
    batch = next(feed.holdout())
    a_clip = clips_flops(module, batch, device) / len(batch["lengths"])
    return a_clip * feed.batches.clips_seen(run.steps)


@torch.no_grad()
def clips_flops(module: nn.Module, batch: Batch, device: torch.device) -> float:
    """Floating-point operations of training on a batch: those of a forward pass, counted, x 3 for forward and
    backward."""
    with alone(), autocast(device):
        return 3.0 * counted(lambda: module(on_device(batch, device), torch.Generator().manual_seed(0)))


def parameter_count(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def weights_digest(module: nn.Module) -> str:
    """A digest of every weight's bytes: equal digests are equal models."""
    whole = hashlib.blake2b(digest_size=8)
    for name, value in sorted(module.state_dict().items()):
        whole.update(name.encode())
        whole.update(value.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
