"""What the options of `toy_options` describe."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import torch
from torch import nn
from toy_options import ListenerOptions, StackedOptions, WordsOptions

from scaling.data.tasks.task import Task
from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.formats import MEL_BINS
from scaling.models.pooling import masked_mean
from scaling.models.tokens import PAD
from scaling.objectives.objective import Losses, Objective
from scaling.probes.answers import Answers, Subject, answered
from scaling.study.run import Run
from scaling.training.initialize import AUDIO, INITIALIZATIONS, Sources, Weights


class Stacked(Encoder):
    def __init__(self, options: StackedOptions) -> None:
        super().__init__()
        self.width, self.stride = options.width, options.frames
        self.layer = nn.Linear(options.frames * MEL_BINS, options.width)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padded = nn.functional.pad(self.normalized(features), (0, 0, 0, -features.shape[1] % self.stride))
        frames: torch.Tensor = self.layer(padded.unflatten(1, (-1, self.stride)).flatten(2)).tanh()
        return frames, (lengths + self.stride - 1) // self.stride


class Listener(Encoder):
    stride = 320

    def __init__(self, options: ListenerOptions) -> None:
        super().__init__(options.hears)
        self.width = options.width
        self.layer = nn.Linear(40, options.width, bias=False)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padded = nn.functional.pad(features, (0, -features.shape[1] % self.stride)).square()
        frames: torch.Tensor = self.layer((padded.unflatten(1, (-1, 40, 8)).sum(dim=3) + 1e-3).log())
        return frames, (lengths + self.stride - 1) // self.stride


class Words(Objective):
    def __init__(self, options: WordsOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]) -> None:
        super().__init__(encoder)
        self.words = nn.Linear(encoder.width, vocabulary)

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        logits = self.words(masked_mean(*self.encoder(batch["features"], batch["lengths"])))
        wanted = torch.zeros_like(logits).scatter(1, batch["tokens"], 1.0)
        wanted[:, PAD] = 0.0
        return {"loss": nn.functional.binary_cross_entropy_with_logits(logits, wanted)}


def halves(run: Run, init: str, sources: Sources) -> Weights | None:
    """Every weight of the encoder is a half."""
    return {f"{AUDIO}{name}": torch.full_like(value, 0.5) for name, value in Stacked(run.encoder).state_dict().items()}


INITIALIZATIONS["halves"] = halves


def nearest(task: Task, subject: Subject) -> Answers:
    train, test = (subject.labelled.split(task.name, split) for split in ("train", "test"))
    names = sorted(set(train.labels))
    means = torch.stack([
        subject.embeddings[train.places[[label == name for label in train.labels]]].mean(dim=0) for name in names
    ])  # fmt: skip
    answers = [names[place] for place in torch.cdist(subject.embeddings[test.places], means).argmin(dim=1).tolist()]
    scores, table = answered(task, test, answers)
    # Beside the project's own probe of labels, not in its place.
    return [replace(score, pooling="nearest") for score in scores], table.with_columns(pooling=pl.lit("nearest"))
