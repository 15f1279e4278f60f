"""A small transformer encoder for CPUs: a strided convolutional stem over time, then pre-norm blocks."""

import math

import torch
from torch import nn

from scaling.models.encoder import LOG_MEL_MEAN, LOG_MEL_STD, valid

MEL_BINS = 80


def sinusoids(positions: int, width: int, device: torch.device | None = None) -> torch.Tensor:
    """Fixed position encodings (Vaswani et al. 2017): float32 [positions, width]."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(positions, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def block(width: int, heads: int) -> nn.TransformerEncoderLayer:
    """One pre-norm transformer block without dropout."""
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


class Transformer(nn.Module):
    """10 ms frames in, 80 ms frames out: three convolutions of stride 2, then `layers` transformer blocks."""

    stride = 8

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.stem = nn.ModuleList(
            [nn.Conv1d(MEL_BINS if i == 0 else width, width, kernel_size=3, stride=2, padding=1) for i in range(3)]
        )
        self.blocks = nn.ModuleList([block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = ((features - LOG_MEL_MEAN) / LOG_MEL_STD) * valid(lengths, features.shape[1])[..., None]
        x = x.transpose(1, 2)
        for convolution in self.stem:
            x = nn.functional.gelu(convolution(x))
            lengths = (lengths + 1) // 2
            # What a convolution leaks past a clip's end must not come back in the next one.
            x = x * valid(lengths, x.shape[2])[:, None]
        x = x.transpose(1, 2)
        x = x + sinusoids(x.shape[1], self.width, x.device).to(x.dtype)
        outside = ~valid(lengths, x.shape[1])
        for layer in self.blocks:
            x = layer(x, src_key_padding_mask=outside)
        return self.norm(x), lengths
