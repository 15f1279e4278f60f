"""Probe tasks: labelled clips with fixed splits, from a `tasks.toml` or of the embedded corpus.

    [[task]]
    name = "esc10"             # letters, digits, - and _
    domain = "environment"     # likewise
    clips = "esc10/clips.csv"  # columns: file, split (train, val, test) and the label column; a clip whose
                               # label is empty is not the task's
    audio = "esc10"            # what `file` is relative to
    label = "label"
    metric = "accuracy"
    supervised = false         # true: what the supervised run learns; not a probe

Paths are relative to the file. Clips with a `caption` (or `captions`, a JSON list) also make one retrieval
task a domain.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.clip import Clip
from scaling.data.embedded import sounds as synthetic
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError

SPLITS = ("test", "val", "train")
RETRIEVAL = "retrieval"


@dataclass(frozen=True)
class Task:
    """What a frozen encoder is scored on. `kind` is the metric's: "accuracy" (one label a clip) or "recall"
    (a caption a clip)."""

    name: str
    domain: str
    kind: str = "accuracy"
    supervised: bool = False


@dataclass(frozen=True)
class Labelled:
    """All labelled clips of a study.

    `clips` holds each recording once, test clips first (of two that play the same samples the test clip
    stays); `rows` says which task knows which clip: task, id, split, label. `root` is what the clips' paths
    are relative to.
    """

    tasks: tuple[Task, ...]
    clips: tuple[Clip, ...]
    rows: pl.DataFrame
    root: str

    @property
    def probes(self) -> tuple[Task, ...]:
        """The tasks that runs are scored on."""
        return tuple(task for task in self.tasks if not task.supervised)

    @property
    def supervised(self) -> tuple[Task, ...]:
        """The tasks that the supervised run learns: those marked so, else every classification task."""
        marked = tuple(task for task in self.tasks if task.supervised)
        return marked or tuple(task for task in self.tasks if task.kind == "accuracy")

    def held_out_ids(self) -> set[str]:
        """The clips that pretraining must never see: those of any task's test or validation split."""
        return set(self.rows.filter(pl.col("split").is_in(["test", "val"]))["id"])


_Row = tuple[str, str, str, str]


def _labelled(tasks: list[Task], clips: dict[str, Clip], rows: list[_Row], root: str) -> Labelled:
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    table = pl.concat([table, _retrieval_rows(tasks, clips, table)])
    names = {task.name for task in tasks}
    domains = [name for name in table["task"].unique(maintain_order=True) if name not in names]
    retrieval = [Task(name, name.removeprefix(f"{RETRIEVAL}-"), "recall") for name in domains]
    order = _order(rows)
    in_order = sorted(clips.values(), key=lambda clip: (order[clip.id], clip.id))
    return Labelled((*tasks, *retrieval), tuple(in_order), table, root)


def _order(rows: Iterable[_Row]) -> dict[str, int]:
    """Each clip's split as a number of `SPLITS`: the one furthest from training where tasks disagree."""
    order: dict[str, int] = {}
    for _, clip_id, split, _ in rows:
        order[clip_id] = min(order.get(clip_id, len(SPLITS)), SPLITS.index(split))
    return order


def _retrieval_rows(tasks: list[Task], clips: dict[str, Clip], rows: pl.DataFrame) -> pl.DataFrame:
    """One retrieval task a domain: its captioned clips, each once, with its first caption."""
    probed = {task.name for task in tasks if not task.supervised}
    captioned = {clip.id: normalized(clip.captions[0]) for clip in clips.values() if clip.captions}
    found = [
        (f"{RETRIEVAL}-{clips[clip_id].domain}", clip_id, SPLITS[split], captioned[clip_id])
        for clip_id, split in _order(row for row in rows.iter_rows() if row[0] in probed).items()
        if captioned.get(clip_id)
    ]
    return pl.DataFrame(found, schema=rows.schema, orient="row")


def embedded_tasks(seed: int) -> Labelled:
    """The labelled clips of the embedded corpus."""
    tasks = [Task(task.name, task.domain) for task in synthetic.TASKS]
    tasks.append(Task("tags", "all", supervised=True))
    by_domain: dict[str, list[synthetic.SyntheticTask]] = {}
    for task in synthetic.TASKS:
        by_domain.setdefault(task.domain, []).append(task)
    clips: dict[str, Clip] = {}
    rows: list[_Row] = []
    for split, size in synthetic.SPLIT_SIZES.items():
        for index in range(size):
            sound = synthetic.sound(index, seed=seed, split=split)
            name = f"{split}/{index:05d}"
            place = f"synthetic:{seed}/{split}/{index}"
            clips[name] = Clip(name, sound.source, sound.domain, sound.seconds, sound.captions, place)
            if split == "tagged":
                rows.append(("tags", name, "train", sound.labels["tag"]))
            else:
                rows.extend((task.name, name, split, sound.labels[task.label]) for task in by_domain[sound.domain])
    return _labelled(tasks, clips, rows, "")


def read_tasks(path: Path) -> Labelled:
    """The tasks of a `tasks.toml`.

    Raises `StudyError`, naming task and column, where something it names is not there.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("task", [])
    except FileNotFoundError:
        raise StudyError(f"no task file at {path}") from None
    except OSError as error:
        raise StudyError(f"the task file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
        raise StudyError(f"{path} names no task: it needs at least one [[task]]")
    tasks: list[Task] = []
    clips: dict[str, Clip] = {}
    rows: list[_Row] = []
    for entry in entries:
        task = _task(entry, path)
        if task.name in {other.name for other in tasks}:
            raise StudyError(f"{path} names two tasks {task.name}")
        tasks.append(task)
        for clip, split, label in _labelled_clips(entry, task, path):
            clips.setdefault(clip.id, clip)
            rows.append((task.name, clip.id, split, label))
    return _labelled(tasks, clips, rows, str(path.parent))


def _task(entry: dict[str, Any], path: Path) -> Task:
    missing = [
        key for key in ("name", "domain", "clips", "audio", "label", "metric") if not isinstance(entry.get(key), str)
    ]
    if missing:
        raise StudyError(f"task {entry.get('name', '(unnamed)')} in {path} has no {', no '.join(missing)}")
    for key in ("name", "domain"):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", entry[key]):
            raise StudyError(f"task {entry['name']!r} in {path}: its {key} is not made of letters, digits, - and _")
    if entry["name"].startswith(RETRIEVAL):
        raise StudyError(f"task {entry['name']} in {path}: names that begin with {RETRIEVAL} are the project's own")
    if entry["metric"] != "accuracy":
        raise StudyError(
            f"task {entry['name']} in {path} asks for {entry['metric']}: the metric of a classification is accuracy"
        )
    return Task(entry["name"], entry["domain"], supervised=bool(entry.get("supervised", False)))


def _labelled_clips(entry: dict[str, Any], task: Task, path: Path) -> Iterable[tuple[Clip, str, str]]:
    file = path.parent / entry["clips"]
    if not file.is_file():
        raise StudyError(f"task {task.name}: no clips table at {file}")
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"task {task.name}: {file} is not a CSV table: {str(error).splitlines()[0]}") from None
    for column in ("file", "split", entry["label"]):
        if column not in table.columns:
            raise StudyError(f"task {task.name}: {file} has no column {column!r}; it has {', '.join(table.columns)}")
    # Neither a missing field nor an empty one is a label.
    table = table.filter(pl.col("file") != "", pl.col(entry["label"]) != "")
    splits = set(table["split"])
    if unknown := splits - set(SPLITS):
        raise StudyError(f"task {task.name}: {file} has a split {unknown.pop()!r}; splits are train, val and test")
    wanted = {"train"} if task.supervised else {"train", "test"}
    if lacking := wanted - splits:
        raise StudyError(f"task {task.name}: {file} has no clips in split {', '.join(sorted(lacking))}")
    seen: set[str] = set()
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        audio = os.path.normpath(Path(entry["audio"]) / row["file"])
        if audio in seen:
            raise StudyError(f"task {task.name}: {file} names {row['file']} twice")
        seen.add(audio)
        try:
            captions = _captions(row)
            seconds = float(row.get("duration_s") or 0.0)
        except ValueError as error:
            raise StudyError(f"task {task.name}: {file}, labelled clip {number} ({row['file']}): {error}") from None
        yield Clip(audio, entry["audio"], task.domain, seconds, captions, audio), row["split"], row[entry["label"]]


def _captions(row: dict[str, str | None]) -> tuple[str, ...]:
    """The captions of a clips table's row: `captions`, a JSON list of strings, else `caption`."""
    several, one = row.get("captions"), row.get("caption")
    if not several:
        return (one,) if one else ()
    captions = json.loads(several)
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise ValueError("captions is not a JSON list of strings")
    return tuple(captions)
