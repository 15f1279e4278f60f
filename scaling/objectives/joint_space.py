"""What objectives share that learn a space in which clips and captions lie."""

import math
from collections.abc import Callable

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.pooling import masked_mean
from scaling.objectives.objective import Found, Objective, precise

GREATEST_SCALE = 100.0
"""Of a learned temperature: above it a few pairs would be all of the gradient (Radford et al. 2021)."""


def projection(width: int, joint: int) -> nn.Sequential:
    """The projection MLP of one side."""
    return nn.Sequential(nn.Linear(width, joint), nn.GELU(), nn.Linear(joint, joint))


class Scale(nn.Module):
    """What the cosines of a batch are multiplied by: 1 / temperature; learned, from there on, where that is said."""

    def __init__(self, temperature: float, learned: bool) -> None:
        super().__init__()
        self.fixed = 1 / temperature
        self.log = nn.Parameter(torch.tensor(math.log(self.fixed))) if learned else None

    def forward(self) -> torch.Tensor | float:
        if self.log is None:
            return self.fixed
        if self.training:
            # The number itself and not what is made of it: held at its bound it must be able to come back.
            with torch.no_grad():
                self.log.clamp_(max=math.log(GREATEST_SCALE))
        return self.log.exp()


class JointObjective(Objective):
    """Masked mean over the encoder's frames and one vector a caption, projected and L2-normalized: the two lie in one
    space. `encode_text` turns tokens int64 [batch, length] into [batch, text width].

    Attributes:
        scale: what cosines are multiplied by, in a loss that compares them.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.audio_projection: nn.Sequential
        self.text_projection: nn.Sequential
        self.encode_text: Callable[[torch.Tensor], torch.Tensor]

    def embed_audio(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Encoded frames to unit vectors of the joint space: [batch, joint]."""
        return self.project_audio(masked_mean(frames, lengths))

    def project_audio(self, pooled: torch.Tensor) -> torch.Tensor:
        """Mean frames [batch, width] to unit vectors of the joint space: [batch, joint]."""
        return nn.functional.normalize(precise(self.audio_projection(pooled)), dim=-1)

    def embed_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Captions to unit vectors of the joint space: [batch, joint]."""
        return nn.functional.normalize(precise(self.text_projection(self.encode_text(tokens))), dim=-1)

    def found(self, batch: Batch) -> Found:
        frames, lengths = self.encoder(batch["features"], batch["lengths"])
        return self.embedded(frames, lengths, batch)

    def embedded(self, frames: torch.Tensor, lengths: torch.Tensor, batch: Batch) -> Found:
        """`audio` and `text` [batch, joint] of encoded clips and their captions, and the captions' numbers."""
        return {
            "audio": self.embed_audio(frames, lengths),
            "text": self.embed_text(batch["tokens"]),
            "caption": batch["caption"],
        }
