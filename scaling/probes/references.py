"""What a curve is read against, scored as an encoder is: chance, and plain statistics of log-mels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch

from scaling.data.labelled import LabelledStore
from scaling.data.store import Store
from scaling.data.tasks.task import Task
from scaling.probes.answers import PREDICTIONS, Answers, Subject
from scaling.probes.asked import items_of, majority
from scaling.probes.asked import outcome as answers_to
from scaling.probes.classification import Labels, outcome, parts_of
from scaling.probes.events import undecided
from scaling.probes.frames import FramesFile
from scaling.probes.options import named_probes, needs_frames
from scaling.probes.probe import score
from scaling.probes.retrieval import RECALL_AT, Pool, chance_recall
from scaling.probes.score import Score
from scaling.probes.text_captioning import captioned


def score_chance(labelled: LabelledStore, device: torch.device, probes: Sequence[str] = ()) -> Answers:
    """The most frequent training label for every clip (of several labels, the same scores for every clip), and the
    expected recall of a random order; where captions are written, the most frequent training caption; where events are
    detected, every class from a clip's start to its end; of questions the commonest right answer of each kind."""
    scores: list[Score] = []
    tables = []
    for task in labelled.tasks:
        if task.kind == "events":
            if "events" in probes:
                more, table = undecided(task, labelled)
                scores += more
                tables.append(table)
            continue
        if task.kind == "questions":
            if "questions" in probes:
                more, table = _commonest_answers(labelled, task)
                scores += more
                tables.append(table)
            continue
        if task.kind != "recall":
            more, table = _commonest(labelled, task)
            scores += more
            tables.append(table)
            continue
        test = labelled.split(task.name, "test")
        pool = Pool.of(test.ids, [labelled.captions(place) for place in test.places.tolist()])
        if "captioning" in probes:
            train = [labelled.captions(place) for place in labelled.split(task.name, "train").places.tolist()]
            counts = Counter(caption for some in train for caption in some)
            commonest = min(counts, key=lambda caption: (-counts[caption], caption))
            references = [labelled.captions(place) for place in test.places.tolist()]
            more, table = captioned(task, "text", test.ids, [commonest] * len(test.ids), references)
            scores += more
            tables.append(table)
        for direction, relevant in (("a2t", pool.relevant), ("t2a", pool.relevant.T)):
            for k in RECALL_AT:
                metric, value = f"{direction}_recall_at_{k}", chance_recall(relevant, k)
                scores.append(Score(task.name, task.domain, "mean", metric, value, 0.0, len(relevant)))
    return scores, pl.concat(tables) if tables else pl.DataFrame(schema=PREDICTIONS)


def _commonest(labelled: LabelledStore, task: Task) -> Answers:
    parts = list(parts_of(labelled, task.name))
    labels = Labels(task, parts)
    scores = []
    for part in parts:
        shares = labels.targets(part.train).double()
        if not labels.several:
            shares = torch.nn.functional.one_hot(shares.long(), len(labels)).double()
        scores.append(shares.mean(0).expand(1, len(part.test.ids), -1))
    return outcome(task, "mean", parts, scores, labels, [""] * len(parts))


def _commonest_answers(labelled: LabelledStore, task: Task) -> Answers:
    """Those of `answering.majority`, and that words alone have gained nothing over themselves."""
    folds = labelled.folds(task.name)
    items, chosen = [], []
    for asked in folds or ["test"]:
        given = [other for other in folds if other != asked] or ["train"]
        train = [item for split in given for item in items_of(labelled, task.name, split)]
        test = items_of(labelled, task.name, asked)
        items += test
        chosen += majority(train, test)
    scores, table = answers_to(task, items, {"text": chosen})
    return [*scores, Score(task.name, task.domain, "text", "qa_gain", 0.0, 0.0, len(items))], table


def score_log_mel(labelled: LabelledStore, device: torch.device, probes: Sequence[str] = ()) -> Answers:
    """Every probe on `log_mel_statistics` in an encoder's place, and where it reads frames on log-mels."""
    probes, frames = probes or named_probes(), None
    if needs_frames(probes):
        places = labelled.probed.tolist()
        kept = FramesFile(labelled.store.log_mel(places[0]).shape[1])
        for place in places:
            log_mel = torch.from_numpy(labelled.store.log_mel(place).astype(np.float32))[None]
            kept.add(np.array([place]), np.zeros(1, np.int64), log_mel, torch.tensor([log_mel.shape[1]]))
        frames = kept.frames(len(labelled.store))
    return score(Subject(labelled, log_mel_statistics(labelled.store), None, device, frames), probes)


def log_mel_statistics(store: Store) -> torch.Tensor:
    """Mean and standard deviation over time of a clip's log-mels, float32 [clips, 160]."""
    rows = []
    for place in range(len(store)):
        frames = store.log_mel(place).astype(np.float32)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
    return torch.from_numpy(np.stack(rows))
