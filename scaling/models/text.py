"""The text encoder of the contrastive objective."""

import torch
from torch import nn

from scaling.models.layers import Block, sinusoids
from scaling.models.pooling import masked_mean
from scaling.models.tokens import PAD


class TextEncoder(nn.Module):
    """Tokens int64 [batch, length] to one vector a caption [batch, width]: embedding, blocks, masked mean."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        inside = tokens != PAD
        x = self.embedding(tokens) * self.width**0.5
        x = x + sinusoids(tokens.shape[1], self.width, x.device)
        for block in self.blocks:
            x = block(x, inside)
        return masked_mean(self.norm(x), inside.sum(dim=1))
