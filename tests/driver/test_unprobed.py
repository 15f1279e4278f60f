"""Finished runs are scored again by more probes, and not trained again."""

from dataclasses import replace
from pathlib import Path

from tiny_study import finish, score, tiny_study

from scaling.driver.unprobed import reopened_unprobed, with_probes
from scaling.probes.options import named_probes
from scaling.runs.folder import StudyFolder


def test_runs_that_lack_a_probe_are_reopened_and_no_probe_is_ever_dropped(tmp_path: Path):
    study, folder = tiny_study(), StudyFolder(tmp_path)
    done, other = study.cells[:2]
    for cell in (done, other):
        finish(folder.run(cell.run.name), cell, score("pitch", "accuracy", 0.5))
    # As they were written before results said by what.
    default = with_probes(study, folder, named_probes())
    assert default.probes == named_probes()
    assert reopened_unprobed(default, folder) == []
    more = with_probes(study, folder, ("attention",))
    assert set(more.probes) == {*named_probes(), "attention"}
    assert sorted(reopened_unprobed(more, folder)) == sorted([done.run.name, other.run.name])
    assert not folder.run(done.run.name).done
    assert reopened_unprobed(more, folder) == []
    # Interrupted now, the next start knows what there was.
    assert with_probes(study, folder, ("attention",)) == more
    assert replace(more, probes=()) == study
