"""The `transformers` library as this project uses it: what is taken of it, its configurations, and its weights.

All of the project has it from here: it must be told something before its models are imported. Nothing is fetched.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from transformers import utils
from transformers.utils import import_utils, logging

from scaling.errors import StudyError

# Its models need no torchaudio, whose compiled part does not load beside a torch for CPUs.
for library in (utils, import_utils):
    library.is_torchaudio_available = lambda: False  # type: ignore[attr-defined]
logging.disable_progress_bar()  # type: ignore[no-untyped-call]

from transformers import (  # noqa: E402
    ASTModel,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BartConfig,
    ClapAudioModel,
    HubertModel,
    LlamaConfig,
    LlamaForCausalLM,
    Wav2Vec2Model,
    WavLMModel,
)
from transformers.audio_utils import mel_filter_bank, window_function  # noqa: E402
from transformers.models.bart.modeling_bart import BartDecoder  # noqa: E402
from transformers.models.whisper.modeling_whisper import WhisperEncoder  # noqa: E402

__all__ = [
    "AUDIO",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoTokenizer",
    "BartConfig",
    "BartDecoder",
    "LlamaConfig",
    "LlamaForCausalLM",
    "configuration",
    "making",
    "mel_filter_bank",
    "own_weights",
    "window_function",
]

AUDIO: dict[str, Any] = {
    "audio-spectrogram-transformer": ASTModel,
    "whisper": WhisperEncoder,
    "clap_audio_model": ClapAudioModel,
    "wav2vec2": Wav2Vec2Model,
    "wavlm": WavLMModel,
    "hubert": HubertModel,
}
"""Audio encoders by the library's name of their kind."""
NO_SHAPE = ("model_type", "architectures", "torch_dtype", "special_tokens")


def configuration(fields: Mapping[str, Any]) -> Any:
    """The configuration of these fields.

    Raises `StudyError` for a kind that the library does not know, or fields that make no model.
    """
    others = {key: value for key, value in fields.items() if key not in NO_SHAPE}
    with making(str(fields.get("model_type", "unnamed"))):
        return AutoConfig.for_model(fields["model_type"], **others)


@contextmanager
def making(kind: str) -> Iterator[None]:
    """Whatever the library says of sizes that do not go together, as one line."""
    try:
        yield
    except StudyError:
        raise
    # Sizes are divided by, indexed with and compared wherever a model's author did.
    except Exception as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise StudyError(f"no model of the kind {kind} can be made: {said}") from None


def own_weights(weights: Mapping[str, Any], model: Any) -> dict[str, torch.Tensor]:
    """The tensors of a model out of saved ones, under whatever names the library has saved them or those of a larger
    model by.

    Raises `StudyError` naming what is missing or of another shape.
    """
    kind, config = type(model), model.config
    loaded, found = kind.from_pretrained(
        None, config=config, state_dict=_part(weights, model), output_loading_info=True, ignore_mismatched_sizes=True
    )
    wrong = [f"no {name}" for name in sorted(found["missing_keys"])]
    wrong += [f"{name} of another shape" for name, *_ in sorted(found["mismatched_keys"])]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StudyError(f"these weights are of another model: {', '.join(wrong[:3])}{more}")
    state: dict[str, torch.Tensor] = loaded.state_dict()
    return state


def _part(weights: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """Of the weights of a larger model those that have a model's names behind a prefix; all where none have."""
    own = set(model.state_dict())
    first = next(iter(model.state_dict()))
    prefixes = {name.removesuffix(first) for name in weights if name.endswith(first)} or {""}
    prefix = max(sorted(prefixes), key=lambda start: sum(start + name in weights for name in own))
    found = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return found or dict(weights)
