"""A task of a task file that names a set: `set = "fsd50k"` and the `folder` that holds it as downloaded.

Its clips become those of any other task; what of the folder is not as the set is said to be is told in the task's note
where it is little, and refused where it is more.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.clip import Clip, bad_name, flaw
from scaling.data.tasks.sets.known import known_set
from scaling.data.tasks.sets.lists import READABLE
from scaling.data.tasks.sets.task_set import LayoutError, Listed, TaskSet
from scaling.data.tasks.splits import split_up
from scaling.data.tasks.task import RETRIEVAL, Task, each, several, soundings, timed
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError

KEYS = ("set", "folder", "name", "domain", "missing", "supervised")
LIKE = 0.01
"""Of a count that is known: lists that differ by more are those of another version, or another set."""

Found = tuple[Task, list[tuple[Clip, str, str]]]
"""A task, and of each of its clips the split and the label."""


def read_set(entry: Mapping[str, Any], path: Path) -> Found:
    """The task of this entry of the task file at `path`, whose names have been checked.

    Raises `StudyError` for a folder that is not the set as downloaded, or of which too much is missing.
    """
    name, given = entry.get("name", entry["set"]), entry["folder"]
    folder = path.parent / given
    where = f"task {name}: {folder}"
    if unknown := set(entry) - set(KEYS):
        raise StudyError(f"task {name} in {path}: a set has no {min(unknown)}; it has {', '.join(KEYS)}")
    if not os.path.isdir(folder):  # noqa: PTH112
        # Path.is_dir raises for what no folder can be called.
        raise StudyError(f"task {name}: no folder at {folder}")
    try:
        known = known_set(entry["set"], folder)
        listed = list(known.clips(folder))
        where = f"{where} (set {entry['set']}, {known.title})"
        task = _task(entry, known, path)
        notes = [known.note, *_counted(known, listed, task.missing)]
        rows, lost = _there(known, listed, folder, task.missing)
    except LayoutError as error:
        raise StudyError(f"{where} does not hold the set {entry['set']} as downloaded: {error}") from None
    except OSError as error:
        raise StudyError(f"{where} cannot be read: {error.strerror}") from None
    table = pl.DataFrame(
        {
            "file": [file for file, _ in rows],
            "fold" if known.folded else "split": [one.split for _, one in rows],
            "label": [_label(known, one) for _, one in rows],
            "group": [one.group or None for _, one in rows],
            "captions": [one.captions for _, one in rows],
        },
        schema_overrides={"captions": pl.List(pl.String), "group": pl.String},
    )
    as_entry: dict[str, Any] = {"clips": given, "label": "label"}
    as_entry |= {"folds": "fold"} if known.folded else {}
    if known.group:
        as_entry["group"] = known.group
        table = table.rename({"group": known.group})
    split, apart = split_up(table, as_entry, task, path)
    note = ", ".join(filter(None, (*notes, *lost, apart)))
    task = replace(task, note=note, absent=len(listed) - len(rows))
    return task, [
        (_clip(row, given, task, entry["set"], where), row["split"], row["label"])
        for row in split.iter_rows(named=True)
    ]


def _task(entry: Mapping[str, Any], known: TaskSet, path: Path) -> Task:
    name, domain = entry.get("name", entry["set"]), entry.get("domain", known.domain)
    if not domain:
        raise StudyError(f"task {name} in {path}: the set {entry['set']} has no domain of its own: name one (domain)")
    share = entry.get("missing", known.missing)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise StudyError(f"task {name} in {path}: missing is a share of its recordings, from 0 to below 1")
    supervised = entry.get("supervised", False)
    if not isinstance(supervised, bool):
        raise StudyError(f"task {name} in {path}: its supervised is neither true nor false")
    if supervised and (known.kind != "accuracy" or known.folded):
        raise StudyError(f"task {name} in {path}: the supervised run learns one label a clip, and has no folds")
    # The captions of a set are retrieved, and written, under the project's own names.
    own = f"{RETRIEVAL}-{name}" if known.kind == "recall" else name
    return Task(own, domain, known.kind, supervised, missing=float(share))


def _counted(known: TaskSet, listed: Sequence[Listed], share: float) -> list[str]:
    """What to say of lists that are not quite those of the set. Raises `LayoutError` where they are others."""
    if not listed:
        raise LayoutError("it lists no clips")
    if twice := [file for file, n in Counter(one.files[0] for one in listed).items() if n > 1]:
        raise LayoutError(f"it lists {len(twice):,} clips more than once, {twice[0][:100]} among them")
    counts = Counter("" if "" in known.counts else one.split for one in listed)
    if known.counts and (unknown := set(counts) - set(known.counts)):
        raise LayoutError(f"a split {min(unknown)[:60]!r}, and it has {', '.join(known.counts)}")
    notes = []
    for split, allowed in known.counts.items():
        n, what = counts[split], f"{split} clips".strip()
        # Of a set without lists (its files are all that it says) what is missing shows only here.
        fewer = max(LIKE, share) if not split and not known.folded else LIKE
        if all(not right * (1 - fewer) <= n <= right * (1 + LIKE) for right in allowed):
            are = " or ".join(f"{right:,}" for right in allowed)
            raise LayoutError(f"{n:,} {what}, and it has {are}: another version, or a part of it?")
        if n not in allowed:
            notes.append(f"{n:,} {what} where {allowed[0]:,} are known")
    if known.kind == "recall":
        bare = [one.files[0] for one in listed if not any(map(normalized, one.captions))]
        if bare:
            raise LayoutError(f"{len(bare):,} of its clips have no caption, {bare[0][:100]} among them")
        return notes
    if known.folded and known.kind != "accuracy":
        raise LayoutError("it has folds, which are for tasks of one label a clip")
    for one in listed:
        if wrong_event := next((event for event in one.events if not 0 <= event[0] < event[1] < math.inf), None):
            raise LayoutError(f"{one.files[0][:100]} has an event from {wrong_event[0]:g} to {wrong_event[1]:g} s")
    labels = {label for one in listed for label in (*one.labels, *(label for _, _, label in one.events))}
    if known.labels is not None and len(labels) != known.labels:
        raise LayoutError(f"{len(labels):,} different labels, and it has {known.labels:,}")
    if known.kind == "accuracy" and (wrong := [one for one in listed if len(one.labels) != 1 or not one.labels[0]]):
        raise LayoutError(f"{len(wrong):,} of its clips have no one label, {wrong[0].files[0][:100]} among them")
    return notes


def _there(
    known: TaskSet, listed: Sequence[Listed], folder: Path, share: float
) -> tuple[list[tuple[str, Listed]], list[str]]:
    """The clips whose recordings are there, each with its file, and what to say of the others.

    Raises `LayoutError` where more are missing of a split than may be.
    """
    recordings = _Recordings(folder)
    found: list[tuple[str, Listed]] = []
    lost: dict[str, list[str]] = {}
    for one in listed:
        file = recordings.first(one.files)
        if file:
            found.append((file, one))
        else:
            lost.setdefault(one.split, []).append(one.files[0])
    counts = Counter(one.split for one in listed)
    notes = []
    for split, names in lost.items():
        said = f"{len(names):,} of {counts[split]:,} {'fold ' * known.folded}{split} recordings are missing"
        if len(names) > share * counts[split]:
            raise LayoutError(f"{said}, {names[0][:100]} among them, and {share:.1%} may be (missing = {share:g})")
        notes.append(said)
    return found, notes


class _Recordings:
    """The files of a folder, by name and, where they can be decoded, by name without ending. (A set has a million files
    in some thousand folders: one look at a folder, not one a file.)"""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, dict[str, str]] = {}

    def first(self, files: Sequence[str]) -> str | None:
        """The first that is there, with its ending."""
        for file in files:
            folder, slash, name = file.rpartition("/")
            if folder not in self._known:
                self._known[folder] = self._names(folder)
            if there := self._known[folder].get(name):
                return f"{folder}{slash}{there}"
        return None

    def _names(self, folder: str) -> dict[str, str]:
        try:
            names = os.listdir(self._root / folder)  # noqa: PTH208
        except (OSError, ValueError):
            return {}
        stems: dict[str, str] = {}
        for ending in reversed(READABLE):
            stems |= {name.removesuffix(ending): name for name in names if name.endswith(ending)}
        return stems | {name: name for name in names}


def _label(known: TaskSet, one: Listed) -> str:
    if known.kind == "events":
        return timed(one.events)
    if known.kind == "recall":
        return next(filter(None, map(normalized, one.captions)))
    return several(list(filter(None, one.labels))) if known.kind == "map" else one.labels[0]


def _clip(row: dict[str, Any], given: str, task: Task, name: str, where: str) -> Clip:
    audio = os.path.normpath(Path(given) / row["file"])
    clip = Clip(audio, name, task.domain, 0.0, tuple(row["captions"]), audio)
    flaws = (flaw(clip), *(bad_name("label", label) for label in _names(task, row["label"])))
    if why := next(filter(None, flaws), None):
        raise StudyError(f"{where}: {' '.join(row['file'].split())[:100]}: {why}")
    return clip


def _names(task: Task, text: str) -> list[str]:
    """The labels in a clip's text; the captions of a clip have been looked at with it."""
    if task.kind == "events":
        return [label for _, _, label in soundings(text)]
    if task.kind == "map":
        return each(text)
    return [text] if task.kind == "accuracy" else []
