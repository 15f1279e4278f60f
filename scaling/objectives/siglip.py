"""Contrastive pretraining by one yes-or-no question a pair: is this the clip's caption? (SigLIP, Zhai et al. 2023)."""

from collections.abc import Mapping

import torch
from torch import nn

from scaling.models.encoder import Encoder
from scaling.objectives.contrastive import text_encoder
from scaling.objectives.joint_space import JointObjective, Scale, projection
from scaling.objectives.objective import Found, Losses, gathered, workers
from scaling.objectives.options import SiglipOptions


class Siglip(JointObjective):
    """The two sides of `Contrastive`; every pair of a clip and a caption is classified by itself, by its cosine at a
    learned temperature plus a learned bias."""

    text_part = "text."

    def __init__(self, options: SiglipOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]) -> None:
        super().__init__(encoder)
        self.text = text_encoder(options, vocabulary)
        self.audio_projection = projection(encoder.width, options.joint_width)
        self.text_projection = projection(self.text.width, options.joint_width)
        self.scale = Scale(options.temperature, learned=True)
        self.bias = nn.Parameter(torch.tensor(options.bias))

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = self.text(tokens)
        return encoded

    def losses(self, found: Found) -> Losses:
        loss, accuracy = pairwise_sigmoid(found["audio"], found["text"], found["caption"], self.scale(), self.bias)
        return {"loss": loss, "accuracy": accuracy}


def pairwise_sigmoid(
    audio: torch.Tensor, text: torch.Tensor, caption: torch.Tensor, scale: torch.Tensor | float, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum over all pairs of -log sigmoid(z (scale a·t + bias)), by the number of clips, of unit vectors [batch,
    joint]; the captions of all workers are gathered with their gradients.

    z is 1 for a clip and its caption or one equal to it (`caption` int64 [batch]), and -1 for all others. The mean over
    workers of what each returns is the loss of the whole batch. Also returns the share of clips whose nearest caption
    is right.
    """
    all_text, all_captions = gathered(text), gathered(caption)
    same = caption[:, None] == all_captions
    with torch.autocast(audio.device.type, enabled=False):
        logits = audio @ all_text.T * scale + bias
    share = workers() / len(all_captions)
    loss = -nn.functional.logsigmoid(torch.where(same, logits, -logits)).sum() * share
    right = same.gather(1, logits.argmax(dim=1, keepdim=True)).sum() * share
    return loss, right.detach()
