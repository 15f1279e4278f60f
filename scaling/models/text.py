"""The text encoder of the contrastive objective."""

import torch
from torch import nn

from scaling.data.tokenizer import PAD
from scaling.models.pooling import masked_mean
from scaling.models.transformer import block, sinusoids


class TextEncoder(nn.Module):
    """Tokens int64 [batch, length] to one vector a caption [batch, width]: embedding, blocks, masked mean."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList([block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        lengths = (tokens != PAD).sum(dim=1)
        x = self.embedding(tokens) * self.width**0.5
        x = x + sinusoids(tokens.shape[1], self.width, x.device).to(x.dtype)
        for layer in self.blocks:
            x = layer(x, src_key_padding_mask=tokens == PAD)
        return masked_mean(self.norm(x), lengths)
