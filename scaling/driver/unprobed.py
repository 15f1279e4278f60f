"""Finished runs that a study wants scored by more probes than they were."""

from dataclasses import replace

from scaling.probes.options import PROBES
from scaling.runs.folder import StudyFolder
from scaling.study.study import Study


def with_probes(study: Study, folder: StudyFolder, wanted: tuple[str, ...]) -> Study:
    """The study with the probes that are wanted, and those that some run of it was scored by before: no score is lost,
    and every run has the same."""
    before = {name for result in folder.results(study.runs).values() for name in result.probed}
    more = [name for name in PROBES if name in before and name not in wanted]
    return replace(study, probes=tuple(name for name in PROBES if name in (*wanted, *more)))


def reopened_unprobed(study: Study, folder: StudyFolder) -> list[str]:
    """Take back that those runs are done which lack a probe of the study's; returns their names. Each goes on from the
    weights that it ended with: nothing is trained again."""
    lacking = [
        name for name, result in folder.results(study.runs).items() if not set(study.probes) <= set(result.probed)
    ]
    for name in lacking:
        folder.run(name).reopen()
    return lacking
