"""Tasks of questions from a `tasks.toml`.

    [[task]]
    name = "asked"
    domain = "environment"
    metric = "questions"
    clips = "questions.csv"    # columns: file, question, choices (a JSON list, or separated by ;), answer (the words of
                               # one of them), optional: type, id; and split, or as `folds` and `group` say
    audio = "sounds"

    [[task]]
    name = "air-bench"
    domain = "speech"
    set = "air-bench"          # or "mmau": a folder as downloaded; `clips` names its table where it is called otherwise
    folder = "AIR-Bench"

`model` names a causal language model that answers, from a folder or the hub's local cache; without one a small one is
trained on the questions as text. A set that has no training questions is answered by folds: its recordings are dealt to
`FOLDS`, and each fold's questions are answered by an adapter that is trained on the others, so that every question is
asked once and counts.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.clip import Clip, flaw
from scaling.data.tasks.question import Question
from scaling.data.tasks.splits import split_up
from scaling.data.tasks.task import QUESTIONS, Task
from scaling.errors import StudyError
from scaling.study.model_files import CONFIG, WHERE, beside, model_file

FOLDS = 3
MOST_MISSING = 0.05
"""Of a task's recordings: with more missing it is refused. Questions without a recording are asked all the same."""
LARGEST = 2**28
"""Bytes of a set's table."""
LINE = "line"
"""The column of what tells questions apart."""

Rows = list[dict[str, Any]]
"""What a set says of each question: file, question, choices, answer, type, id."""


@dataclass(frozen=True)
class QuestionSet:
    """Where a set's table may lie in its folder, and how a line of it is read."""

    tables: tuple[str, ...]
    row: Callable[[dict[str, Any], Path], dict[str, Any]]


def _air_bench(item: dict[str, Any], folder: Path) -> dict[str, Any]:
    """OFA-Sys/AIR-Bench, foundation: two-way questions have no choices c and d, or null ones."""
    of = f"{item['task_name']}_{item['dataset_name']}"
    file = Path(of) / item["path"]
    # Some are listed as WAV and lie there as FLAC.
    if not (folder / file).exists() and (folder / file.with_suffix(".flac")).exists():
        file = file.with_suffix(".flac")
    return {
        "file": str(file),
        "question": item["question"],
        "choices": [item.get(f"choice_{letter}") for letter in "abcd"],
        "answer": item["answer_gt"],
        "type": item["task_name"],
        "id": str(item["uniq_id"]),
    }


def _mmau(item: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "file": os.path.normpath(item["audio_id"]),
        "question": item["question"],
        "choices": item["choices"],
        "answer": item.get("answer") or "",
        "type": item.get("task") or "",
        "id": str(item["id"]),
    }


SETS = {
    "air-bench": QuestionSet(("Foundation_meta.json", "Foundation/Foundation_meta.json"), _air_bench),
    "mmau": QuestionSet(("mmau-test-mini.json", "mmau-test.json"), _mmau),
}


def asks(entry: dict[str, Any]) -> bool:
    """Whether an entry of a task file is a task of questions."""
    return entry.get("metric") == QUESTIONS or entry.get("set") in SETS


def read_questions(entry: dict[str, Any], path: Path) -> tuple[Task, list[tuple[Clip, str, str]]]:
    """The task that an entry of the file at `path` names, and each question's clip, split and label.

    Raises `StudyError` where it cannot be asked, naming the first question that is why.
    """
    called = f"task {str(entry.get('name'))[:100]}"
    needed = ("folder",) if entry.get("set") in SETS else ("clips", "audio")
    if missing := [key for key in (*needed, "name", "domain") if not isinstance(entry.get(key), str)]:
        raise StudyError(f"{called} in {path} has no {', no '.join(missing)}")
    task = Task(entry["name"], entry["domain"], QUESTIONS, model=_model(entry, path, called))
    if entry.get("set") in SETS:
        table, audio, rows = _of_set(entry, path, called)
        split_by: dict[str, Any] = {"clips": table, "folds": FOLDS, "group": "file", "label": LINE}
    else:
        audio, rows = entry["audio"], _of_table(entry, path, called)
        # A recording that is trained on is not asked about.
        split_by = {"group": "file", **entry, "label": LINE}
    where = f"{called}: {path.parent / split_by['clips']}"
    texts = [{name: one for name, one in row.items() if name == "file" or isinstance(one, str)} for row in rows]
    files = pl.DataFrame([{**row, LINE: str(number)} for number, row in enumerate(texts)], infer_schema_length=None)
    files, note = split_up(files, split_by, task, path)
    found, names = [], set()
    for number, (row, split) in enumerate(zip(rows, files["split"].to_list(), strict=True), start=1):
        try:
            question = _question(row, entry.get("separator", ";"))
            place = os.path.normpath(Path(audio) / row["file"])
            clip = Clip(place, audio or ".", task.domain, 0.0, (), place)
            if why := flaw(clip):
                raise ValueError(why)
        except ValueError as error:
            raise StudyError(f"{where}, question {number}: {error}") from None
        if (name := (clip.id, question.id)) in names:
            # Asked of one recording several times: each by its line.
            question = replace(question, id=f"{question.id or 'question'} {number}")
        names.add(name)
        found.append((clip, split, question.label()))
    unheard = _missing(found, path, where)
    return replace(task, note=", ".join(filter(None, (note, unheard)))), found


def _model(entry: dict[str, Any], path: Path, called: str) -> str:
    name = entry.get("model", "")
    if not isinstance(name, str):
        raise StudyError(f"{called} in {path}: model is the name of a language model")
    name = beside(name, path.parent)
    if name and model_file(name, CONFIG) is None:
        raise StudyError(f"{called}: no language model {name}: give {WHERE}")
    return name


def _of_set(entry: dict[str, Any], path: Path, called: str) -> tuple[str, str, Rows]:
    """The table's path and the recordings' folder, relative to the task file, and the rows."""
    known = SETS[entry["set"]]
    tables = (entry["clips"],) if isinstance(entry.get("clips"), str) else known.tables
    table = next((file for name in tables if (file := path.parent / entry["folder"] / name).is_file()), None)
    if table is None:
        raise StudyError(f"{called}: no {' nor '.join(tables)} in {path.parent / entry['folder']}")
    try:
        if table.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        items = json.loads(table.read_text(encoding="utf-8-sig"))
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items) or not items:
            raise ValueError("a list of questions is needed")
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{called}: {table} is no JSON of {entry['set']}: {str(error)[:100]}") from None
    rows = []
    for number, item in enumerate(items, start=1):
        try:
            rows.append(known.row(item, table.parent))
        except (KeyError, TypeError) as error:
            raise StudyError(f"{called}: {table}, question {number}: no usable {str(error)[:60]}") from None
    base = os.path.relpath(table.parent, path.parent)
    return os.path.relpath(table, path.parent), base, rows


def _of_table(entry: dict[str, Any], path: Path, called: str) -> Rows:
    file = path.parent / entry["clips"]
    if not os.path.isfile(file):  # noqa: PTH113
        raise StudyError(f"{called}: no clips table at {file}")
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"{called}: {file} is not a CSV table: {str(error).splitlines()[0]}") from None
    for column in ("file", "question", "choices", "answer"):
        if column not in table.columns:
            raise StudyError(f"{called}: {file} has no column {column!r}; it has {', '.join(table.columns)}")
    if table.is_empty():
        raise StudyError(f"{called}: {file} has no question")
    return table.to_dicts()


def _question(row: dict[str, Any], separator: Any) -> Question:
    """Raises ValueError."""
    choices = row["choices"]
    if isinstance(choices, str):
        if not isinstance(separator, str) or not separator:
            raise ValueError("its separator is no text")
        choices = json.loads(choices) if choices.lstrip().startswith("[") else choices.split(separator)
    if not isinstance(choices, list) or not all(one is None or isinstance(one, str) for one in choices):
        raise ValueError("its choices are no list of texts")
    for key in ("file", "question", "answer"):
        if not isinstance(row[key] or "", str):
            raise ValueError(f"its {key} is no text")
    if not row["file"]:
        raise ValueError("it names no file")
    return Question.asked(
        row["question"] or "", choices, row["answer"] or "", str(row.get("type") or ""), str(row.get("id") or "")
    )


def _missing(found: list[tuple[Clip, str, str]], path: Path, where: str) -> str:
    """What to say of recordings that are not there.

    Raises `StudyError` where they are too many.
    """
    places = dict.fromkeys(clip.audio for clip, _, _ in found)
    missing = list(_absent(places, path.parent))
    if len(missing) > MOST_MISSING * len(places):
        raise StudyError(
            f"{where}: {len(missing):,} of its {len(places):,} recordings are missing, {missing[0]} among them, and at "
            f"most {MOST_MISSING:.0%} may be: fetch them"
        )
    return f"{len(missing):,} of {len(places):,} recordings are missing, {missing[0]} among them" if missing else ""


def _absent(places: dict[str, None], root: Path) -> Iterator[str]:
    for place in places:
        if not (root / place).is_file():
            yield place
