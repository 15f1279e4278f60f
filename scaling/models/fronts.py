"""What public extractors make of a clip for encoders that see log-mels, batched, on whatever device.

Each takes what the store holds (`HubOptions.hears`) and the clips' lengths, and gives float32 [batch, longest, bins] as
the extractor of the `transformers` library would of every clip alone, and how many of these frames are the clip's own.
What a clip sounds like does not depend on its neighbours.
"""

from typing import Any

import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.encoder import valid
from scaling.models.hub_options import RATE, HubOptions
from scaling.models.library import mel_filter_bank, window_function

Heard = tuple[torch.Tensor, torch.Tensor]


class Filled(nn.Module):
    """Normalized log-mels, filled up with their mean level."""

    def __init__(self, options: HubOptions) -> None:
        super().__init__()
        self.longest = options.longest_frames

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Heard:
        if x.shape[1] > self.longest:
            raise StudyError(f"a clip of {x.shape[1]} frames for an encoder that hears {self.longest} at most")
        return _filled(x, lengths, 0.0, self.longest), lengths


class Whisper(nn.Module):
    """log10 of the power, no more than 8 below a clip's greatest, scaled; filled up with silence (Radford et al. 2023).
    Of a store's log-mels, natural logarithms in half precision, to within 0.01 of what its extractor gives."""

    def __init__(self, options: HubOptions) -> None:
        super().__init__()
        self.longest = options.longest_frames

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> Heard:
        lengths = lengths.clamp(max=self.longest)
        x = _filled(features[:, : self.longest].float() / torch.log(torch.tensor(10.0)), lengths, -10.0, self.longest)
        x = torch.maximum(x, x.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (x + 4.0) / 4.0, lengths


class Kaldi(nn.Module):
    """Filter banks as of Kaldi (25 ms every 10 ms, without an offset, pre-emphasized), normalized; filled up with zeros
    before that: AST's (Gong et al. 2021). Heard of samples [batch, samples]."""

    WINDOW, HOP, FFT, FLOOR, EMPHASIS = 400, 160, 512, 1.192092955078125e-07, 0.97
    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, options: HubOptions) -> None:
        super().__init__()
        self.longest, own = options.longest_frames, options.own
        self.mean, self.std = float(own["mean"]), float(own["std"])
        filters = mel_filter_bank(
            257, options.bins, 20, RATE // 2, RATE, None, "kaldi", triangularize_in_mel_space=True
        )  # fmt: skip
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        window = window_function(self.WINDOW, "hann", periodic=False)
        self.register_buffer("window", torch.from_numpy(window).float(), persistent=False)

    def forward(self, samples: torch.Tensor, lengths: torch.Tensor) -> Heard:
        samples = samples[:, : self.WINDOW + self.HOP * (self.longest - 1)].float()
        samples = nn.functional.pad(samples, (0, max(self.WINDOW - samples.shape[1], 0)))
        own = ((lengths - self.WINDOW) // self.HOP + 1).clamp(min=1, max=self.longest)
        with torch.autocast(samples.device.type, enabled=False):
            x = samples.unfold(1, self.WINDOW, self.HOP)
            x = x - x.mean(dim=-1, keepdim=True)
            x = torch.cat([x[..., :1] * (1 - self.EMPHASIS), x[..., 1:] - self.EMPHASIS * x[..., :-1]], dim=-1)
            power = torch.fft.rfft(x * self.window, self.FFT).abs().square()
            x = (power @ self.filters).clamp(min=self.FLOOR).log()
        return (_filled(x, own, 0.0, self.longest) - self.mean) / (2 * self.std), own


class Decibels(nn.Module):
    """Mel powers in decibels of a clip that is repeated until it is as long as the encoder hears: CLAP's (Wu et al.
    2023), as its extractor pads. Heard of samples [batch, samples]; a clip's own frames are those of its first time."""

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, options: HubOptions) -> None:
        super().__init__()
        own: dict[str, Any] = options.own
        self.hop, self.fft, self.padding = int(own["hop"]), int(own["fft"]), str(own["padding"])
        self.longest, self.samples = options.longest_frames, int(own["seconds"] * own["rate"])
        norm = "slaney" if own["scale"] == "slaney" else None
        filters = mel_filter_bank(
            1 + self.fft // 2, options.bins, own["low"], own["high"], own["rate"], norm, own["scale"]
        )  # fmt: skip
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(self.fft), persistent=False)

    def forward(self, samples: torch.Tensor, lengths: torch.Tensor) -> Heard:
        lengths = lengths.clamp(min=1, max=self.samples)[:, None]
        place = torch.arange(self.samples, device=samples.device)[None]
        times = {"pad": torch.ones_like(lengths), "repeatpad": self.samples // lengths}
        inside = place < times.get(self.padding, self.samples) * lengths
        x = samples.float().gather(1, place % lengths).masked_fill(~inside, 0.0)
        with torch.autocast(samples.device.type, enabled=False):
            spectrum = torch.stft(x, self.fft, self.hop, window=self.window, return_complex=True)
            power = spectrum.abs().square().transpose(1, 2) @ self.filters
        return 10 * power.clamp(min=1e-10).log10(), (1 + lengths[:, 0] // self.hop).clamp(max=self.longest)


OWN = {"audio-spectrogram-transformer": Kaldi, "whisper": Whisper, "clap_audio_model": Decibels}
"""Fronts by the kind of encoder that they are of."""


def _filled(x: torch.Tensor, lengths: torch.Tensor, value: float, longest: int) -> torch.Tensor:
    """Frames with a value past each clip's end, up to the longest."""
    x = x.masked_fill(~valid(lengths, x.shape[1])[..., None], value)
    return nn.functional.pad(x, (0, 0, 0, longest - x.shape[1]), value=value)
