"""A small transformer encoder for CPUs: a strided convolutional stem over time, then pre-norm blocks."""

import math
from itertools import pairwise

import torch
from torch import nn

from scaling.models.encoder import LOG_MEL_MEAN, LOG_MEL_STD, valid

MEL_BINS = 80


def sinusoids(positions: int, width: int, device: torch.device | None = None) -> torch.Tensor:
    """Fixed position encodings (Vaswani et al. 2017): float32 [positions, width]."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(positions, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Attention(nn.Module):
    """Multi-head attention of `x` [batch, length, width] to `memory` [batch, memory length, width].

    `inside` (bool, broadcastable to [batch, memory length]) marks what may be seen; `causal` lets a position
    see those up to its own. A batch of one in `x` is asked of every clip in `memory`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor, inside: torch.Tensor | None = None, *, causal: bool = False
    ) -> torch.Tensor:
        # Torch's own blocks take another path in evaluation, with other bits, that FlopCounterMode does not
        # see; this is one path for all.
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(
            query.expand(len(memory), -1, -1, -1),
            key,
            value,
            attn_mask=None if inside is None else inside[:, None, None],
            is_causal=causal,
        )
        mixed: torch.Tensor = self.output(seen.transpose(1, 2).flatten(2))
        return mixed


def feed_forward(width: int) -> nn.Sequential:
    """The position-wise half of a block."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


class Block(nn.Module):
    """One pre-norm transformer block without dropout: [batch, length, width] and bool `inside` [batch, length]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = feed_forward(width)

    def forward(self, x: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed, inside)
        out: torch.Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


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


class Transformer(nn.Module):
    """10 ms frames in, 80 ms frames out: three halvings of the frame rate, then `layers` transformer blocks."""

    stride = 8
    log_mel_mean: torch.Tensor
    log_mel_std: torch.Tensor

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        # Buffers, so that an encoder takes its normalization along wherever its weights go.
        self.register_buffer("log_mel_mean", torch.full((MEL_BINS,), LOG_MEL_MEAN))
        self.register_buffer("log_mel_std", torch.full((MEL_BINS,), LOG_MEL_STD))
        # Half as wide where there are twice as many frames.
        widths = (MEL_BINS, width // 2, width, width)
        self.stem = nn.ModuleList([Halving(inputs, outputs) for inputs, outputs in pairwise(widths)])
        self.stem_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = (features - self.log_mel_mean) / self.log_mel_std
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
