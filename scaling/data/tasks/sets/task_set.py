"""What is known of one of the field's task sets: what its folder holds as downloaded, what of it is trained and tested
on, and what has to be true of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from scaling.data.tasks.task import Sounding


class LayoutError(Exception):
    """A folder that does not hold the set; the message is the reason, in one line."""


class Listed(NamedTuple):
    """A clip as a set lists it.

    `files`: where its recording may lie in the set's folder, the first that is there counts; a name without an ending
    stands for every format that can be read. `split`: train, val or test, or the name of a fold. `labels`: one, or (of
    several labels a clip) any number. `group`: what must lie in one split as a whole. `events`: onset, offset (seconds)
    and label.
    """

    files: tuple[str, ...]
    split: str
    labels: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    group: str = ""
    events: tuple[Sounding, ...] = ()


@dataclass(frozen=True)
class TaskSet:
    """One set.

    Attributes:
        title: as its authors write it.
        domain: of its sounds.
        kind: "accuracy" (one label a clip), "map" (several, or none), "recall" (captions) or "events".
        licence: of audio and labels, as its authors state it.
        had_from: where it is had.
        clips: the clips of a folder that holds the set. Raises `LayoutError`.
        counts: how many clips each split has (of a set with folds: "", all of them), in each of its versions.
        labels: how many labels its clips have; None where that is not said.
        missing: the share of a split's recordings that may be missing or unreadable.
        note: what a reader of its scores must know of its splits.
        folded: whether its splits are folds.
        group: what `Listed.group` names ("speaker"); "" where no group is held apart.
    """

    title: str
    domain: str
    kind: Literal["accuracy", "map", "recall", "events"]
    licence: str
    had_from: str
    clips: Callable[[Path], Iterable[Listed]]
    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    labels: int | None = None
    missing: float = 0.01
    note: str = "official split"
    folded: bool = False
    group: str = ""
