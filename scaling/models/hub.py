"""Audio encoders, text encoders and decoders of the `transformers` library, built from a configuration.

Nothing is fetched here: a configuration is data, and weights come as any others do.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import utils
from transformers.utils import import_utils

from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.options import HubOptions

# Its models need no torchaudio, whose compiled part does not load beside a torch for CPUs.
for library in (utils, import_utils):
    library.is_torchaudio_available = lambda: False  # type: ignore[attr-defined]

from transformers import ASTModel, AutoConfig, AutoModel, BartConfig, ClapAudioModel  # noqa: E402
from transformers.models.bart.modeling_bart import BartDecoder  # noqa: E402
from transformers.models.whisper.modeling_whisper import WhisperEncoder  # noqa: E402

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
        found = {f"model.{name}": value for name, value in hub_weights(weights, self.model).items()}
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


class HubTextEncoder(nn.Module):
    """A BERT-like encoder: tokens int64 [batch, length] to the state of the first, [batch, width]."""

    def __init__(self, config: str, padding: int) -> None:
        super().__init__()
        self.model = _random(configuration(json.loads(config)))
        self.width, self.padding = int(self.model.config.hidden_size), padding

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        states = self.model(input_ids=tokens, attention_mask=(tokens != self.padding).long()).last_hidden_state
        return cast(torch.Tensor, states[:, 0])


class Words(nn.Module):
    """What is added to the logits of words."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(words))


class HubDecoder(nn.Module):
    """A BART-shaped decoder with cross-attention to frames; the interface of `decoder.CaptionDecoder`."""

    def __init__(self, config: str, memory_width: int, mask: int) -> None:
        super().__init__()
        found = configuration(json.loads(config))
        if not isinstance(found, BartConfig):
            raise StudyError(f"a decoder of the kind {found.model_type}: it must be bart")
        self.model, self.mask = BartDecoder(found), mask
        words, width = self.model.embed_tokens.weight.shape
        self.memory, self.output = nn.Linear(memory_width, width), Words(words)

    def autoregressive(self, tokens: torch.Tensor, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self._decoded(tokens, frames, lengths, causal=True)

    def parallel(self, positions: int, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        masks = torch.full((len(frames), positions), self.mask, device=frames.device)
        return self._decoded(masks, frames, lengths, causal=False)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        # As in BART, words are read and written by the same numbers.
        return nn.functional.linear(states, self.model.embed_tokens.weight, self.output.bias)

    def _decoded(
        self, tokens: torch.Tensor, frames: torch.Tensor, lengths: torch.Tensor, *, causal: bool
    ) -> torch.Tensor:
        inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        size = tokens.shape[1]
        # What comes after a caption's end is behind it: no position that counts sees it.
        seen = torch.zeros(size, size, device=frames.device)
        seen = seen + torch.full_like(seen, -torch.inf).triu(1) if causal else seen
        states = self.model(
            input_ids=tokens,
            attention_mask=seen.expand(len(tokens), 1, -1, -1),
            encoder_hidden_states=self.memory(frames),
            encoder_attention_mask=inside.long(),
            use_cache=False,
        ).last_hidden_state
        return cast(torch.Tensor, states)


def _random(config: Any) -> Any:
    return AutoModel.from_config(config)  # type: ignore[no-untyped-call]


def configuration(fields: Mapping[str, Any]) -> Any:
    """The configuration of these fields.

    Raises `StudyError` for a kind that the library does not know, or fields that make no model.
    """
    others = {key: value for key, value in fields.items() if key not in ("model_type", "architectures", "torch_dtype")}
    try:
        return AutoConfig.for_model(fields["model_type"], **others)
    except (KeyError, ValueError, TypeError, StrictDataclassError) as error:
        said = str(error).strip().splitlines()[0][:200]
        raise StudyError(f"no model of the kind {fields.get('model_type', 'unnamed')} can be made: {said}") from None


def hub_weights(weights: Mapping[str, Any], model: Any) -> dict[str, torch.Tensor]:
    """The tensors of a model out of saved ones, under whatever names the library has saved them or those of a larger
    model by.

    Raises `StudyError` naming what is missing or of another shape.
    """
    kind, config = type(model), model.config
    loaded, found = kind.from_pretrained(
        None, config=config, state_dict=dict(weights), output_loading_info=True, ignore_mismatched_sizes=True
    )
    wrong = [f"no {name}" for name in sorted(found["missing_keys"])]
    wrong += [f"{name} of another shape" for name, *_ in sorted(found["mismatched_keys"])]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StudyError(f"these weights are of another model: {', '.join(wrong[:3])}{more}")
    state: dict[str, torch.Tensor] = loaded.state_dict()
    return state
