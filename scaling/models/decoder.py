"""The caption decoder: cross-attention to the encoder's frames, autoregressive or parallel (CapPa, Tschannen
et al. 2023)."""

import torch
from torch import nn

from scaling.models.encoder import valid
from scaling.models.layers import Attention, feed_forward, sinusoids
from scaling.models.tokens import MASK, PAD


class DecoderBlock(nn.Module):
    """One pre-norm block: attention among the positions, to the frames (if it `looks` at any), feed-forward."""

    def __init__(self, width: int, heads: int, looks: bool = True) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        if looks:
            self.frames_norm = nn.LayerNorm(width)
            self.frames_attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = feed_forward(width)

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor | None = None,
        heard: torch.Tensor | None = None,
        *,
        inside: torch.Tensor | None = None,
        causal: bool = False,
    ) -> torch.Tensor:
        """Positions [batch, length, width], of which those `inside` (bool [batch, length]) may be seen; without a
        memory [batch, time, width], of which `heard` may be, no frames are looked at."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed, inside, causal=causal)
        if memory is not None:
            x = x + self.frames_attention(self.frames_norm(x), memory, heard)
        out: torch.Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


class CaptionDecoder(nn.Module):
    """The states of a caption's positions, float32 [batch, length, width], and the logits of states.

    States and logits are apart because logits are the dear part, and wanted only where there is a target.
    """

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, memory_width: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.memory = nn.Linear(memory_width, width)
        self.blocks = nn.ModuleList([DecoderBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, vocabulary)

    def autoregressive(self, tokens: torch.Tensor, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Position i knows tokens 0 to i of int64 [batch, length] and the frames [batch, time, memory width]."""
        return self._decoded(tokens, frames, lengths, causal=True)

    def parallel(
        self, positions: int, frames: torch.Tensor, lengths: torch.Tensor, inside: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Every position knows its place and the frames [batch, time, memory width]; the inputs are mask tokens.

        `positions` must not depend on the captions, or their length would leak. It does where `inside` (bool [batch,
        positions]) says which of them a caption has.
        """
        # Before they look at the frames the masks are the same for every clip: a batch of one will do.
        masks = torch.full((1, positions), MASK, device=frames.device)
        if inside is not None:
            masks = torch.where(inside, masks, PAD)
        return self._decoded(masks, frames, lengths, inside, causal=False)

    def writing(self, frames: torch.Tensor, lengths: torch.Tensor, beams: int) -> "Writing":
        """Captions of these clips, several of each, before their first word."""
        return Writing(self, frames, lengths)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """States [..., width] to logits [..., vocabulary]."""
        logits: torch.Tensor = self.output(self.norm(states))
        return logits

    def embedded(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens int64 [batch, length] with their places: [batch, length, width]."""
        x: torch.Tensor = self.embedding(tokens) * self.width**0.5
        return x + sinusoids(tokens.shape[1], self.width, x.device)

    def upon(
        self,
        x: torch.Tensor,
        frames: torch.Tensor,
        lengths: torch.Tensor,
        inside: torch.Tensor | None,
        *,
        causal: bool,
    ) -> torch.Tensor:
        """What the blocks that look at frames make of positions [batch, length, width]."""
        memory, heard = self.memory(frames), valid(lengths, frames.shape[1])
        for block in self.blocks:
            x = block(x, memory, heard, inside=inside, causal=causal)
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
        return self.upon(self.embedded(tokens), frames, lengths, inside, causal=causal)


class Writing:
    """Captions that grow word by word, several of each clip: what was heard and written is kept, and not made again."""

    def __init__(self, decoder: CaptionDecoder, frames: torch.Tensor, lengths: torch.Tensor) -> None:
        memory = decoder.memory(frames)
        self.decoder, self.heard = decoder, valid(lengths, frames.shape[1])
        self.blocks = [block for block in decoder.blocks if isinstance(block, DecoderBlock)]
        self.frames = [block.frames_attention.keys_values(memory) for block in self.blocks]
        self.words: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.length = 0

    def next(self, words: torch.Tensor) -> torch.Tensor:
        """The logits [batch, beams, vocabulary] of what comes after one more word of each, int64 [batch, beams]."""
        clips, beams = words.shape
        width = self.decoder.width
        place = sinusoids(self.length + 1, width, words.device)[-1]
        x = self.decoder.embedding(words) * width**0.5 + place
        before, self.words = self.words, []
        for number, block in enumerate(self.blocks):
            normed = block.attention_norm(x).reshape(clips * beams, 1, width)
            key, value = block.attention.keys_values(normed)
            if before:
                key, value = torch.cat([before[number][0], key], 2), torch.cat([before[number][1], value], 2)
            self.words.append((key, value))
            x = x + block.attention.attended(normed, key, value).reshape(clips, beams, width)
            x = x + block.frames_attention.attended(block.frames_norm(x), *self.frames[number], self.heard)
            x = x + block.feed_forward(block.feed_forward_norm(x))
        self.length += 1
        return self.decoder.logits(x)

    def follow(self, parents: torch.Tensor) -> None:
        """Go on with those captions of each clip that int64 [batch, beams] says, one of them possibly several times."""
        first = torch.arange(len(parents), device=parents.device)[:, None] * parents.shape[1]
        rows = (first + parents).flatten()
        self.words = [(key[rows], value[rows]) for key, value in self.words]
