"""Text encoders and decoders of the `transformers` library, built from a configuration (JSON).

Tokens come by this project's numbers (`tokens.py`); a configuration's `special_tokens` say which of a public model's
they are. Nothing is fetched: weights come as any others do, under the library's names.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.library import AutoModel, BartConfig, BartDecoder, configuration, making, own_weights
from scaling.models.tokens import MASK, PAD, own_numbers


class HubTextEncoder(nn.Module):
    """A BERT-like encoder: tokens int64 [batch, length] to the state of the first, [batch, width].

    Raises `StudyError` for a model that cannot be made, or has fewer tokens than the `vocabulary`.
    """

    numbers: torch.Tensor

    def __init__(self, config: str, vocabulary: int = 0) -> None:
        super().__init__()
        fields = json.loads(config)
        with making(fields["model_type"]):
            self.model = AutoModel.from_config(configuration(fields))  # type: ignore[no-untyped-call]
        # It would be learned by nobody, which a group of workers does not bear.
        self.model.pooler = None
        self.width = int(self.model.config.hidden_size)
        words = len(self.model.get_input_embeddings().weight)
        self.register_buffer("numbers", _numbers(fields, words, vocabulary), persistent=False)

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """See `Encoder.with_own_names`."""
        if any(name.startswith(f"{prefix}model.") for name in weights):
            return weights
        return {f"{prefix}model.{name}": value for name, value in own_weights(weights, self.model).items()}

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        inside = (tokens != PAD).long()
        states = self.model(input_ids=self.numbers[tokens], attention_mask=inside).last_hidden_state
        return cast(torch.Tensor, states[:, 0])


class Words(nn.Module):
    """What is added to the logits of words."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(words))


class HubDecoder(nn.Module):
    """A BART-shaped decoder with cross-attention to frames; the interface of `decoder.CaptionDecoder`.

    A caption's first token is its beginning, without the end that BART puts before it. Raises `StudyError` as
    `HubTextEncoder` does.
    """

    numbers: torch.Tensor
    moved: torch.Tensor

    def __init__(self, config: str, memory_width: int, vocabulary: int = 0) -> None:
        super().__init__()
        fields = json.loads(config)
        found = configuration(fields)
        if not isinstance(found, BartConfig):
            raise StudyError(f"a decoder of the kind {found.model_type}: it must be bart")
        with making("bart"):
            self.model = BartDecoder(found)
        words, width = self.model.embed_tokens.weight.shape
        self.memory, self.output = nn.Linear(memory_width, width), Words(words)
        numbers = _numbers(fields, words, vocabulary)
        self.register_buffer("numbers", numbers, persistent=False)
        self.register_buffer("moved", (numbers != torch.arange(words)).nonzero()[:, 0], persistent=False)

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """See `Encoder.with_own_names`; what a public decoder does not have (how frames are heard) stays as it is."""
        if f"{prefix}memory.weight" in weights:
            return weights
        named = {name.removeprefix("model.").removeprefix("decoder."): value for name, value in weights.items()}
        if "embed_tokens.weight" not in named and "shared.weight" in named:
            named["embed_tokens.weight"] = named["shared.weight"]
        own = self.model.state_dict()
        found = own_weights({name: value for name, value in named.items() if name in own}, self.model)
        state = {**self.state_dict(), **{f"model.{name}": value for name, value in found.items()}}
        bias = weights.get("final_logits_bias")
        if bias is not None and bias.numel() == len(self.numbers):
            state["output.bias"] = bias.flatten()[self.numbers.cpu()]
        return {prefix + name: value for name, value in state.items()}

    def autoregressive(self, tokens: torch.Tensor, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self._decoded(tokens, frames, lengths, causal=True)

    def parallel(
        self, positions: int, frames: torch.Tensor, lengths: torch.Tensor, inside: torch.Tensor | None = None
    ) -> torch.Tensor:
        masks = torch.full((len(frames), positions), MASK, device=frames.device)
        return self._decoded(masks, frames, lengths, inside, causal=False)

    def writing(self, frames: torch.Tensor, lengths: torch.Tensor, beams: int) -> "HubWriting":
        return HubWriting(self, frames.repeat_interleave(beams, 0), lengths.repeat_interleave(beams, 0))

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        # As in BART, words are read and written by the same numbers.
        logits = nn.functional.linear(states, self.model.embed_tokens.weight)
        if len(self.moved):
            # In place: of all words a copy would be as large as the dearest part of a step.
            logits.index_copy_(-1, self.moved, logits.index_select(-1, self.numbers[self.moved]))
        return logits.add_(self.output.bias)

    def _decoded(
        self,
        tokens: torch.Tensor,
        frames: torch.Tensor,
        lengths: torch.Tensor,
        inside: torch.Tensor | None = None,
        *,
        causal: bool,
    ) -> torch.Tensor:
        heard = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        size = tokens.shape[1]
        # What comes after a caption's end is behind it: no position that counts sees it.
        seen = torch.zeros(size, size, device=frames.device)
        seen = seen + torch.full_like(seen, -torch.inf).triu(1) if causal else seen
        seen = seen.expand(len(tokens), 1, -1, -1)
        if inside is not None:
            seen = seen.masked_fill(~inside[:, None, None], -torch.inf)
        states = self.model(
            input_ids=self.numbers[tokens],
            attention_mask=seen,
            encoder_hidden_states=self.memory(frames),
            encoder_attention_mask=heard.long(),
            use_cache=False,
        ).last_hidden_state
        return cast(torch.Tensor, states)


class HubWriting:
    """`decoder.Writing` of a public decoder, all of a caption made again with each word."""

    def __init__(self, decoder: HubDecoder, frames: torch.Tensor, lengths: torch.Tensor) -> None:
        self.decoder, self.frames, self.lengths = decoder, frames, lengths
        self.words: torch.Tensor | None = None

    def next(self, words: torch.Tensor) -> torch.Tensor:
        new = words[..., None]
        self.words = new if self.words is None else torch.cat([self.words, new], dim=2)
        states = self.decoder.autoregressive(self.words.flatten(0, 1), self.frames, self.lengths)
        return self.decoder.logits(states[:, -1]).view(*words.shape, -1)

    def follow(self, parents: torch.Tensor) -> None:
        assert self.words is not None
        self.words = self.words.gather(1, parents[..., None].expand_as(self.words))


def _numbers(fields: Mapping[str, Any], words: int, vocabulary: int) -> torch.Tensor:
    """The number that a model of so many words has for each of our tokens."""
    if vocabulary > words:
        raise StudyError(f"captions have {vocabulary:,} tokens, and their model {words:,}: give a larger vocab_size")
    return torch.tensor(own_numbers(fields.get("special_tokens", ()), words))
