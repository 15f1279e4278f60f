"""Supervised pretraining: the encoder classifies labelled clips, one linear head a task."""

from collections.abc import Mapping

import torch
from torch import nn

from scaling.models.batch import Batch
from scaling.models.encoder import Encoder
from scaling.models.pooling import masked_mean
from scaling.objectives.objective import Found, Losses, Objective, precise, summed_over_workers, workers
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

    def found(self, batch: Batch) -> Found:
        pooled = masked_mean(*self.encoder(batch["features"], batch["lengths"]))
        return {"labels": batch["labels"], **{str(task): head(pooled) for task, head in enumerate(self.heads)}}

    def losses(self, found: Found) -> Losses:
        total = found["labels"].new_zeros((), dtype=torch.float32)
        for task, labels in enumerate(found["labels"].T):
            logits = precise(found[str(task)])
            loss = nn.functional.cross_entropy(logits, labels, ignore_index=UNLABELLED, reduction="sum")
            total = total + loss * workers() / summed_over_workers((labels != UNLABELLED).sum()).clamp(min=1)
        return {"loss": total}
