"""What every audio encoder is: frames in, fewer frames out."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from scaling.models.formats import Format, LogMel

# About the mean and standard deviation of log-mels (natural logarithm, floor ln 1e-6) where no corpus says
# better: measured over the embedded corpus and real recordings.
LOG_MEL_MEAN = -5.0
LOG_MEL_STD = 4.5
LOG_MEL = LogMel()


class Encoder(nn.Module):
    """What is heard of a clip, log-mel frames or samples, to encoded frames. Built from its options alone:
    `Mine(options)`.

    Attributes:
        hears: the format that its options name.
        width: numbers an encoded frame has.
        stride: log-mel frames, or samples, an encoded frame stands for.
        log_mel_mean, log_mel_std: float32 [bins], the normalization of the data; buffers, so that an encoder takes it
            along wherever its weights go. An encoder of waveforms has none.
        recompute: whether layers are computed again in the backward pass, for less memory; gradients are the same.
    """

    width: int
    stride: int
    recompute: bool = False
    log_mel_mean: torch.Tensor
    log_mel_std: torch.Tensor

    def __init__(self, hears: Format = LOG_MEL) -> None:
        super().__init__()
        self.hears = hears
        if isinstance(hears, LogMel):
            self.register_buffer("log_mel_mean", torch.full((hears.bins,), LOG_MEL_MEAN))
            self.register_buffer("log_mel_std", torch.full((hears.bins,), LOG_MEL_STD))

    def normalized(self, features: torch.Tensor) -> torch.Tensor:
        """Log-mels [batch, time, bins] with mean 0 and deviation 1 in every bin, as far as the data are like those that
        the statistics are of."""
        return (features.float() - self.log_mel_mean) / self.log_mel_std

    def at_step(self, step: int) -> None:
        """What is scheduled or drawn for a whole step (0-based), before its forward pass; torch's generators are seeded
        by then."""

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """Weights from elsewhere under the names that this encoder has for them, each with a prefix; its own stay as
        they are.

        Raises `StudyError` where they do not fit.
        """
        return weights

    def recompute_layers(self) -> None:
        """Set `recompute`. Raises `StudyError` for an encoder that cannot."""
        self.recompute = True

    def start_over(self) -> None:
        """What follows when weights are taken over for a run of its own: schedules go on where theirs have ended."""

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and lengths int64 [batch] to frames [batch, time / stride, width] and their lengths. Frames past a
        clip's length carry nothing.

        Features are log-mels, float32 [batch, time, bins], with lengths in frames, or samples, float32 [batch, time],
        with lengths in samples; zero past each clip's length, of which the least is 1."""
        raise NotImplementedError


def valid(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """True where a position is inside its sequence: bool [batch, size]."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]
