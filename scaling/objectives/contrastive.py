"""Contrastive audio-text pretraining: symmetric InfoNCE over all workers' clips."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from scaling.models.encoder import Encoder
from scaling.models.text import TextEncoder
from scaling.objectives.joint_space import JointObjective, Scale, projection
from scaling.objectives.objective import Found, Losses, gathered, workers
from scaling.objectives.options import ContrastiveOptions, TextSizes

if TYPE_CHECKING:
    from scaling.models.hub_text import HubTextEncoder


def text_encoder(options: TextSizes, vocabulary: int) -> "TextEncoder | HubTextEncoder":
    """The text encoder that an objective's options describe."""
    if not options.text_config:
        return TextEncoder(vocabulary, options.text_width, options.text_layers, options.text_heads)
    from scaling.models.hub_text import HubTextEncoder

    return HubTextEncoder(options.text_config, vocabulary)


class Contrastive(JointObjective):
    """Masked mean over the encoder's frames and a text encoder, projected, L2-normalized, InfoNCE at a fixed or a
    learned temperature."""

    text_part = "text."

    def __init__(
        self, options: ContrastiveOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]
    ) -> None:
        super().__init__(encoder)
        self.text = text_encoder(options, vocabulary)
        self.audio_projection = projection(encoder.width, options.joint_width)
        self.text_projection = projection(self.text.width, options.joint_width)
        self.scale = Scale(options.temperature, options.learned_temperature)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = self.text(tokens)
        return encoded

    def losses(self, found: Found) -> Losses:
        loss, accuracy = info_nce(found["audio"], found["text"], found["caption"], self.scale())
        return {"loss": loss, "accuracy": accuracy}


def info_nce(
    audio: torch.Tensor, text: torch.Tensor, caption: torch.Tensor, scale: torch.Tensor | float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric InfoNCE of unit vectors [batch, joint], negatives gathered from all workers with their
    gradients; `scale` is 1 / temperature.

    Clips that share a caption (`caption` int64 [batch]) are positives of each other: the target is uniform
    over them. The mean over workers of what each returns is the loss of the whole batch (and so are the
    gradients that DistributedDataParallel averages), also where their numbers of clips differ. Also returns the share
    of clips whose nearest caption is right.
    """
    all_audio, all_text, all_captions = gathered(audio), gathered(text), gathered(caption)
    same = (caption[:, None] == all_captions).to(audio.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    # At a temperature of 0.07 the rounding of bf16 would be as large as the differences that matter.
    with torch.autocast(audio.device.type, enabled=False):
        to_text = audio @ all_text.T * scale
        to_audio = text @ all_audio.T * scale
    share = workers() / len(all_captions)
    lost = [nn.functional.cross_entropy(logits, target, reduction="sum") for logits in (to_text, to_audio)]
    right = same.gather(1, to_text.argmax(dim=1, keepdim=True)).sum() * share
    return (lost[0] + lost[1]) / 2 * share, right.detach()
