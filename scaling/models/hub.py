"""Audio encoders of the `transformers` library, built from a configuration.

Nothing is fetched here: a configuration is data, and weights come as any others do.
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.library import ASTModel, ClapAudioModel, WhisperEncoder, configuration, own_weights
from scaling.models.options import HubOptions

ENCODERS: dict[str, Any] = {
    "audio-spectrogram-transformer": ASTModel,
    "whisper": WhisperEncoder,
    "clap_audio_model": ClapAudioModel,
}


class HubEncoder(Encoder):
    """Log-mels to frames; every clip is filled up with its mean level to the longest that the encoder hears, as its
    positions want it, so that a clip's neighbours do not matter."""

    def __init__(self, options: HubOptions) -> None:
        super().__init__(options.hears)
        self.kind, self.longest = options.fields["model_type"], options.longest_frames
        config = configuration(options.fields)
        self.model = ENCODERS[self.kind](config)
        with torch.no_grad():
            self.model.eval()
            frames = self._frames(torch.zeros(1, self.longest, len(self.log_mel_mean)))
        self.width, self.stride = frames.shape[2], -(-self.longest // frames.shape[1])

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        if f"{prefix}log_mel_mean" in weights:
            return weights
        found = {f"model.{name}": value for name, value in own_weights(weights, self.model).items()}
        return {prefix + name: value for name, value in {**self.state_dict(), **found}.items()}

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if features.shape[1] > self.longest:
            raise StudyError(f"a clip of {features.shape[1]} frames for an encoder that hears {self.longest} at most")
        inside = torch.arange(features.shape[1], device=features.device) < lengths[:, None]
        x = self.normalized(features).masked_fill(~inside[..., None], 0.0)
        frames = self._frames(nn.functional.pad(x, (0, 0, 0, self.longest - x.shape[1])))
        return frames, (-(-lengths // self.stride)).clamp(max=frames.shape[1])

    def _frames(self, x: torch.Tensor) -> torch.Tensor:
        """Log-mels [batch, longest, 80] to frames [batch, time, width]."""
        if self.kind == "whisper":
            return cast(torch.Tensor, self.model(x.transpose(1, 2)).last_hidden_state)
        if self.kind == "clap_audio_model":
            longer = torch.zeros(len(x), 1, dtype=torch.bool, device=x.device)
            found = self.model(x[:, None], is_longer=longer).last_hidden_state
            return cast(torch.Tensor, found.mean(dim=2).transpose(1, 2))
        found = self.model(x).last_hidden_state[:, 2:]
        config = self.model.config
        bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        return cast(torch.Tensor, found.unflatten(1, (bands, -1)).mean(dim=1))
