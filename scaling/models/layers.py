"""Layers that several networks are made of: position encodings, attention, pre-norm blocks."""

import math

import torch
from torch import nn


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
        return self.attended(x, *self.keys_values(memory), inside, causal=causal)

    def keys_values(self, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is seen of a memory: [batch, heads, memory length, width of a head] each."""
        key, value = self.key_value(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def attended(
        self,
        x: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        inside: torch.Tensor | None = None,
        *,
        causal: bool = False,
    ) -> torch.Tensor:
        """`forward` of a memory of which the keys and values are known."""
        # Torch's own blocks take another path in evaluation, with other bits, that FlopCounterMode does not
        # see; this is one path for all.
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        seen = nn.functional.scaled_dot_product_attention(
            query.expand(len(key), -1, -1, -1),
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
