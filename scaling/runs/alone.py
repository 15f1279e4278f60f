"""An encoder that no run of a study has made, scored by the same rules: one of a folder, by its name on the hub, or a
module of HEAR's contract."""

from dataclasses import dataclass

import polars as pl
import torch

from scaling.data.labelled import LabelledStore
from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.hear import hear_encoder, hear_file
from scaling.models.rank_me import rank_me
from scaling.pretrained.encoder import from_pretrained
from scaling.probes.answers import Subject
from scaling.probes.embed import embed
from scaling.probes.frames import FramesFile
from scaling.probes.options import needs_frames
from scaling.probes.probe import score
from scaling.probes.score import Score
from scaling.probes.work import Work
from scaling.storage.files import Location
from scaling.study.encoders import named_encoder
from scaling.study.model_files import CONFIG, WEIGHTS, model_file, model_weights, read_object
from scaling.study.run import Run
from scaling.training.initialize import first_encoder, read_weights
from scaling.training.measures import parameter_count

WINDOW_SECONDS = 10.0
"""Longer clips are heard window by window, as long as an encoder hears at once, and no longer than this."""


@dataclass(frozen=True)
class Scored:
    """What is told of an encoder: its scores and answers, its parameters, the rank of its embeddings, and what each
    probe took in seconds and (of those that are trained step by step) in floating-point operations."""

    scores: list[Score]
    predictions: pl.DataFrame
    parameters: int
    rank_me: float
    seconds: dict[str, float]
    flops: dict[str, float]


def loaded_encoder(name: str, weights: str = "") -> tuple[Encoder, float]:
    """The encoder of a module of HEAR's contract (`models.hear`), whose model is loaded from `weights`; of a folder
    that `scaling export` wrote; of a folder with a configuration of the transformers library and its weights; or of a
    name whose files are in the local cache of the hub. And how many seconds of a clip it is to hear at once. Nothing
    is fetched.

    Raises `StudyError` where one of them is not there, or they do not fit.
    """
    if hear_file(name) is not None:
        return hear_encoder(name, weights), WINDOW_SECONDS
    if weights:
        raise StudyError(
            f"--weights is what the load_model of a module of HEAR's contract is given, and {name} is none"
        )
    if (config := model_file(name, CONFIG)) is not None and {"format", "windows"} <= set(read_object(config)):
        exported = from_pretrained(config.parent)
        return exported.encoder, min(WINDOW_SECONDS, exported.windows.frames * exported.unit_seconds)
    return _of_library(name)


def _of_library(name: str) -> tuple[Encoder, float]:
    options = named_encoder(name)
    encoder = first_encoder(Run(None, encoder=options), None)
    path = model_weights(name)
    if path is None:
        raise StudyError(
            f"no weights of the encoder {name}: it needs a {' or a '.join(WEIGHTS)} beside its configuration"
        )
    weights = {**encoder.state_dict(), **encoder.with_own_names(read_weights(path), "")}
    own = encoder.state_dict()
    for key, value in own.items():
        if weights[key].shape != value.shape:
            raise StudyError(f"{path} does not fit its configuration: {key} has shape {list(weights[key].shape)}")
        value.copy_(weights[key])
    return encoder, min(WINDOW_SECONDS, getattr(options, "longest_seconds", WINDOW_SECONDS))


def score_alone(
    encoder: Encoder,
    window: float,
    labelled: LabelledStore,
    probes: tuple[str, ...],
    device: torch.device,
    shared: Location | None = None,
) -> Scored:
    """Score an encoder on labelled clips that are prepared, of which it hears `window` seconds at once; `shared` is
    where what does not depend on the encoder is kept."""
    encoder = encoder.to(device)
    seconds: dict[str, float] = {}
    flops: dict[str, float] = {}
    kept = FramesFile(encoder.width) if needs_frames(probes) else None
    embeddings = embed(labelled.store, labelled.probed, encoder, window, device, kept)
    frames = None if kept is None else kept.frames(len(labelled.store))
    subject = Subject(labelled, embeddings, None, device, frames, Work(shared=shared))
    scores, predictions = score(subject, probes, seconds, flops)
    return Scored(scores, predictions, parameter_count(encoder), rank_me(embeddings[labelled.probed]), seconds, flops)
