"""Supervised pretraining: the encoder classifies labelled clips, one linear head a task."""

from collections.abc import Mapping

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.pooling import masked_mean
from scaling.objectives.objective import Losses, Objective, precise, summed_over_workers, workers
from scaling.objectives.options import SupervisedOptions

UNLABELLED = -1


class Supervised(Objective):
    """Cross-entropy summed over the tasks, each averaged over the clips it labels (`labels` int64 [batch,
    tasks])."""

    def __init__(
        self, options: SupervisedOptions, encoder: Encoder, vocabulary: int, classes: Mapping[str, int]
    ) -> None:
        super().__init__(encoder)
        self.heads = nn.ModuleList([nn.Linear(encoder.width, count) for count in classes.values()])

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        pooled = masked_mean(*self.encoder(batch["features"], batch["lengths"]))
        total = pooled.new_zeros(())
        for head, labels in zip(self.heads, batch["labels"].T, strict=True):
            loss = nn.functional.cross_entropy(precise(head(pooled)), labels, ignore_index=UNLABELLED, reduction="sum")
            total = total + loss * workers() / summed_over_workers((labels != UNLABELLED).sum()).clamp(min=1)
        return {"loss": total}
