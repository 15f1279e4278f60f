"""Small files of ours that somebody or something has changed: each is named in one line with the way out, whatever lies
in its place."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_study import finish, tiny_study

from scaling.data.description import read_description
from scaling.driver.identity import described
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.training.attempt import Attempt


def study(folder: Path) -> Path:
    (folder / "study.json").write_text(json.dumps({"version": 2, "study": "s", "preset": "p", "corpus": "c"}))
    return folder / "study.json"


def store(folder: Path) -> Path:
    (folder / "store.json").write_text("{}")
    return folder / "store.json"


def of_a_run(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        cell = next(cell for cell in tiny_study().cells if not cell.reference)
        finish(StudyFolder(folder).run("run"), cell)
        return folder / "runs" / "run" / name

    return make


def run_of(folder: Path) -> StudyFolder:
    return StudyFolder(folder)


FILES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "study.json": (study, described),
    "store.json": (store, read_description),
    "run.json": (of_a_run("run.json"), lambda folder: run_of(folder).run("run").cell()),
    "result.json": (of_a_run("result.json"), lambda folder: run_of(folder).run("run").result()),
    "attempt.json": (of_a_run("attempt.json"), lambda folder: Attempt(folder / "runs" / "run").still_ours()),
}
FORMS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3]),
    "{}": lambda path: path.write_text("{}"),
    "[]": lambda path: path.write_text("[]"),
    "null": lambda path: path.write_text("null"),
    "text": lambda path: path.write_text('"text"'),
    "numbers for all": lambda path: path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), 1.5))),
    "lists for all": lambda path: path.write_text(json.dumps({key: [[]] for key in json.loads(path.read_text())})),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe" + path.read_bytes()),
    "nested": lambda path: path.write_text("[" * 100_000),
    "random": lambda path: path.write_bytes(os.urandom(200)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FILES)
def test_what_is_not_whole_is_one_line_with_its_cure(tmp_path: Path, name: str, form: str) -> None:
    make, read = FILES[name]
    path = make(tmp_path)
    FORMS[form](path)
    with pytest.raises(StudyError) as refused:
        read(tmp_path)
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    assert str(path) in said or str(path.parent) in said
    assert ": " in said
    assert len(said) < 600
