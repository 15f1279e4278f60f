"""Where a run's weights start from: random, a supervised run's encoder, or a checkpoint file."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from scaling.errors import StudyError

AUDIO = "encoder."
TEXT = ("text.", "decoder.")


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises `StudyError` where it is missing, cannot be read or is no safetensors file.
    """
    # safetensors maps the file and answers a folder with "No such device".
    if not path.is_file():
        raise StudyError(f"no checkpoint at {path}: give a weights.safetensors file")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise StudyError(f"{path} is not a safetensors file: {error}") from None
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror or error}") from None


def load_part(module: nn.Module, weights: dict[str, torch.Tensor], prefixes: tuple[str, ...], name: str) -> None:
    """Copy the tensors under `prefixes` into a module in place; every tensor the module has there must come
    with its shape.

    Raises `StudyError` naming the first tensor that is missing or of another shape.
    """
    own = {key: value for key, value in module.state_dict().items() if key.startswith(prefixes)}
    if not own:
        raise StudyError(f"{name}: this objective has no weights under {' or '.join(prefixes)} to initialize")
    for key, value in own.items():
        if key not in weights:
            raise StudyError(f"{name} does not fit: it has no tensor {key}")
        if weights[key].shape != value.shape:
            there, here = list(weights[key].shape), list(value.shape)
            raise StudyError(f"{name} does not fit: {key} has shape {there}, this model needs {here}")
        value.copy_(weights[key])
