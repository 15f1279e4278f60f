"""Audio encoders of the `transformers` library, built from a configuration.

Nothing is fetched here: a configuration is data, and weights come as any others do.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.encoder import Encoder, valid
from scaling.models.fronts import OWN, Filled
from scaling.models.hub_options import SAMPLES, HubOptions
from scaling.models.library import AUDIO, configuration, making, own_weights

PLAIN = {"layerdrop": 0.0, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "add_adapter": False}
"""Of models that hear samples: see `HubSamples`."""


def hub_encoder(options: HubOptions) -> "HubEncoder":
    """The encoder that some options describe."""
    return HubSamples(options) if options.kind in SAMPLES else HubLogMels(options)


class HubEncoder(Encoder):
    """A model of the library around which all the rest is this project's."""

    def __init__(self, options: HubOptions, **fixed: Any) -> None:
        super().__init__(options.hears)
        self.kind = options.kind
        with making(self.kind):
            self.model = AUDIO[self.kind](configuration({**options.fields, **fixed}))

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        if f"{prefix}model.{next(iter(self.model.state_dict()))}" in weights:
            return weights
        found = {f"model.{name}": value for name, value in own_weights(weights, self.model).items()}
        return {prefix + name: value for name, value in {**self.state_dict(), **found}.items()}

    def recompute_layers(self) -> None:
        if not self.model.supports_gradient_checkpointing:
            raise StudyError(
                f"the layers of a {self.kind} cannot be computed again: set optimization.recompute to false"
            )
        super().recompute_layers()
        with warnings.catch_warnings():
            # Of its name, which a later version of the library has changed.
            warnings.simplefilter("ignore", FutureWarning)
            self.model.gradient_checkpointing_enable({"use_reentrant": False})


class HubLogMels(HubEncoder):
    """An encoder that sees log-mels: every clip is filled up to the longest that it hears, as its positions want it, so
    that a clip's neighbours do not matter.

    Whisper's and AST's outputs are frames along time (AST's the mean over its bands); CLAP's are those of the last
    stage of HTSAT, 32 to 10 s. The batch norm of CLAP's bins is one of the batch in training, as it is published.
    """

    def __init__(self, options: HubOptions) -> None:
        super().__init__(options)
        self.longest, self.bins = options.longest_frames, options.bins
        self.front = OWN[self.kind](options) if options.own else Filled(options)
        if self.kind == "clap_audio_model" and self.model.config.enable_fusion:
            # What only clips of more than it hears at once go through learns nothing, which workers do not bear.
            for name, parameter in self.model.named_parameters():
                if "fusion" in name or "mel_conv2d" in name:
                    parameter.requires_grad_(False)
        with torch.no_grad(), making(self.kind):
            self.model.eval()
            frames = self._frames(torch.zeros(1, self.longest, self.bins))
        self.width, self.frames = frames.shape[2], frames.shape[1]
        step = {"audio-spectrogram-transformer": 160}.get(self.kind, int(options.own.get("hop", 1)))
        self.stride = -(-self.longest // self.frames) * (step if options.own and self.kind != "whisper" else 1)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.normalized(features) if isinstance(self.front, Filled) else features
        x, lengths = self.front(x, lengths)
        return self._frames(x), -(-lengths * self.frames // self.longest)

    def _frames(self, x: torch.Tensor) -> torch.Tensor:
        """Log-mels [batch, longest, bins] to frames [batch, time, width]."""
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


class HubSamples(HubEncoder):
    """An encoder that hears samples at 16 kHz: wav2vec 2.0 and what has its form (WavLM, HuBERT).

    A clip in a batch is heard as if it was alone. The library's base models are not so: their first layer is normalized
    over time, padding included (`ClipNorm` is not). Their own masks and skipped layers are left out in training: what
    is masked is this project's choice, and workers do not bear what learns nothing in a step.
    """

    def __init__(self, options: HubOptions) -> None:
        super().__init__(options, **PLAIN)
        config = self.model.config
        self.normalize = bool(options.own.get("normalize", True))
        self.width, self.stride = int(config.hidden_size), math.prod(config.conv_stride)
        self.shortest = 1
        for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
            self.shortest = (self.shortest - 1) * stride + kernel
        first = self.model.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            first.layer_norm = ClipNorm(first.layer_norm)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = nn.functional.pad(features.float(), (0, max(self.shortest - features.shape[1], 0)))
        lengths = lengths.clamp(min=self.shortest)
        inside = valid(lengths, x.shape[1])
        if self.normalize:
            mean = (x * inside).sum(dim=1, keepdim=True) / lengths[:, None]
            x = x - mean
            x = x / ((x.square() * inside).sum(dim=1, keepdim=True) / lengths[:, None] + 1e-7).sqrt()
        config = self.model.config
        norm = getattr(self.model.feature_extractor.conv_layers[0], "layer_norm", None)
        if isinstance(norm, ClipNorm):
            norm.lengths = (lengths - config.conv_kernel[0]) // config.conv_stride[0] + 1
        frames = self.model(x * inside, attention_mask=inside.long()).last_hidden_state
        return frames, self.model._get_feat_extract_output_lengths(lengths)


class ClipNorm(nn.GroupNorm):
    """The norm of each channel over the frames of a clip, without those of its padding: [batch, channels, time].

    Attributes:
        lengths: the clips' frames, int64 [batch], to be set before every pass.
    """

    lengths: torch.Tensor

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__(norm.num_groups, norm.num_channels, norm.eps)
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = valid(self.lengths, x.shape[2])[:, None]
        x = x.float()
        x = x - (x * inside).sum(dim=2, keepdim=True) / self.lengths[:, None, None]
        variance = (x.square() * inside).sum(dim=2, keepdim=True) / self.lengths[:, None, None]
        return x * (variance + self.eps).rsqrt() * self.weight[:, None] + self.bias[:, None]
