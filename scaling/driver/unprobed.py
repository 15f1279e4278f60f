"""Finished runs that a study wants scored by more probes than they were."""

from contextlib import suppress
from dataclasses import replace

from scaling.probes.options import PROBES
from scaling.runs.folder import StudyFolder
from scaling.storage.files import write_json
from scaling.storage.own import read_own
from scaling.study.study import Study

BEFORE = "probed.json"
"""In a run's folder: by what it was scored before it was scored again."""


def with_probes(study: Study, folder: StudyFolder, wanted: tuple[str, ...]) -> Study:
    """The study with the probes that are wanted, and those that some run of it was scored by before: no score is lost,
    and every run has the same."""
    before = {name for result in folder.results(study.runs).values() for name in result.probed}
    for run in study.runs:
        path = folder.run(run.name).path / BEFORE
        with suppress(FileNotFoundError):
            before |= set(read_own(path, list[str], "remove it, and start the study again"))
    more = [name for name in PROBES if name in before and name not in wanted]
    return replace(study, probes=tuple(name for name in PROBES if name in (*wanted, *more)))


def reopened_unprobed(study: Study, folder: StudyFolder) -> list[str]:
    """Take back that those runs are done which lack a probe of the study's; returns their names. Each goes on from the
    weights that it ended with: nothing is trained again."""
    lacking = [
        name for name, result in folder.results(study.runs).items() if not set(study.probes) <= set(result.probed)
    ]
    for name in lacking:
        place = folder.run(name)
        # Whoever goes on after an interruption has no result to read it from.
        write_json(place.path / BEFORE, sorted(place.result().probed))
        place.reopen()
    return lacking
