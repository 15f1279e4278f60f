"""A run's folder: what lies in it, and when."""

from pathlib import Path

import pytest
from tiny_study import finish, score, tiny_result, tiny_study

from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage.files import read_json, write_json
from scaling.training.attempt import Attempt, SupersededError

CELL = tiny_study().cells[-1]


def test_a_run_comes_back_with_its_place_in_the_study(tmp_path: Path):
    study = StudyFolder(tmp_path)
    assert study.begun() == []
    study.run(CELL.run.name).begin(CELL)
    [folder] = study.begun()
    assert folder.cell() == CELL
    assert not folder.done
    assert study.results([CELL.run]) == {}


def test_a_result_comes_back_as_it_was(tmp_path: Path):
    folder = StudyFolder(tmp_path).run(CELL.run.name)
    scores = score("birds", "accuracy", 0.25), score("rooms", "accuracy", 0.75)
    finish(folder, CELL, *scores)
    assert folder.done
    assert folder.result() == tiny_result(CELL.run, *scores)
    assert folder.result().main_score == "0.500 mean accuracy"
    assert tiny_result(CELL.run).main_score == "done"
    assert [row["step"] for row in folder.curve()] == [1]
    assert StudyFolder(tmp_path).results([CELL.run]) == {CELL.run.name: folder.result()}


def test_what_another_version_left_is_refused(tmp_path: Path):
    folder = StudyFolder(tmp_path).run(CELL.run.name)
    finish(folder, CELL)
    fields = read_json(folder.path / "result.json")
    for changed, words in (
        ({**fields, "cost": {"more": 1}}, "fields of another version of this project: more"),
        ({key: fields[key] for key in fields if key != "machine"}, "is damaged (machine: Field required)"),
        (tiny_result(tiny_study().cells[-2].run).to_json(), "it is of another run"),
    ):
        write_json(folder.path / "result.json", changed)
        with pytest.raises(StudyError) as told:
            folder.result()
        assert str(told.value).startswith(str(folder.path / "result.json"))
        assert words in str(told.value)
        assert str(told.value).endswith(": remove it and start the study again, which does the run again")


def test_only_the_newest_attempt_finishes_a_run(tmp_path: Path):
    folder = StudyFolder(tmp_path).run(CELL.run.name)
    finish(folder, CELL)
    old = Attempt(folder.path)
    old.claim()
    Attempt(folder.path).claim()
    before = read_json(folder.path / "result.json")
    with pytest.raises(SupersededError):
        folder.finish(old, tiny_result(CELL.run, score("birds", "accuracy", 1.0)), None)  # type: ignore[arg-type]
    assert read_json(folder.path / "result.json") == before


def test_a_store_may_lie_elsewhere(tmp_path: Path):
    assert StudyFolder(tmp_path).store == tmp_path / "store"
    assert StudyFolder(tmp_path, tmp_path / "shared").store == tmp_path / "shared"


def test_a_run_of_another_layout_is_refused(tmp_path: Path):
    folder = StudyFolder(tmp_path).run("old")
    folder.path.mkdir(parents=True)
    write_json(folder.path / "run.json", {"objective": "contrastive", "clips": 10})
    with pytest.raises(
        StudyError, match=r"run\.json is damaged \(study: Field required\): remove it and start the study"
    ):
        folder.cell()
