"""A small transformer encoder for CPUs: patches of log-mel frames, then pre-norm blocks."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from scaling.models.encoder import Encoder, valid
from scaling.models.formats import MEL_BINS
from scaling.models.layers import Block, sinusoids
from scaling.models.options import TransformerOptions

STEM = (4, 2)
"""How many frames become one, twice."""


class Patches(nn.Module):
    """Every `size` frames as one: [batch, time, inputs] to [batch, time / size rounded up, width]; what is missing at
    the end counts as zeros.

    They do not overlap, so that this is one matrix product and no copy.
    """

    def __init__(self, size: int, inputs: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.taps = nn.Linear(size * inputs, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % self.size))
        taken: torch.Tensor = self.taps(x.reshape(len(x), -1, self.taps.in_features))
        return taken


class Transformer(Encoder):
    """10 ms frames in, 80 ms frames out: patches of four frames, pairs of these, then `layers` transformer blocks."""

    stride = 8

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.width = width = options.width
        self.stem = nn.ModuleList([Patches(STEM[0], MEL_BINS, width), Patches(STEM[1], width, width)])
        self.stem_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList([Block(width, options.heads) for _ in range(options.layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.normalized(features)
        for patches, size in zip(self.stem, STEM, strict=True):
            # What lies past a clip's end must not come back through the patch that reaches over it.
            x = nn.functional.gelu(patches(x * valid(lengths, x.shape[1])[..., None].to(x.dtype)))
            lengths = (lengths + size - 1) // size
        # Under autocast the patches answer in bf16; the sum the blocks add to stays float32.
        # Without the norm the positions would drown what the stem heard.
        x = self.stem_norm(x) + sinusoids(x.shape[1], self.width, x.device)
        inside = valid(lengths, x.shape[1])
        for block in self.blocks:
            again = self.recompute and self.training
            x = checkpoint(block, x, inside, use_reentrant=False) if again else block(x, inside)
        return self.norm(x), lengths
