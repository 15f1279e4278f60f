"""What a folder says of its study."""

from pathlib import Path

import pytest
from tiny_study import finish, tiny_study

from scaling.driver.identity import VERSION
from scaling.driver.recorded import recorded_study
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage.files import write_json


def test_runs_that_were_begun_and_those_that_are_done(tmp_path: Path):
    study, folder = tiny_study(), StudyFolder(tmp_path)
    fields = {"study": study.name, "preset": study.preset, "corpus": "", "id": "me", "design": study.design()}
    write_json(tmp_path / "study.json", {**fields, "version": VERSION})
    for cell in study.cells[:3]:
        folder.run(cell.run.name).begin(cell)
    finish(folder.run(study.cells[3].run.name), study.cells[3])
    recorded = recorded_study(folder)
    assert (recorded.experiment, recorded.study_id) == ("data-scale-smoke", "me")
    assert recorded.design == study.design()
    assert {cell.run.name: cell for cell in recorded.cells} == {cell.run.name: cell for cell in study.cells[:4]}
    assert recorded.done == (study.cells[3].run,)


def test_a_folder_without_a_study_is_refused(tmp_path: Path):
    with pytest.raises(StudyError, match="holds no study: give the folder that a study was given as --out"):
        recorded_study(StudyFolder(tmp_path))
