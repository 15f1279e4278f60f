"""The polyphonic sound detection score (Bilen et al. 2020, "A framework for the robust evaluation of sound event
detection"), exact over all thresholds as in Ebbers et al. 2022 ("Threshold-independent evaluation of sound event
detection scores"), and its macro average over classes.

A detection is a run of frames that score at least a threshold. It is right where at least `TOLERANCE` of it lies in
events of its class (dtc), and an event is found where right detections cover at least as much of it (gtc). Cross
triggers are not counted (cttc none, alpha_ct 0). Of each class the share of events that are found is a staircase of the
wrong detections an hour, up to `MOST_AN_HOUR`; the score is the area under the mean over classes, less `alpha_st` times
their standard deviation (1 in PSDS1, 0 in the macro average), where that is above zero, as a share of the whole.

Values are those of `sed_scores_eval` 0.0.4 with these settings.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaling.probes.measured import Floats, Measured

TOLERANCE = 0.7
MOST_AN_HOUR = 100.0
_DECIMALS = 6
"""Of seconds: a detection that touches a criterion exactly meets it."""

Event = tuple[float, float]
"""Onset and offset in seconds."""


@dataclass(frozen=True)
class Changes:
    """How counts change as a threshold falls to `at`: float64 [n] scores, none higher than the one before, int64 [n]
    found events and wrong detections, and of which clip each change is."""

    at: Floats
    found: NDArray[np.int64]
    wrong: NDArray[np.int64]
    clip: NDArray[np.int64]


def changes(scores: Sequence[Floats], seconds: Floats, events: Sequence[Sequence[Event]]) -> Changes:
    """Of one class: the scores of each clip's frames, which share its seconds evenly, and its events in each clip."""
    columns = [_without_events(scores, np.array([not some for some in events], bool))]
    for number, some in enumerate(events):
        if some and len(scores[number]):
            at, found, wrong = _with_events(scores[number], float(seconds[number]), some)
            columns.append((at, found, wrong, np.full(len(at), number)))
    at, found, wrong, clip = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.argsort(-at, kind="stable")
    return Changes(at[order], found[order], wrong[order], clip[order])


def _without_events(
    scores: Sequence[Floats], which: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Every detection is wrong. One begins at each frame that scores more than the one before, while the threshold lies
    between the two; at the first frame of a clip there is no lower end."""
    lengths = np.array([len(one) if chosen else 0 for one, chosen in zip(scores, which, strict=True)])
    of = np.repeat(np.arange(len(scores)), lengths)
    line = np.concatenate([np.zeros(0), *(one for one, chosen in zip(scores, which, strict=True) if chosen)])
    first = np.append(True, of[1:] != of[:-1])[: len(line)]
    before = np.where(first, -np.inf, np.append(0.0, line[:-1])[: len(line)])
    rises, ends = line > before, (line > before) & ~first
    at = np.concatenate([line[rises], before[ends]])
    wrong = np.repeat(np.array([1, -1]), [rises.sum(), ends.sum()])
    return at, np.zeros_like(wrong), wrong, np.concatenate([of[rises], of[ends]])


def _with_events(
    scores: Floats, seconds: float, events: Sequence[Event]
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    edges = np.arange(len(scores) + 1) * (seconds / len(scores))
    at = np.unique(scores)[::-1]
    overlap = np.array(
        [np.clip(np.minimum(edges[1:], off) - np.maximum(edges[:-1], on), 0, None) for on, off in events]
    )
    inside_to = np.concatenate([np.zeros((len(events), 1)), overlap.cumsum(1)], axis=1)
    rows, first, last = _runs(scores[None] >= at[:, None])
    inside = inside_to[:, last] - inside_to[:, first]
    right = inside.sum(0).round(_DECIMALS) >= (TOLERANCE * (edges[last] - edges[first])).round(_DECIMALS)
    wrong = np.bincount(rows, ~right, minlength=len(at)).astype(np.int64)
    found = np.zeros(len(at), np.int64)
    for of, (on, off) in zip(inside, events, strict=True):
        covered = np.bincount(rows, of * right, minlength=len(at)).round(_DECIMALS)
        found += covered >= round(TOLERANCE * (off - on), _DECIMALS)
    return at, np.diff(found, prepend=0), np.diff(wrong, prepend=0)


def _runs(active: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The runs of true values in each row of bool [n, frames]: row, first frame, and the frame after the last."""
    none = np.zeros((len(active), 1), np.int8)
    steps = np.diff(np.concatenate([none, active.astype(np.int8), none], axis=1), axis=1)
    rows, first = np.nonzero(steps == 1)
    return rows, first, np.nonzero(steps == -1)[1]


def staircase(of: Changes, events: int, hours: float, weights: Floats | None = None) -> Floats:
    """The share of a class's events that is found with at most 0, 1, 2, ... wrong detections, up to the most that are
    looked at. `weights` [clips] of 0 and 1 leave clips out; `events` and `hours` are those of the others."""
    counted = 1.0 if weights is None else weights[of.clip]
    ends = np.append(of.at[1:] != of.at[:-1], True)[: len(of.at)]
    found, wrong = np.cumsum(of.found * counted)[ends], np.cumsum(of.wrong * counted)[ends].astype(np.int64)
    best = np.zeros(int(MOST_AN_HOUR * hours) + 1)
    inside = wrong < len(best)
    np.maximum.at(best, wrong[inside], found[inside])
    return np.asarray(np.maximum.accumulate(best) / max(events, 1))


def area(staircases: Sequence[Floats], hours: float, alpha_st: float) -> float:
    """The score of the staircases of all classes."""
    shares = np.stack(staircases)
    height = np.maximum(shares.mean(0) - alpha_st * shares.std(0), 0)
    widths = np.ones(shares.shape[1])
    widths[-1] = MOST_AN_HOUR * hours - (shares.shape[1] - 1)
    return float((height * widths).sum() / (MOST_AN_HOUR * hours))


def psds(
    classes: Iterable[tuple[Sequence[Floats], Sequence[Sequence[Event]]]],
    seconds: Floats,
    groups: NDArray[np.int64],
    alphas: Sequence[float] = (1.0, 0.0),
) -> list[Measured]:
    """The score at each `alpha_st`, over clips of these seconds [n].

    `classes` yields, class by class, the scores of each clip's frames and the events in each clip; a class without an
    event is left out. `groups` int64 [n], of 0 to g - 1, say what is left out together for the influence of a clip on
    the score (the delete-a-group jackknife): g as many as clips is the plain one.

    Raises `ValueError` where no class has an event.
    """
    count = int(groups.max()) + 1
    kept = [None, *((groups != group).astype(np.float64) for group in range(count))]
    hours = [float(seconds.sum() if weights is None else seconds @ weights) / 3600 for weights in kept]
    curves: list[list[Floats]] = [[] for _ in kept]
    for scores, events in classes:
        here = np.array([len(some) for some in events])
        if not here.sum():
            continue
        of = changes(scores, seconds, events)
        for number, weights in enumerate(kept):
            left = here.sum() if weights is None else here @ weights
            if left:
                curves[number].append(staircase(of, int(left), hours[number], weights))
    if not curves[0]:
        raise ValueError("no class has an event")
    found = []
    for alpha in alphas:
        value = area(curves[0], hours[0], alpha)
        without = np.array(
            [area(some, h, alpha) if some and h else value for some, h in zip(curves[1:], hours[1:], strict=True)]
        )
        # Pseudo-values, about their mean: those of a group stand for all of its clips, whose mean must spread as much.
        pseudo = -(count - 1) * (without - without.mean())
        parts = value + _centred(pseudo[groups]) * np.sqrt(len(groups) / count)
        found.append(Measured(value, parts))
    return found


def _centred(parts: Floats) -> Floats:
    return np.asarray(parts - parts.mean())


def grouped(names: Sequence[str], most: int, number: Callable[[str], int]) -> NDArray[np.int64]:
    """Groups of clips for `psds`, at most so many and of like size: in the order of a number of their names."""
    order = np.argsort(np.array([number(name) for name in names]), kind="stable")
    found = np.empty(len(names), np.int64)
    found[order] = np.arange(len(names)) % most
    return found
