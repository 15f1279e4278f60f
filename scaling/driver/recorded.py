"""What a folder says of the study in it, without the script that made it."""

from dataclasses import dataclass
from typing import Any

from scaling.driver.identity import described
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.study.run import Run
from scaling.study.study import Cell


@dataclass(frozen=True)
class Recorded:
    """What a folder says of the study in it: the name of its experiment, its design and id, every run that was begun,
    and those that are done."""

    experiment: str
    design: dict[str, Any]
    study_id: str
    cells: tuple[Cell, ...]
    done: tuple[Run, ...]


def recorded_study(folder: StudyFolder) -> Recorded:
    """The study that a folder holds.

    Raises `StudyError` where it holds none, or one of another version.
    """
    fields = described(folder.path)
    if fields is None:
        raise StudyError(f"{folder.path} holds no study: give the folder that a study was given as --out")
    begun = {run: run.cell() for run in folder.begun()}
    done = tuple(cell.run for run, cell in begun.items() if run.done)
    experiment = f"{fields['study']}-{fields['preset']}"
    return Recorded(experiment, fields["design"], fields["id"], tuple(begun.values()), done)
