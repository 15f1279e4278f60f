"""What every audio encoder is: frames in, fewer frames out."""

from typing import Protocol

import torch

# About the mean and standard deviation of log-mels (natural logarithm, floor ln 1e-6) where no corpus says
# better: measured over the embedded corpus and real recordings.
LOG_MEL_MEAN = -5.0
LOG_MEL_STD = 4.5


class Encoder(Protocol):
    """Log-mel frames to encoded frames.

    Called with features float32 [batch, time, 80] and lengths int64 [batch] (valid frames); returns frames
    [batch, time / stride, width] and their lengths. Frames past a clip's length carry nothing.
    """

    width: int
    stride: int

    def __call__(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...


def valid(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """True where a position is inside its sequence: bool [batch, size]."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]
