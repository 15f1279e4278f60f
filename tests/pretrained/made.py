"""Encoders for tests, as they would lie in a folder."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tiny import ENCODER, ZIPFORMER

from scaling.data.features import mel_filters
from scaling.models.options import ENCODERS
from scaling.pretrained.encoder import CONFIG, WEIGHTS, PretrainedEncoder, config_of, windows_of

KINDS = {"transformer": ENCODER, "zipformer": ZIPFORMER}


def encoder(options: Any = ENCODER, frames: int = 100) -> PretrainedEncoder:
    """One with random weights that was trained on clips of a second."""
    torch.manual_seed(0)
    made: Any = ENCODERS.builder_of(options)(options)
    whole = PretrainedEncoder(made, windows_of(made, frames))
    if whole.log_mels is not None:
        whole.log_mels.filters.copy_(mel_filters())
    return whole


def folder(path: Path, options: Any = ENCODER, frames: int = 100) -> Path:
    """The same in a folder."""
    made = encoder(options, frames)
    path.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in made.state_dict().items()}, path / WEIGHTS)
    (path / CONFIG).write_text(json.dumps(config_of(options, made.windows, "a run")))
    return path


def sound(seconds: float, seed: int = 0) -> torch.Tensor:
    """A tone that changes, with noise: float32 [samples] at 16 kHz."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed))
    return 0.3 * torch.sin(2 * math.pi * (200 + 90 * (seed + 1) * time) * time) + 0.02 * noise
