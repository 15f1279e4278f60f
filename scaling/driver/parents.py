"""Runs that others start from: their weights are needed for as long as one of those is not done."""

from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.study.study import Study
from scaling.training.checkpoint import check_whole, latest_checkpoint


def reopened_parents(study: Study, folder: StudyFolder) -> dict[str, str]:
    """Take back that those runs are done whose weights are gone or damaged while a run that is not done starts from
    them; returns what is wrong with each."""
    waiting = {run.initialization.parent for run in study.runs if not folder.run(run.name).done} - {""}
    found = {}
    for parent in sorted(waiting):
        if not folder.run(parent).done:
            continue
        checkpoint = latest_checkpoint(folder.run(parent).path)
        try:
            if checkpoint is None:
                raise StudyError("they are gone")
            check_whole(checkpoint, optimizer=False)
        except StudyError as error:
            found[parent] = str(error)
            folder.run(parent).reopen()
    return found
