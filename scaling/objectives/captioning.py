"""Captioning as pretraining: autoregressive and parallel prediction mixed (CapPa)."""

import torch
from torch import nn

from scaling.data.feed import Batch
from scaling.data.tokenizer import PAD
from scaling.models.decoder import CaptionDecoder
from scaling.objectives.objective import Losses, share_of_draws, summed_over_workers, workers
from scaling.study import Model


class Captioning(nn.Module):
    """A decoder that reads the encoder's frames; a share of the clips is predicted autoregressively, the rest
    in parallel."""

    def __init__(
        self, encoder: nn.Module, model: Model, vocabulary: int, label_smoothing: float, autoregressive: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = CaptionDecoder(vocabulary, model.text_width, model.text_layers, model.heads, model.width)
        self.label_smoothing = label_smoothing
        self.autoregressive = autoregressive
        self.positions = model.max_tokens - 1

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        frames, lengths = self.encoder(batch["features"], batch["lengths"])
        inputs, targets = batch["tokens"][:, :-1], batch["tokens"][:, 1:]
        chosen = share_of_draws(len(inputs), generator) < self.autoregressive
        losses = []
        for parallel in (False, True):
            rows = (~chosen if parallel else chosen).nonzero()[:, 0].to(inputs.device)
            if len(rows) == 0:
                continue
            some = inputs[rows]
            if parallel:
                # As many mask tokens for every caption: their number must not tell how long it is.
                some = some.new_full((len(rows), self.positions), PAD)
            logits = self.decoder(some, frames[rows], lengths[rows], parallel=parallel)
            wanted = targets[rows]
            losses.append(self._summed(logits[:, : wanted.shape[1]], wanted))
        loss, tokens = (
            torch.stack([part for part, _ in losses]).sum(),
            torch.stack([n for _, n in losses]).sum(),
        )
        # The mean over all workers' tokens, so that sharing a batch out changes nothing.
        return {"loss": loss * workers() / summed_over_workers(tokens)}

    def _summed(self, logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss = nn.functional.cross_entropy(
            logits.float().flatten(0, 1),
            targets.flatten(),
            ignore_index=PAD,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        return loss, (targets != PAD).sum()
