"""Log-mel frames of samples, by torch alone: what `data.features.log_mel` makes, with the mel bands as weights."""

import torch
from torch import nn

from scaling.models.formats import LogMel


class LogMels(nn.Module):
    """Samples to log-mel frames, by the formula of a format.

    Attributes:
        filters: float32 [fft / 2 + 1, bins], the mel bands; they come with an encoder's weights, so that it hears what
            it has learned to hear.
    """

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self, of: LogMel) -> None:
        super().__init__()
        self.of = of
        self.register_buffer("filters", torch.zeros(of.fft // 2 + 1, of.bins))
        self.register_buffer("window", torch.hann_window(of.window), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Samples float32 [samples] to float32 [1 + samples // hop, bins]; so few that their ends cannot be reflected
        are padded with zeros."""
        of, least = self.of, self.of.fft // 2 + 1
        if len(samples) < least:
            samples = nn.functional.pad(samples, (0, least - len(samples)))
        spectrum = torch.stft(samples, of.fft, of.hop, of.window, self.window, return_complex=True)
        power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
        return (power.T @ self.filters).clamp(min=of.floor).log()
