"""Decoders that encode captions too: one text side for a contrastive loss and for captioning."""

import torch
from torch import nn

from scaling.models.decoder import CaptionDecoder, DecoderBlock
from scaling.models.pooling import masked_mean
from scaling.models.tokens import END, PAD


class MammutDecoder(CaptionDecoder):
    """One network for both, as in MaMMUT (Kuo et al. 2023): a caption is encoded in a pass of its own, in which every
    word sees every other and no block looks at frames."""

    def text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Captions int64 [batch, length] as vectors [batch, width]."""
        inside = tokens != PAD
        x = self.embedded(tokens)
        for block in self.blocks:
            x = block(x, inside=inside)
        return masked_mean(self.norm(x), inside.sum(dim=1))


class CocaDecoder(CaptionDecoder):
    """`layers` blocks that see only the words before, and on them as many that look at frames too, as in CoCa (Yu et
    al. 2022): a caption's vector is the lower half's state of its end, which has seen all of it."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, memory_width: int) -> None:
        super().__init__(vocabulary, width, layers, heads, memory_width)
        self.lower = nn.ModuleList([DecoderBlock(width, heads, looks=False) for _ in range(layers)])
        self.text_norm = nn.LayerNorm(width)

    def text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Captions int64 [batch, length] as vectors [batch, width]."""
        x = self._lower(self.embedded(tokens), None, causal=True)
        last = (tokens == END).int().argmax(dim=1)
        state: torch.Tensor = self.text_norm(x[torch.arange(len(x), device=x.device), last])
        return state

    def _lower(self, x: torch.Tensor, inside: torch.Tensor | None, *, causal: bool) -> torch.Tensor:
        for block in self.lower:
            x = block(x, inside=inside, causal=causal)
        return x

    def _decoded(
        self,
        tokens: torch.Tensor,
        frames: torch.Tensor,
        lengths: torch.Tensor,
        inside: torch.Tensor | None = None,
        *,
        causal: bool,
    ) -> torch.Tensor:
        x = self._lower(self.embedded(tokens), inside, causal=causal)
        return self.upon(x, frames, lengths, inside, causal=causal)
