"""Captioning as pretraining: autoregressive and parallel prediction mixed (CapPa)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.decoder import CaptionDecoder
from scaling.models.encoder import Encoder
from scaling.models.tokens import PAD
from scaling.objectives.objective import (
    Found,
    Losses,
    Objective,
    precise,
    share_of_draws,
    summed_over_workers,
    workers,
)
from scaling.objectives.options import CaptioningOptions, Prediction

if TYPE_CHECKING:
    from scaling.models.hub_text import HubDecoder


def caption_decoder(
    options: Prediction, config: str, vocabulary: int, memory_width: int
) -> "CaptionDecoder | HubDecoder":
    """The decoder of an objective's options, or of a configuration, if one is given."""
    if not config:
        sizes = options.text_width, options.text_layers, options.text_heads
        return CaptionDecoder(vocabulary, *sizes, memory_width)
    from scaling.models.hub_text import HubDecoder

    return HubDecoder(config, memory_width, vocabulary)


@torch.no_grad()
def start_words(decoder: "CaptionDecoder | HubDecoder", log_frequencies: torch.Tensor) -> None:
    """Start a decoder at the frequencies of words."""
    # Else the first hundred steps would go into learning how frequent words are.
    # A decoder may know more words than the captions have.
    decoder.output.bias[: len(log_frequencies)].copy_(log_frequencies)


def ways_drawn(batch: Batch, options: Prediction, generator: torch.Generator) -> Batch:
    """The batch with `autoregressive` bool [batch], on the CPU: which clips are predicted so and not in parallel."""
    return {**batch, "autoregressive": share_of_draws(len(batch["lengths"]), generator) < options.autoregressive}


def words_lost(
    decoder: "CaptionDecoder | HubDecoder",
    options: Prediction,
    frames: torch.Tensor,
    lengths: torch.Tensor,
    batch: Batch,
) -> Found:
    """Of some clips of a batch from `ways_drawn`, encoded as frames [batch, time, width]: `lost` float [1], the
    label-smoothed cross-entropy summed over the words and ends of their captions, and `words` float [1], how many."""
    inputs, targets = batch["tokens"][:, :-1], batch["tokens"][:, 1:]
    states, wanted = [], []
    for autoregressive in (True, False):
        some = (batch["autoregressive"] == autoregressive).nonzero()[:, 0].to(inputs.device)
        if not len(some):
            continue
        there = targets[some] != PAD
        if autoregressive:
            decoded = decoder.autoregressive(inputs[some], frames[some], lengths[some])
        elif options.length_leaks:
            decoded = decoder.parallel(there.shape[1], frames[some], lengths[some], there)
        else:
            # As many for every caption: the number of positions must not tell how long it is.
            decoded = decoder.parallel(options.max_tokens - 1, frames[some], lengths[some])
        states.append(decoded[:, : there.shape[1]][there])
        wanted.append(targets[some][there])
    logits, words = precise(decoder.logits(torch.cat(states))), torch.cat(wanted)
    lost = nn.functional.cross_entropy(logits, words, label_smoothing=options.label_smoothing, reduction="sum")
    return {"lost": lost[None], "words": lost.new_full((1,), float(len(words)))}


def mean_over_words(found: Found) -> torch.Tensor:
    """The loss of a word of what `words_lost` found: the mean over all workers' words, so that sharing a batch out
    changes nothing."""
    return found["lost"].sum() * workers() / summed_over_workers(found["words"].sum())


class Captioning(Objective):
    """A decoder that reads the encoder's frames; each clip is predicted autoregressively with the given
    probability, else in parallel.

    The loss is the label-smoothed cross-entropy of the words and the end, the mean over the tokens of all
    workers.
    """

    text_part = "decoder."

    def __init__(
        self, options: CaptioningOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]
    ) -> None:
        super().__init__(encoder)
        self.decoder = caption_decoder(options, options.text_config, vocabulary, encoder.width)
        self.options = options

    def start_from(self, log_frequencies: torch.Tensor) -> None:
        start_words(self.decoder, log_frequencies)

    def drawn(self, batch: Batch, generator: torch.Generator) -> Batch:
        return ways_drawn(batch, self.options, generator)

    def found(self, batch: Batch) -> Found:
        frames, lengths = self.encoder(batch["features"], batch["lengths"])
        return words_lost(self.decoder, self.options, frames, lengths, batch)

    def losses(self, found: Found) -> Losses:
        return {"loss": mean_over_words(found)}
