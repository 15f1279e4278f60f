"""Probe tasks from a `tasks.toml`.

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

import errno
import math
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from scaling.data.clip import Clip, bad_name, flaw
from scaling.data.tasks.task import RETRIEVAL, SPLITS, Labelled, Row, Task, labelled
from scaling.errors import StudyError

LARGEST = 2**20
"""Bytes of a task file."""
MOST_LABELS = 10_000
"""A linear probe holds a number a training clip and label, several times."""
_SEVERAL = TypeAdapter(list[str])


def read_tasks(path: Path) -> Labelled:
    """The tasks of a `tasks.toml`.

    Raises `StudyError`, naming task and column, where something it names is not there.
    """
    try:
        entries = tomllib.loads(_text(path)).get("task", [])
    except FileNotFoundError:
        raise StudyError(f"no task file at {path}") from None
    except OSError as error:
        raise StudyError(f"the task file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is not TOML: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
        raise StudyError(f"{path} names no task: it needs at least one [[task]]")
    tasks: list[Task] = []
    clips: dict[str, Clip] = {}
    rows: list[Row] = []
    for entry in entries:
        task = _task(entry, path)
        if task.name in {other.name for other in tasks}:
            raise StudyError(f"{path} names two tasks {task.name}")
        tasks.append(task)
        for clip, split, label in _labelled_clips(entry, task, path):
            clips.setdefault(clip.id, clip)
            rows.append((task.name, clip.id, split, label))
    return labelled(tasks, clips, rows, str(path.parent))


def _text(path: Path) -> str:
    """Raises `OSError` and `ValueError`."""
    if path.exists() and not path.is_file():
        # A pipe or a device would be read for ever.
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    return text.decode("utf-8-sig")


def _task(entry: dict[str, Any], path: Path) -> Task:
    missing = [
        key for key in ("name", "domain", "clips", "audio", "label", "metric") if not isinstance(entry.get(key), str)
    ]
    if missing:
        name = entry.get("name", "(unnamed)")
        raise StudyError(f"task {str(name)[:100]} in {path} has no {', no '.join(missing)}")
    for key in ("name", "domain"):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", entry[key]) or bad_name("domain", entry[key]):
            raise StudyError(
                f"task {entry['name'][:100]!r} in {path}: its {key} is not made of letters, digits, - and _ "
                "(at most 100 of them)"
            )
    if entry["name"].startswith(RETRIEVAL):
        raise StudyError(f"task {entry['name']} in {path}: names that begin with {RETRIEVAL} are the project's own")
    if entry["metric"] != "accuracy":
        raise StudyError(
            f"task {entry['name']} in {path} asks for {entry['metric']}: the metric of a classification is accuracy"
        )
    if not isinstance(supervised := entry.get("supervised", False), bool):
        raise StudyError(f"task {entry['name']} in {path}: its supervised is neither true nor false")
    return Task(entry["name"], entry["domain"], supervised=supervised)


def _labelled_clips(entry: dict[str, Any], task: Task, path: Path) -> Iterable[tuple[Clip, str, str]]:
    file = path.parent / entry["clips"]
    if not os.path.isfile(file):  # noqa: PTH113
        # Path.is_file raises for what no file can be called.
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
    if (labels := table[entry["label"]].n_unique()) > MOST_LABELS:
        raise StudyError(
            f"task {task.name}: {file} has {labels:,} labels, and a probe tells {MOST_LABELS:,} apart at most"
        )
    seen: set[str] = set()
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        shown = " ".join(row["file"].split())[:100]
        audio = os.path.normpath(Path(entry["audio"]) / row["file"])
        if audio in seen:
            raise StudyError(f"task {task.name}: {file} names {shown} twice")
        seen.add(audio)
        label = row[entry["label"]]
        try:
            clip = Clip(audio, entry["audio"], task.domain, _seconds(row), _captions(row), audio)
            if why := flaw(clip) or bad_name("label", label):
                raise ValueError(why)
        except ValueError as error:
            raise StudyError(f"task {task.name}: {file}, labelled clip {number} ({shown}): {error}") from None
        yield clip, row["split"], label


def _seconds(row: dict[str, str | None]) -> float:
    seconds = float(row.get("duration_s") or 0.0)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"a duration of {seconds} s")
    return seconds


def _captions(row: dict[str, str | None]) -> tuple[str, ...]:
    """The captions of a clips table's row: `captions`, a JSON list of strings, else `caption`."""
    several, one = row.get("captions"), row.get("caption")
    if not several:
        return (one,) if one else ()
    try:
        return tuple(_SEVERAL.validate_json(several))
    except ValidationError:
        raise ValueError("captions is not a JSON list of strings") from None
