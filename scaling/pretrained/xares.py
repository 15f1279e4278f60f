"""An encoder by the contract of the X-ARES benchmark: a module whose name ends in Encoder."""

from pathlib import Path

import torch
from torch import nn

from scaling.pretrained.encoder import from_pretrained


class ScalingEncoder(nn.Module):
    """Audio float [batch, samples] to frames float32 [batch, time, width]; the folder is what `scaling export`
    wrote."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.encoder = from_pretrained(folder)
        self.sampling_rate = int(self.encoder.sample_rate)
        self.output_dim = int(self.encoder.width)
        self.hop_size_in_ms = int(1000 * self.encoder.hop_seconds)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        frames: torch.Tensor = self.encoder(audio)[0]
        return frames
