"""Captioning as pretraining: autoregressive and parallel prediction mixed (CapPa)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.decoder import CaptionDecoder
from scaling.models.encoder import Encoder
from scaling.models.tokens import PAD
from scaling.objectives.objective import Losses, Objective, precise, share_of_draws, summed_over_workers, workers
from scaling.objectives.options import CaptioningOptions

if TYPE_CHECKING:
    from scaling.models.hub_text import HubDecoder


def _decoder(options: CaptioningOptions, vocabulary: int, memory_width: int) -> "CaptionDecoder | HubDecoder":
    if not options.text_config:
        sizes = options.text_width, options.text_layers, options.text_heads
        return CaptionDecoder(vocabulary, *sizes, memory_width)
    from scaling.models.hub_text import HubDecoder

    return HubDecoder(options.text_config, memory_width, vocabulary)


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
        self.decoder = _decoder(options, vocabulary, encoder.width)
        self.label_smoothing = options.label_smoothing
        self.autoregressive = options.autoregressive
        # As many for every caption: the number of positions must not tell how long it is.
        self.positions = options.max_tokens - 1

    @torch.no_grad()
    def start_from(self, log_frequencies: torch.Tensor) -> None:
        # Else the first hundred steps would go into learning how frequent words are.
        # A decoder may know more words than the captions have.
        self.decoder.output.bias[: len(log_frequencies)].copy_(log_frequencies)

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        frames, lengths = self.encoder(batch["features"], batch["lengths"])
        inputs, targets = batch["tokens"][:, :-1], batch["tokens"][:, 1:]
        chosen = share_of_draws(len(inputs), generator) < self.autoregressive
        states, wanted = [], []
        for autoregressive, rows in ((True, chosen), (False, ~chosen)):
            if not rows.any():
                continue
            some = rows.nonzero()[:, 0].to(inputs.device)
            if autoregressive:
                decoded = self.decoder.autoregressive(inputs[some], frames[some], lengths[some])
            else:
                decoded = self.decoder.parallel(self.positions, frames[some], lengths[some])
            there = targets[some] != PAD
            states.append(decoded[:, : there.shape[1]][there])
            wanted.append(targets[some][there])
        logits, words = precise(self.decoder.logits(torch.cat(states))), torch.cat(wanted)
        loss = nn.functional.cross_entropy(logits, words, label_smoothing=self.label_smoothing, reduction="sum")
        tokens = summed_over_workers(torch.tensor(float(len(words)), device=loss.device))
        # The mean over all workers' tokens, so that sharing a batch out changes nothing.
        return {"loss": loss * workers() / tokens}
