"""A run's networks with their first weights: random, a supervised run's encoder, or a checkpoint file."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn

from scaling.data.store import Statistics
from scaling.data.tokenizer import Tokenizer
from scaling.errors import StudyError
from scaling.models.transformer import Transformer
from scaling.objectives.captioning import Captioning
from scaling.objectives.contrastive import Contrastive
from scaling.objectives.supervised import Supervised
from scaling.storage.files import Location
from scaling.study.study import Model, Run, Study
from scaling.training.checkpoint import read_tensors

Weights = dict[str, torch.Tensor]

AUDIO = "encoder."
TEXT = ("text.", "decoder.")


def build_encoder(name: str, model: Model) -> torch.nn.Module:
    """The encoder a run names, with random weights from torch's current generator."""
    encoders = {"transformer": Transformer}
    return encoders[name](model.width, model.layers, model.heads)


def build_objective(run: Run, encoder: nn.Module, vocabulary: int, classes: dict[str, int]) -> nn.Module:
    """The objective a run names, around its encoder.

    Every objective is called with a batch and a `torch.Generator` of the step, and returns `Losses`.
    `classes` gives the number of classes of every labelled task (the supervised objective only).
    """
    if run.objective == "contrastive":
        return Contrastive(encoder, run.model, vocabulary, run.temperature)
    if run.objective == "captioning":
        return Captioning(encoder, run.model, vocabulary, run.label_smoothing, run.autoregressive)
    if run.objective == "supervised":
        return Supervised(encoder, classes)
    raise StudyError(f"{run.objective} is no objective that trains")


def first_encoder(run: Run, statistics: Statistics | None) -> nn.Module:
    """A run's untrained encoder, normalizing log-mels by the statistics of the data."""
    torch.manual_seed(run.seed)
    encoder = build_encoder(run.encoder, run.model)
    if statistics is not None:
        encoder.get_buffer("log_mel_mean").copy_(torch.from_numpy(statistics.mean))
        encoder.get_buffer("log_mel_std").copy_(torch.from_numpy(statistics.std))
    return encoder


@torch.no_grad()
def build(
    run: Run,
    vocabulary: int,
    classes: dict[str, int],
    audio: Weights | None,
    text: Weights | None,
    statistics: Statistics | None = None,
) -> nn.Module:
    """The objective of a run with its first weights.

    The encoder is drawn before anything else: twins of different objectives start from the same one. `audio`
    and `text` are the weights that initialize the encoder and the text side (None: random). A caption decoder
    starts from the words' frequencies, or its first hundred steps would go into learning those.
    """
    module = build_objective(run, first_encoder(run, statistics), vocabulary, classes)
    if statistics is not None and isinstance(module, Captioning):
        module.decoder.output.bias.copy_(torch.from_numpy(statistics.words))
    if audio is not None:
        load_part(module, audio, (AUDIO,), f"audio_init {run.audio_init}")
    if text is not None:
        load_part(module, text, TEXT, f"text_init {run.text_init}")
    return module


def read_weights(path: Location) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises `StudyError` where it is missing, cannot be read or is no safetensors file.
    """
    # safetensors maps the file and answers a folder with "No such device".
    if not (path.is_file() if isinstance(path, Path) else path.exists()):
        raise StudyError(f"no checkpoint at {path}: give a weights.safetensors file")
    try:
        return read_tensors(path)
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


def check_checkpoints(study: Study, store: Location) -> None:
    """Refuse a checkpoint that does not fit the model of a run that starts from it, before anything is trained."""
    vocabulary = len(Tokenizer.load(store / "tokenizer.json"))
    weights = {name: read_weights(path) for name, path in study.checkpoints.items()}
    seen: set[Run] = set()
    for run in study.runs:
        kind = replace(run, clips=0, seed=0, parent="")
        if kind not in seen and not {run.audio_init, run.text_init}.isdisjoint(weights):
            seen.add(kind)
            build(run, vocabulary, {}, weights.get(run.audio_init), weights.get(run.text_init))
