"""Contrastive audio-text pretraining: symmetric InfoNCE over all workers' clips."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.pooling import masked_mean
from scaling.models.text import TextEncoder
from scaling.objectives.objective import Losses, Objective, precise, workers
from scaling.objectives.options import ContrastiveOptions

if TYPE_CHECKING:
    from scaling.models.hub_text import HubTextEncoder


def _text_encoder(options: ContrastiveOptions, vocabulary: int) -> "TextEncoder | HubTextEncoder":
    if not options.text_config:
        return TextEncoder(vocabulary, options.text_width, options.text_layers, options.text_heads)
    from scaling.models.hub_text import HubTextEncoder

    return HubTextEncoder(options.text_config, vocabulary)


def projection(width: int, joint: int) -> nn.Sequential:
    """The projection MLP of one side."""
    return nn.Sequential(nn.Linear(width, joint), nn.GELU(), nn.Linear(joint, joint))


class Contrastive(Objective):
    """Masked mean over the encoder's frames and a text encoder, projected, L2-normalized, InfoNCE at a fixed
    temperature."""

    text_part = "text."

    def __init__(
        self, options: ContrastiveOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]
    ) -> None:
        super().__init__(encoder)
        self.text = _text_encoder(options, vocabulary)
        self.audio_projection = projection(encoder.width, options.joint_width)
        self.text_projection = projection(self.text.width, options.joint_width)
        self.temperature = options.temperature

    def embed_audio(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Encoded frames to unit vectors of the joint space: [batch, joint]."""
        return self.project_audio(masked_mean(frames, lengths))

    def project_audio(self, pooled: torch.Tensor) -> torch.Tensor:
        """Mean frames [batch, width] to unit vectors of the joint space: [batch, joint]."""
        return nn.functional.normalize(precise(self.audio_projection(pooled)), dim=-1)

    def embed_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Captions to unit vectors of the joint space: [batch, joint]."""
        return nn.functional.normalize(precise(self.text_projection(self.text(tokens))), dim=-1)

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        audio = self.embed_audio(*self.encoder(batch["features"], batch["lengths"]))
        text = self.embed_text(batch["tokens"])
        loss, accuracy = info_nce(audio, text, batch["caption"], self.temperature)
        return {"loss": loss, "accuracy": accuracy}


def info_nce(
    audio: torch.Tensor, text: torch.Tensor, caption: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric InfoNCE of unit vectors [batch, joint], negatives gathered from all workers with their
    gradients.

    Clips that share a caption (`caption` int64 [batch]) are positives of each other: the target is uniform
    over them. The mean over workers of what each returns is the loss of the whole batch (and so are the
    gradients that DistributedDataParallel averages). Also returns the share of clips whose nearest caption is
    right.
    """
    all_audio, all_text, all_captions = audio, text, caption
    if workers() > 1:
        all_audio = torch.cat(dist_nn.all_gather(audio))  # type: ignore[no-untyped-call]
        all_text = torch.cat(dist_nn.all_gather(text))  # type: ignore[no-untyped-call]
        gathered = [torch.empty_like(caption) for _ in range(workers())]
        dist.all_gather(gathered, caption)
        all_captions = torch.cat(gathered)
    same = (caption[:, None] == all_captions).to(audio.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    # At a temperature of 0.07 the rounding of bf16 would be as large as the differences that matter.
    with torch.autocast(audio.device.type, enabled=False):
        to_text = audio @ all_text.T / temperature
        to_audio = text @ all_audio.T / temperature
    loss = (nn.functional.cross_entropy(to_text, target) + nn.functional.cross_entropy(to_audio, target)) / 2
    right = same.gather(1, to_text.argmax(dim=1, keepdim=True)).mean()
    return loss, right.detach()
