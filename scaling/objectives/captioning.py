"""Captioning as pretraining: autoregressive and parallel prediction mixed (CapPa)."""

import torch
from torch import nn

from scaling.data.feed import Batch
from scaling.data.tokenizer import PAD
from scaling.models.decoder import CaptionDecoder
from scaling.objectives.objective import Losses, share_of_draws, summed_over_workers, workers
from scaling.study.study import Model


class Captioning(nn.Module):
    """A decoder that reads the encoder's frames; each clip is predicted autoregressively with the given
    probability, else in parallel.

    The loss is the label-smoothed cross-entropy of the words and the end, the mean over the tokens of all
    workers.
    """

    def __init__(
        self, encoder: nn.Module, model: Model, vocabulary: int, label_smoothing: float, autoregressive: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = CaptionDecoder(vocabulary, model.text_width, model.text_layers, model.heads, model.width)
        self.label_smoothing = label_smoothing
        self.autoregressive = autoregressive
        # As many for every caption: the number of positions must not tell how long it is.
        self.positions = model.max_tokens - 1

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
        logits, words = self.decoder.logits(torch.cat(states)).float(), torch.cat(wanted)
        loss = nn.functional.cross_entropy(logits, words, label_smoothing=self.label_smoothing, reduction="sum")
        tokens = summed_over_workers(torch.tensor(float(len(words)), device=loss.device))
        # The mean over all workers' tokens, so that sharing a batch out changes nothing.
        return {"loss": loss * workers() / tokens}
