"""What a curve is read against, scored as an encoder is: chance, and plain statistics of log-mels."""

import numpy as np
import polars as pl
import torch

from scaling.data.labelled import LabelledStore
from scaling.data.store import Store
from scaling.probes.answers import PREDICTIONS, Answers, Subject, answered
from scaling.probes.probe import score
from scaling.probes.retrieval import RECALL_AT, Pool, chance_recall
from scaling.probes.score import Score


def score_chance(labelled: LabelledStore, device: torch.device) -> Answers:
    """The most frequent training label for every clip, and the expected recall of a random order."""
    scores: list[Score] = []
    tables = []
    for task in labelled.tasks:
        train, test = labelled.split(task.name, "train"), labelled.split(task.name, "test")
        if task.kind == "accuracy":
            counts = pl.Series("label", train.labels).value_counts().sort(["count", "label"], descending=[True, False])
            more, table = answered(task, test, [counts["label"][0]] * len(test.ids))
            scores += more
            tables.append(table)
            continue
        pool = Pool.of(test.ids, [labelled.captions(place) for place in test.places.tolist()])
        for direction, relevant in (("a2t", pool.relevant), ("t2a", pool.relevant.T)):
            for k in RECALL_AT:
                metric, value = f"{direction}_recall_at_{k}", chance_recall(relevant, k)
                scores.append(Score(task.name, task.domain, "mean", metric, value, 0.0, len(relevant)))
    return scores, pl.concat(tables) if tables else pl.DataFrame(schema=PREDICTIONS)


def score_log_mel(labelled: LabelledStore, device: torch.device) -> Answers:
    """Every probe on `log_mel_statistics`, in an encoder's place."""
    return score(Subject(labelled, log_mel_statistics(labelled.store), None, device))


def log_mel_statistics(store: Store) -> torch.Tensor:
    """Mean and standard deviation over time of a clip's log-mels, float32 [clips, 160]."""
    rows = []
    for place in range(len(store)):
        frames = store.log_mel(place).astype(np.float32)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
    return torch.from_numpy(np.stack(rows))
