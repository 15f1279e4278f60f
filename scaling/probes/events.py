"""The probe of events: logistic regression on frozen frames, and the polyphonic sound detection score (`psds.py`).

A frame's scores are those of what sounds at its middle; frames of a clip share its seconds evenly. Scores are neither
smoothed nor thresholded. Classes that training or test clips do not have are left out; clips in which none of the
others sounds stay, and what is detected there is wrong.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from scaling.data.keyed import key_number
from scaling.data.labelled import LabelledStore, Split
from scaling.data.tasks.task import Task, soundings
from scaling.probes.answers import Answers, Subject, chosen, scored
from scaling.probes.frames import Frames
from scaling.probes.linear import FOLDS, LinearFit, logistic_fit, ranked
from scaling.probes.measured import Floats, Measured
from scaling.probes.psds import Event, grouped, psds

MOST_FRAMES = 100_000
"""Of training, and of validation, clips: of more every k-th is taken, from a place that the clip's name decides."""
GROUPS = 20
"""Of test clips, for standard errors."""
_LOGITS = 2**26
"""Of test frames that are held at once."""

Scores = Sequence[Floats]


def events(task: Task, subject: Subject) -> Answers:
    """Fitted on frames of the training clips, its strength chosen on those of validation clips (without any, by folds
    of training clips). `psds1` subtracts the spread over classes, `psds1_macro` does not."""
    assert subject.frames is not None
    classes = Classes(task, subject.labelled)
    fit = _fit(task, subject, classes)
    test = subject.labelled.split(task.name, "test")
    heard = classes_heard(subject.frames, test.places, fit, len(classes.names), subject.device)
    note = chosen(fit.model.l2, fit.on_edge) + ("" if fit.model.converged else ", did not converge")
    return _outcome(task, subject.labelled, test, classes, heard, note)


def undecided(task: Task, labelled: LabelledStore) -> Answers:
    """What a probe that hears nothing earns: every class sounds in every clip, from its start to its end."""
    test = labelled.split(task.name, "test")
    classes = Classes(task, labelled)
    return _outcome(task, labelled, test, classes, ([np.zeros(1)] * len(test.ids) for _ in classes.names), "")


class Classes:
    """The classes that training and test clips both have."""

    def __init__(self, task: Task, labelled: LabelledStore) -> None:
        train, test = (
            {label for text in labelled.split(task.name, split).labels for _, _, label in soundings(text)}
            for split in ("train", "test")
        )
        self.names = sorted(train & test)
        self.left_out = len(train ^ test)

    def spans(self, text: str) -> list[list[Event]]:
        """Of each class, its events in a clip, those that overlap as one."""
        found: list[list[Event]] = [[] for _ in self.names]
        number = {name: place for place, name in enumerate(self.names)}
        for onset, offset, label in sorted(soundings(text)):
            if label not in number:
                continue
            some = found[number[label]]
            if some and onset <= some[-1][1]:
                some[-1] = (some[-1][0], max(some[-1][1], offset))
            else:
                some.append((onset, offset))
        return found

    def targets(self, text: str, seconds: float, frames: int) -> NDArray[np.bool_]:
        """Bool [frames, classes]: what sounds in the middle of each frame."""
        middle = (np.arange(frames) + 0.5) * seconds / max(frames, 1)
        found = np.zeros((frames, len(self.names)), bool)
        for column, some in enumerate(self.spans(text)):
            for onset, offset in some:
                found[:, column] |= (onset <= middle) & (middle < offset)
        return found


def _fit(task: Task, subject: Subject, classes: Classes) -> LinearFit:
    train, val = (subject.labelled.split(task.name, split) for split in ("train", "val"))
    x, y, clip = _drawn(train, subject, classes)
    number = len(classes.names)
    if val.ids:
        val_x, val_y, _ = _drawn(val, subject, classes)
        return logistic_fit(x, y, val_x, val_y, number)
    folds = torch.from_numpy(grouped(train.ids, FOLDS, _number))[clip]
    return logistic_fit(x, y, None, None, number, folds.to(subject.device))


def _number(name: str) -> int:
    return key_number(name, "big") >> 65


def _drawn(split: Split, subject: Subject, classes: Classes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frames float32 [n, width], what sounds in them bool [n, classes], and of which clip each is int64 [n]."""
    assert subject.frames is not None
    lengths = subject.frames.lengths(split.places)
    step = max(-(-int(lengths.sum()) // MOST_FRAMES), 1)
    seconds = seconds_of(subject.labelled, split.places)
    frames, targets, clips = [], [], []
    for clip, (place, name, text) in enumerate(zip(split.places.tolist(), split.ids, split.labels, strict=True)):
        n = int(lengths[clip])
        some = np.arange(_number(name) % step, n, step)
        if len(some):
            frames.append(subject.frames.batch([place])[0][0, some])
            targets.append(classes.targets(text, seconds[clip], n)[some])
            clips.append(np.full(len(some), clip))
    x, y = torch.cat(frames), torch.from_numpy(np.concatenate(targets))
    return x.to(subject.device), y.to(subject.device), torch.from_numpy(np.concatenate(clips))


def seconds_of(labelled: LabelledStore, places: NDArray[np.int64]) -> Floats:
    """How long clips are."""
    return np.asarray(labelled.store.index.seconds[places], np.float64)


def classes_heard(
    frames: Frames, places: NDArray[np.int64], fit: LinearFit, classes: int, device: torch.device
) -> Iterator[Scores]:
    """Class by class the scores of every clip's frames; as many classes at once as there is room for."""
    at_once = max(_LOGITS // max(int(frames.lengths(places).sum()), 1), 1)
    for first in range(0, classes, at_once):
        some = slice(first, min(first + at_once, classes))
        found = []
        for place in places.tolist():
            heard, lengths = frames.batch([place])
            logits = fit.logits(heard[0, : int(lengths[0])].to(device), some)
            found.append(ranked(logits).cpu().numpy())
        for column in range(some.stop - first):
            yield [logits[:, column] for logits in found]


def _outcome(
    task: Task, labelled: LabelledStore, test: Split, classes: Classes, heard: Iterator[Scores], note: str
) -> Answers:
    spans = [classes.spans(text) for text in test.labels]
    both = ((scores, [some[column] for some in spans]) for column, scores in enumerate(heard))
    groups = grouped(test.ids, GROUPS, _number)
    measured: list[Measured] = psds(both, seconds_of(labelled, test.places), groups)
    said = [note, f"{classes.left_out} classes are not in both parts" if classes.left_out else "", task.note]
    told = ", ".join(filter(None, said))
    silent = [""] * len(test.ids)
    answers = [
        scored(task, "frames", metric, one, test.ids, test.labels, silent, told)
        for metric, one in zip(("psds1", "psds1_macro"), measured, strict=True)
    ]
    return [score for scores, _ in answers for score in scores], pl.concat([table for _, table in answers])
