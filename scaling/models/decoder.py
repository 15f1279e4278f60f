"""The caption decoder: cross-attention to the encoder's frames, autoregressive or parallel (CapPa, Tschannen
et al. 2023)."""

import torch
from torch import nn

from scaling.data.tokenizer import MASK
from scaling.models.encoder import valid
from scaling.models.transformer import sinusoids


class CaptionDecoder(nn.Module):
    """Logits for every position of a caption, float32 [batch, length, vocabulary].

    Autoregressive: `tokens` int64 [batch, length] are the inputs, position i sees tokens up to i. Parallel:
    every input is the mask token and there is no causal mask, so all a position knows beside its place is the
    audio; the number of positions is given by the caller and must not depend on the caption, or its length
    would leak.
    """

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, memory_width: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.memory = nn.Linear(memory_width, width)
        self.blocks = nn.ModuleList(
            [
                nn.TransformerDecoderLayer(
                    width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, vocabulary)

    def forward(
        self, tokens: torch.Tensor, frames: torch.Tensor, lengths: torch.Tensor, *, parallel: bool
    ) -> torch.Tensor:
        if parallel:
            tokens = torch.full_like(tokens, MASK)
        size = tokens.shape[1]
        x = self.embedding(tokens) * self.width**0.5
        x = x + sinusoids(size, self.width, x.device).to(x.dtype)
        future = None if parallel else torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
        memory, outside = self.memory(frames), ~valid(lengths, frames.shape[1])
        for layer in self.blocks:
            x = layer(x, memory, tgt_mask=future, memory_key_padding_mask=outside)
        logits: torch.Tensor = self.output(self.norm(x))
        return logits
