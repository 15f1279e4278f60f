"""The report of a study's folder, wherever that lies."""

import tempfile
from contextlib import suppress
from pathlib import Path

from scaling.analysis.report.examples import FOLDER as EXAMPLES
from scaling.analysis.report.write import write_report
from scaling.errors import StudyError
from scaling.runs.folder import PREDICTIONS
from scaling.storage.files import Location, names, on_disk, read_bytes


def report_on(folder: Location) -> Location:
    """Write the report of a study's folder from its scores and predictions; returns where report.html lies.

    The analysis reads filesystems alone: what lies in an object store is copied.
    """
    if on_disk(folder):
        return write_report(folder)
    read = [
        "study.json",
        "report/scores.parquet",
        *(f"runs/{name}/{PREDICTIONS}" for name in names(folder / "runs")),
        *(f"report/{EXAMPLES}/{name}" for name in names(folder / "report" / EXAMPLES)),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / folder.name
        for name in read:
            (local / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                (local / name).write_bytes(read_bytes(folder / name))
        try:
            return write_report(local, folder / "report")
        except StudyError as error:
            raise StudyError(str(error).replace(str(local), str(folder))) from None
