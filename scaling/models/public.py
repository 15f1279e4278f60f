"""Zipformers as they are published: their configuration, and the names and shapes of their weights."""

from collections.abc import Mapping
from typing import Any

import torch

from scaling.errors import StudyError
from scaling.models.formats import MEL_BINS
from scaling.models.options import ZipformerOptions

FIRST = "encoder_embed.conv.0.weight"
"""What every checkpoint of this family has; what stands before it in the name stands before all."""
PARTS = ("encoder_embed.", "encoder.")
TRAINED = 100_000
"""Steps after which every schedule has long come to its end."""

FIELDS = {
    "num_encoder_layers": "layers",
    "downsampling_factor": "downsampling",
    "encoder_dim": "widths",
    "feedforward_dim": "feed_forward",
    "num_heads": "heads",
    "cnn_module_kernel": "kernels",
    "encoder_unmasked_dim": "unmasked",
    "query_head_dim": "query_head",
    "value_head_dim": "value_head",
    "pos_head_dim": "position_head",
    "pos_dim": "position_width",
    "output_downsampling_factor": "output_downsampling",
    "warmup_batches": "warmup",
}
NUMBERS = ("position_width", "output_downsampling", "warmup")


def public_options(config: Mapping[str, Any]) -> ZipformerOptions:
    """The options of a published configuration; one number for all stacks may stand for one a stack.

    Raises `StudyError` for what is not there, for a streaming model, and for features of other than 80 bins.
    """
    if missing := [name for name in FIELDS if name not in config and FIELDS[name] != "warmup"]:
        raise StudyError(f"this is no configuration of a Zipformer: it has no {', '.join(missing)}")
    if config.get("causal"):
        raise StudyError("a causal Zipformer (for streaming) has other convolutions: only those with causal false fit")
    if config.get("feature_dim", MEL_BINS) != MEL_BINS:
        raise StudyError(f"a Zipformer for {config['feature_dim']} mel bins: this project's log-mels have {MEL_BINS}")
    stacks = len(_several(config["downsampling_factor"]))
    found: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if field in NUMBERS:
            found |= {field: config[name]} if name in config else {}
        else:
            values = _several(config[name])
            found[field] = values * stacks if len(values) == 1 else values
    return ZipformerOptions(**found)


def _several(value: Any) -> tuple[int, ...]:
    """Numbers as they come: one, a list, or text with commas (as command lines have them)."""
    if isinstance(value, str):
        value = value.split(",")
    return tuple(int(each) for each in (value if isinstance(value, list | tuple) else [value]))


def is_public(state: Mapping[str, Any]) -> bool:
    """Whether these are weights of a published Zipformer, alone or inside a larger model."""
    return any(str(name).endswith(FIRST) for name in _weights(state)) and "encoder.log_mel_mean" not in state


def public_parameters(state: Mapping[str, Any], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors that go into the parameters `own`, under their names there.

    `state` may be the dictionary around the weights (`{"model": ...}`), the names may have something before them, and
    parts that are no encoder (a decoder, a classifier) are left aside. Raises `StudyError` that names what does not
    fit.
    """
    weights = _weights(state)
    prefix = next((name.removesuffix(FIRST) for name in weights if name.endswith(FIRST)), None)
    if prefix is None:
        raise StudyError(f"these are no weights of a Zipformer: there is no {FIRST} among {len(weights)} tensors")
    found = {
        name.removeprefix(prefix): tensor
        for name, tensor in weights.items()
        if name.startswith(tuple(prefix + part for part in PARTS))
    }
    wrong = [f"no {name}" for name in own if name not in found]
    wrong += [f"{name} too many" for name in found if name not in own]
    wrong += [
        f"{name} of shape {list(found[name].shape)}, not {list(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StudyError(f"these weights are of another Zipformer: {', '.join(wrong[:3])}{more}")
    return found


def _weights(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    inner = state.get("model", state)
    inner = inner if isinstance(inner, Mapping) else state
    return {str(name): tensor for name, tensor in inner.items() if isinstance(tensor, torch.Tensor)}
