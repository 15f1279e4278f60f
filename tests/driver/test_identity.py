"""What a study's folder was made for, and who may go on with it."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import finish, score, tiny_study

from scaling.data.corpus import Source, open_source
from scaling.driver.identity import check_identity, described, mark
from scaling.driver.recorded import recorded_study
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage.files import read_json, write_json

STUDY = tiny_study()


@pytest.fixture(scope="module")
def source() -> Source:
    return open_source(STUDY.corpus)


def test_the_same_study_goes_on_and_no_other(tmp_path: Path, source: Source):
    assert described(tmp_path) is None
    check_identity(tmp_path, STUDY, source)
    study_id = mark(tmp_path, STUDY, source)
    check_identity(tmp_path, STUDY, source)
    # With more sizes it is the same study, and what the analysis reads follows.
    more = tiny_study((10, 20, 40), steps=5)
    check_identity(tmp_path, more, source)
    assert mark(tmp_path, more, source) == study_id
    assert read_json(tmp_path / "study.json")["design"] == more.design()
    for other, words in (
        (replace(STUDY, name="other"), "of another study"),
        (replace(STUDY, preset="laptop"), "of another preset"),
    ):
        with pytest.raises(StudyError, match=f"holds a study {words} .*: give another folder with --out"):
            check_identity(tmp_path, other, source)
    with pytest.raises(StudyError, match="of another corpus"):
        check_identity(tmp_path, STUDY, replace(source, digest="0" * 16))


def test_a_folder_of_the_former_layout_is_refused_in_one_line(tmp_path: Path, source: Source):
    write_json(tmp_path / "study.json", {"study": "data-scale", "preset": "smoke", "corpus": source.digest, "id": "x"})
    for refused in (
        lambda: check_identity(tmp_path, STUDY, source),
        lambda: recorded_study(StudyFolder(tmp_path)),
    ):
        with pytest.raises(StudyError, match=r"another version of this project \(layout 1, not 2\)") as error:
            refused()
        assert "\n" not in str(error.value)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path, source: Source):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StudyError, match="is not empty and holds no study"):
        check_identity(tmp_path, STUDY, source)
    with pytest.raises(StudyError, match="holds no study: give the folder"):
        recorded_study(StudyFolder(tmp_path))


def test_a_folder_says_which_runs_it_holds(tmp_path: Path, source: Source):
    study_id, folder = mark(tmp_path, STUDY, source), StudyFolder(tmp_path)
    for cell in STUDY.cells:
        folder.run(cell.run.name).begin(cell)
    done = STUDY.cells[-1]
    finish(folder.run(done.run.name), done, score("birds", "accuracy", 0.5))
    recorded = recorded_study(folder)
    assert (recorded.study_id, recorded.experiment, recorded.design) == (study_id, "data-scale-smoke", STUDY.design())
    assert {cell.run for cell in recorded.cells} == set(STUDY.runs)
    assert recorded.done == (done.run,)
