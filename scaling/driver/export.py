"""A finished run's encoder as a folder of its own, for those who want it without its study."""

import json
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import save

from scaling.data.features import mel_filters
from scaling.data.feed import crop_frames
from scaling.driver.identity import described
from scaling.driver.model_card import card
from scaling.errors import StudyError
from scaling.pretrained.encoder import CONFIG, WEIGHTS, PretrainedEncoder, config_of, windows_of
from scaling.runs.folder import RunFolder
from scaling.runs.result import Result
from scaling.storage.files import Location
from scaling.storage.published import publish
from scaling.training.checkpoint import CURE, check_whole, latest_checkpoint, read_tensors
from scaling.training.checkpoint import WEIGHTS as TRAINED
from scaling.training.initialize import AUDIO, first_encoder

HEAR, XARES, CARD = "hear_module.py", "xares_encoder.py", "README.md"
HEAR_MODULE = '''"""This encoder by HEAR's contract: hear-validator hear_module --model <the folder of this file>."""

from pathlib import Path

from scaling.pretrained import hear
from scaling.pretrained.hear import get_scene_embeddings, get_timestamp_embeddings

__all__ = ["get_scene_embeddings", "get_timestamp_embeddings", "load_model"]


def load_model(path: str = "") -> hear.HearModel:
    return hear.load_model(path or str(Path(__file__).parent))
'''
XARES_ENCODER = '''"""This encoder by X-ARES's contract: a class without arguments whose name ends in Encoder."""

from pathlib import Path

from scaling.pretrained import xares


class ScalingEncoder(xares.ScalingEncoder):
    def __init__(self) -> None:
        super().__init__(Path(__file__).parent)
'''


@dataclass(frozen=True)
class Exportable:
    """A finished run with an encoder: what came of it, where its weights lie, and what its study says of itself."""

    result: Result
    checkpoint: Location
    study: dict[str, Any]


def exportable(run: Location) -> Exportable:
    """What a run's folder has to export.

    Raises `StudyError` for what is no folder of a run, a reference, a run that is not done, and weights that are gone
    or damaged.
    """
    folder = RunFolder(run)
    if not folder.begun:
        raise StudyError(f"{run} is no run: give a folder in runs/ of a study")
    cell = folder.cell()
    if cell.run.objective is None:
        raise StudyError(f"{cell.run.name} is a reference, in which nothing was trained: export another run")
    if not folder.done:
        raise StudyError(f"{cell.run.name} is not done: start its study again, it goes on")
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        raise StudyError(f"{cell.run.name} has left no weights: {CURE}")
    check_whole(checkpoint, optimizer=False)
    study = described(run.parent.parent)
    return Exportable(folder.result(), checkpoint, {**study} if study else {})


def export(run: Location, out: Location) -> Location:
    """Write the encoder of a finished run into a folder: weights and configuration for `scaling.pretrained`, modules by
    the contracts of HEAR and X-ARES, and a model card; what is there already of the same run is written anew.

    Raises `StudyError` as `exportable` does, and where something else lies there.
    """
    there = exportable(run)
    of = there.result.run
    encoder = first_encoder(of, None)
    weights = read_tensors(there.checkpoint / TRAINED)
    encoder.load_state_dict(
        {name.removeprefix(AUDIO): value for name, value in weights.items() if name.startswith(AUDIO)}
    )
    longest, *_ = encoder.hears.shape(crop_frames(of.data.crop_seconds))
    made = PretrainedEncoder(encoder, windows_of(encoder, longest))
    if made.log_mels is not None:
        with torch.no_grad():
            made.log_mels.filters.copy_(mel_filters(made.log_mels.of))
    config = config_of(of.encoder, made.windows, of.name)
    files = {
        WEIGHTS: save({name: value.contiguous() for name, value in made.state_dict().items()}),
        CONFIG: (json.dumps(config, indent=1) + "\n").encode(),
        HEAR: HEAR_MODULE.encode(),
        XARES: XARES_ENCODER.encode(),
        CARD: card(there.result, there.study, made).encode(),
    }
    publish(out, f"the encoder of {of.name}", "export", files)
    return out
