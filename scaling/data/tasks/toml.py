"""Probe tasks from a `tasks.toml`.

    [[task]]
    name = "esc10"             # letters, digits, - and _
    domain = "environment"     # likewise
    clips = "esc10/clips.csv"  # columns: file, split (train, val, test) and the label column; a clip whose
                               # label is empty is not the task's
    audio = "esc10"            # what `file` is relative to
    label = "label"
    metric = "accuracy"        # or "map": several labels a clip, separated by commas (or separator = ";"), or none
    supervised = false         # true: what the supervised run learns; not a probe
    group = "speaker"          # optional: a column; no group may be in two splits
    folds = "fold"             # instead of splits: the column that names each clip's fold
    folds = 5                  # or how many to make, by group

    [[task]]
    set = "fsd50k"             # one of the field's (sets/known.py), or "hear": any folder of HEAR's form
    folder = "FSD50K"          # what holds it as downloaded
    name = "fsd50k"            # optional: else the set's
    domain = "environment"     # optional, but of HEAR's: else the set's
    missing = 0.1              # optional: the share of its recordings that may be missing or unreadable

    [text]                     # optional: public models that learn to find captions and to write them, for every
    encoder = "roberta-base"   # retrieval task; a folder, or a name in the hub's local cache. Without them the probes
    decoder = "bart-base"      # train a text side from random weights

Tasks of questions are in `question_sets.py`. Paths are relative to the file. Clips with a `caption` (or `captions`, a
JSON list) also make one retrieval task a domain.
"""

import errno
import math
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from scaling.data.clip import Clip, bad_name, flaw
from scaling.data.tasks.question_sets import asks, read_questions
from scaling.data.tasks.sets.reading import Found, read_set
from scaling.data.tasks.splits import split_up
from scaling.data.tasks.task import CAPTIONING, QUESTIONS, RETRIEVAL, Labelled, Row, Task, TextModels, labelled, several
from scaling.errors import StudyError
from scaling.study.model_files import beside
from scaling.study.texts import KINDS, named_text

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
        whole = tomllib.loads(_text(path))
    except FileNotFoundError:
        raise StudyError(f"no task file at {path}") from None
    except OSError as error:
        raise StudyError(f"the task file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is not TOML: {error}") from None
    entries = whole.get("task", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
        raise StudyError(f"{path} names no task: it needs at least one [[task]]")
    texts = _texts(whole.get("text", {}), path)
    tasks: list[Task] = []
    clips: dict[str, Clip] = {}
    said: dict[tuple[str, tuple[str, ...]], Clip] = {}
    rows: list[Row] = []
    asked: dict[str, Clip] = {}
    for entry in entries:
        asking = asks(entry)
        if asking:
            task, found = read_questions(entry, path)
            _check_names({"name": task.name, "domain": task.domain}, path)
        else:
            task, found = _set(entry, path) if "set" in entry else _own(entry, path)
        if task.name in {other.name for other in tasks}:
            raise StudyError(f"{path} names two tasks {task.name}")
        tasks.append(task)
        for clip, split, label in found:
            if asking:
                asked[clip.id] = clip
                rows.append((task.name, clip.id, split, label))
                continue
            # Of a recording of which another task says other words this one has a clip of its own.
            own = clip._replace(id=f"{clip.id} ({task.name})") if clip.id in clips else clip
            known = said.setdefault((clip.id, clip.captions), own)
            clips[known.id] = known
            rows.append((task.name, known.id, split, label))
    # What another task says of a recording, its captions, is kept.
    return labelled(tasks, {**asked, **clips}, rows, str(path.parent), texts)


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


def _texts(entry: Any, path: Path) -> TextModels:
    """The public text models of retrieval tasks.

    Raises `StudyError` for one that is not at hand, weights and all.
    """
    if (
        not isinstance(entry, dict)
        or set(entry) - set(KINDS)
        or not all(isinstance(one, str) for one in entry.values())
    ):
        raise StudyError(f"{path}: [text] names an encoder and a decoder, and nothing else")
    encoder, decoder = (beside(entry.get(kind, ""), path.parent) for kind in KINDS)
    for name, kind in zip((encoder, decoder), KINDS, strict=True):
        try:
            if name:
                named_text(name, kind, weights=True)
        except StudyError as error:
            raise StudyError(f"[text] in {path}: {error}") from None
    return encoder, decoder


def _set(entry: dict[str, Any], path: Path) -> Found:
    for key in ("set", "folder"):
        if not isinstance(entry.get(key), str):
            raise StudyError(f"task {str(entry.get('name', entry['set']))[:100]} in {path} has no {key}")
    _check_names({"name": entry["set"], **entry}, path)
    return read_set(entry, path)


def _own(entry: dict[str, Any], path: Path) -> Found:
    task = _task(entry, path)
    table, note = split_up(_table(entry, task, path), entry, task, path)
    return replace(task, note=note), list(_labelled_clips(table, entry, task, path))


def _check_names(entry: dict[str, Any], path: Path) -> None:
    for key in ("name", "domain"):
        if key not in entry:
            continue
        text = entry[key]
        if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", text) or bad_name("domain", text):
            raise StudyError(
                f"task {str(entry['name'])[:100]!r} in {path}: its {key} is not made of letters, digits, - and _ "
                "(at most 100 of them)"
            )
    for own in (RETRIEVAL, CAPTIONING):
        if entry["name"].startswith(own):
            raise StudyError(f"task {entry['name']} in {path}: names that begin with {own} are the project's own")
    if entry["name"] == QUESTIONS:
        raise StudyError(
            f"task {entry['name']} in {path}: all tasks of questions together are called so: name it otherwise"
        )


def _task(entry: dict[str, Any], path: Path) -> Task:
    missing = [
        key for key in ("name", "domain", "clips", "audio", "label", "metric") if not isinstance(entry.get(key), str)
    ]
    if missing:
        name = entry.get("name", "(unnamed)")
        raise StudyError(f"task {str(name)[:100]} in {path} has no {', no '.join(missing)}")
    _check_names(entry, path)
    if entry["metric"] not in ("accuracy", "map"):
        raise StudyError(
            f"task {entry['name']} in {path} asks for {entry['metric']}: the metric of a classification is accuracy, "
            "or map where a clip has several labels"
        )
    if not isinstance(supervised := entry.get("supervised", False), bool):
        raise StudyError(f"task {entry['name']} in {path}: its supervised is neither true nor false")
    if (supervised or "folds" in entry) and entry["metric"] == "map":
        what = "supervised" if supervised else "folds"
        raise StudyError(f"task {entry['name']} in {path}: {what} is for tasks of one label a clip")
    if supervised and "folds" in entry:
        raise StudyError(f"task {entry['name']} in {path}: the supervised run has no folds")
    return Task(entry["name"], entry["domain"], entry["metric"], supervised)


def _table(entry: dict[str, Any], task: Task, path: Path) -> pl.DataFrame:
    """The clips' table, its labelled clips alone."""
    file = path.parent / entry["clips"]
    if not os.path.isfile(file):  # noqa: PTH113
        # Path.is_file raises for what no file can be called.
        raise StudyError(f"task {task.name}: no clips table at {file}")
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"task {task.name}: {file} is not a CSV table: {str(error).splitlines()[0]}") from None
    for column in ("file", entry["label"]):
        if column not in table.columns:
            raise StudyError(f"task {task.name}: {file} has no column {column!r}; it has {', '.join(table.columns)}")
    # A missing field is no label, nor is an empty one where every clip has one.
    there = pl.col(entry["label"]).is_not_null() if task.kind == "map" else pl.col(entry["label"]) != ""
    return table.filter(pl.col("file") != "", there)


def _labelled_clips(
    table: pl.DataFrame, entry: dict[str, Any], task: Task, path: Path
) -> Iterable[tuple[Clip, str, str]]:
    file = path.parent / entry["clips"]
    separator = entry.get("separator", ",")
    if not isinstance(separator, str) or not separator:
        raise StudyError(f"task {task.name} in {path}: its separator is no text")
    given = table[entry["label"]]
    if task.kind == "map":
        given = given.str.split(separator).explode().str.strip_chars()
        if len(set(given) - {""}) < 1:
            raise StudyError(f"task {task.name}: {file} has no label")
    if (labels := given.n_unique()) > MOST_LABELS:
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
        if task.kind == "map":
            label = several([one for part in label.split(separator) if (one := part.strip())])
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
