"""A run's networks with their first weights, and the table of known initializations.

An initialization is a function of the run and of where files lie; it says which weights (under the names that
checkpoints hold them by) a part of the run's networks takes, None for random ones. It is found by the name that the run
gives, up to the first "-": `checkpoint-3f2a` is a `checkpoint`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from scaling.data.store import Statistics
from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.formats import LogMel
from scaling.models.options import ENCODERS
from scaling.objectives.objective import Objective
from scaling.objectives.options import OBJECTIVES
from scaling.storage.files import Location, local_copy, on_disk
from scaling.study.checkpoints import CHECKPOINT, initialization_name
from scaling.study.run import Run
from scaling.study.study import Study
from scaling.study.texts import WORDS, is_named
from scaling.training.checkpoint import CURE, WEIGHTS, check_whole, latest_checkpoint

Weights = dict[str, torch.Tensor]
AUDIO = "encoder."


@dataclass(frozen=True)
class Sources:
    """Where weights may come from: the folder of a study's runs, and the files of `checkpoint-…` initializations."""

    runs: Location
    checkpoints: Mapping[str, Location]


def scratch(run: Run, init: str, sources: Sources) -> Weights | None:
    """Random weights."""
    return None


def supervised(run: Run, init: str, sources: Sources) -> Weights | None:
    """Those that the run's parent has ended with."""
    parent = run.initialization.parent
    checkpoint = latest_checkpoint(sources.runs / parent)
    if checkpoint is None:
        raise StudyError(f"{run.name} starts from {parent}, which has left no weights: {CURE}")
    check_whole(checkpoint, optimizer=False)
    return read_weights(checkpoint / WEIGHTS)


def checkpoint(run: Run, init: str, sources: Sources) -> Weights | None:
    """Those of a file.

    Raises `StudyError` where it has changed since the run was named by it.
    """
    path = sources.checkpoints[init]
    weights = read_weights(path)
    with local_copy(path) as local:
        if initialization_name(local) != init:
            raise StudyError(f"{path} has changed since {run.name} was named by it: start the study again")
    return weights


def public(run: Run, init: str, sources: Sources) -> Weights | None:
    """Those of the public model that the run's text side is, by the name that its options give the file."""
    return checkpoint(run, run.objective.text_weights, sources)


INITIALIZATIONS: dict[str, Callable[[Run, str, Sources], Weights | None]] = {
    "scratch": scratch,
    "supervised": supervised,
    "checkpoint": checkpoint,
    "public": public,
}


def first_weights(run: Run, sources: Sources) -> tuple[Weights | None, Weights | None]:
    """The weights that a run's encoder and its text side start from; None is random."""
    audio, text = (
        INITIALIZATIONS[init.partition("-")[0]](run, init, sources)
        for init in (run.initialization.audio, run.initialization.text)
    )
    return audio, text


def first_encoder(run: Run, statistics: Statistics | None) -> Encoder:
    """A run's untrained encoder, normalizing log-mels, where it hears them, by the statistics of the data."""
    torch.manual_seed(run.seed)
    encoder: Encoder = ENCODERS.builder_of(run.encoder)(run.encoder)
    if statistics is not None and isinstance(encoder.hears, LogMel):
        encoder.log_mel_mean.copy_(torch.from_numpy(statistics.mean))
        encoder.log_mel_std.copy_(torch.from_numpy(statistics.std))
    return encoder


@torch.no_grad()
def build(
    run: Run,
    vocabulary: int,
    classes: Mapping[str, int],
    audio: Weights | None,
    text: Weights | None,
    statistics: Statistics | None = None,
) -> Objective:
    """The objective of a run with its first weights.

    The encoder is drawn before anything else: twins of different objectives start from the same one. `audio`
    and `text` are the weights that initialize the encoder and the text side (None: random). `classes` gives the number
    of classes of every labelled task.
    """
    encoder = first_encoder(run, statistics)
    if run.optimization.recompute:
        encoder.recompute_layers()
    objective: Objective = OBJECTIVES.builder_of(run.objective)(run.objective, encoder, vocabulary, classes)
    if statistics is not None:
        objective.start_from(torch.from_numpy(statistics.words))
    if audio is not None:
        name = f"initialization {run.initialization.audio} of the encoder"
        load_part(objective, encoder.with_own_names(audio, AUDIO), AUDIO, name)
        encoder.start_over()
    if text is not None:
        name, several = f"initialization {run.initialization.text} of the text side", objective.text_part.split()
        # Of a text side in several parts, those that there are weights for.
        parts = [part for part in several if any(key.startswith(part) for key in text)] or several[:1] or [""]
        for part in parts:
            # Models of other libraries have weights under names of theirs.
            named = getattr(objective.get_submodule(part.rstrip(".")), "with_own_names", None)
            load_part(objective, text if named is None else named(text, part), part, name)
    return objective


def read_weights(path: Location) -> Weights:
    """The tensors of a safetensors file, or of a file that torch.save wrote with nothing but tensors and numbers in it
    (of {"model": ...} those inside).

    Raises `StudyError` where it is missing, cannot be read or is no such file.
    """
    # safetensors maps the file and answers a folder with "No such device".
    if not (path.is_file() if on_disk(path) else path.exists()):
        raise StudyError(f"no checkpoint at {path}: give a weights.safetensors file")
    try:
        with local_copy(path) as local:
            # A copy in an object store has no name of its own to be known by.
            with local.open("rb") as file:
                zipped = file.read(2) == b"PK"
            return _saved_by_torch(local, path) if zipped else load_file(local)
    except SafetensorError as error:
        raise StudyError(f"{path} is not a safetensors file: {error}") from None
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror or error}") from None


def _saved_by_torch(local: Path, path: Location) -> Weights:
    try:
        # Of a file that is open, so that torch cannot go by its name.
        with local.open("rb") as file:
            found = torch.load(file, map_location="cpu", weights_only=True)
    # What is wrong in it shows as whatever its reader stumbles over: a KeyError, a struct.error, ...
    except Exception as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise StudyError(f"{path} is no file of weights alone: {why}") from None
    found = found.get("model", found) if isinstance(found, dict) else {}
    weights = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not weights:
        raise StudyError(f"{path} holds no weights")
    return weights


def load_part(objective: nn.Module, weights: Mapping[str, torch.Tensor], prefix: str, name: str) -> None:
    """Copy the tensors under `prefix` into an objective (or what has parts like one) in place; every tensor it has
    there must come with its shape.

    Raises `StudyError` naming the first tensor that is missing, of another shape or kind, or not finite.
    """
    own = {key: value for key, value in objective.state_dict().items() if prefix and key.startswith(prefix)}
    if not own:
        raise StudyError(f"{name}: this objective has no weights there to initialize")
    for key, value in own.items():
        if key not in weights:
            raise StudyError(f"{name} does not fit: it has no tensor {key}")
        if weights[key].shape != value.shape:
            there, here = list(weights[key].shape), list(value.shape)
            raise StudyError(f"{name} does not fit: {key} has shape {there}, this model needs {here}")
        if weights[key].is_floating_point() != value.is_floating_point():
            raise StudyError(f"{name} does not fit: {key} is of {weights[key].dtype}, this model needs {value.dtype}")
        value.copy_(weights[key])
        if not value.isfinite().all():
            raise StudyError(f"{name} does not fit: {key} holds values that are no numbers")


def check_networks(study: Study, vocabulary: int) -> None:
    """Build each kind of network that a study names, of the `transformers` library or with a checkpoint, before
    anything is trained: raises `StudyError` for one that cannot be, and for weights that do not fit."""
    weights = {name: read_weights(path) for name, path in study.checkpoints.items() if name.startswith(CHECKPOINT)}
    seen: set[Run] = set()
    for run in study.runs:
        init, objective = run.initialization, run.objective
        text = getattr(objective, "text_weights", "") if init.text == "public" else init.text
        kind = replace(run, data=replace(run.data, clips=0), seed=0, initialization=replace(init, parent=""))
        if kind in seen or not ({init.audio, text} & set(weights) or is_named(run)):
            continue
        seen.add(kind)
        own = getattr(objective, "tokenizer", WORDS) == WORDS
        # Other vocabularies have a size that the catalogue does not tell, and only networks of ours follow it.
        known = own or bool(getattr(objective, "text_config", ""))
        try:
            if objective is None:
                first_encoder(run, None)
            else:
                given = weights.get(text) if known else None
                build(run, vocabulary if own else 0, {}, weights.get(init.audio), given)
        except StudyError as error:
            files = ", ".join(str(study.checkpoints[name]) for name in (init.audio, text) if name in weights)
            raise StudyError(f"{files or run.name}: {error}") from None
