"""A small transformer encoder for CPUs: a strided convolutional stem over time, then pre-norm blocks."""

from itertools import pairwise

import torch
from torch import nn

from scaling.models.encoder import Encoder, valid
from scaling.models.layers import Block, sinusoids
from scaling.models.options import MEL_BINS, TransformerOptions


class Halving(nn.Module):
    """A convolution over time of kernel 3 and stride 2: [batch, time, inputs] to [batch, (time + 1) // 2, width].

    Written as one matrix product over neighbouring frames: on a CPU that is twice as fast as Conv1d, which
    wants time last.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.taps = nn.Linear(3 * inputs, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = (x.shape[1] + 1) // 2
        x = nn.functional.pad(x, (0, 0, 1, 1))
        taken: torch.Tensor = self.taps(torch.cat([x[:, tap::2][:, :size] for tap in range(3)], dim=-1))
        return taken


class Transformer(Encoder):
    """10 ms frames in, 80 ms frames out: three halvings of the frame rate, then `layers` transformer blocks."""

    stride = 8

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.width = width = options.width
        # Half as wide where there are twice as many frames.
        widths = (MEL_BINS, width // 2, width, width)
        self.stem = nn.ModuleList([Halving(inputs, outputs) for inputs, outputs in pairwise(widths)])
        self.stem_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList([Block(width, options.heads) for _ in range(options.layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.normalized(features)
        for halving in self.stem:
            # What lies past a clip's end, or leaks there, must not come back through the next convolution.
            x = nn.functional.gelu(halving(x * valid(lengths, x.shape[1])[..., None]))
            lengths = (lengths + 1) // 2
        # Under autocast the convolutions answer in bf16; the sum the blocks add to stays float32.
        # Without the norm the positions would drown what the stem heard.
        x = self.stem_norm(x) + sinusoids(x.shape[1], self.width, x.device)
        inside = valid(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, inside)
        return self.norm(x), lengths
