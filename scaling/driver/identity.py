"""The folder of a study: where it lies, what it was made for, and what is done in it."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scaling.data.corpus import Source
from scaling.errors import StudyError
from scaling.runs.perform import main_score
from scaling.storage.files import (
    Location,
    absolute,
    location,
    make_folder,
    names,
    read_bytes,
    read_json,
    remove,
    replacing,
    write_json,
)
from scaling.study.options import Options
from scaling.study.run import Run, run_from_json, run_to_json
from scaling.study.study import Cell, Study

VERSION = 2
"""Of the layout of a study's folder. 1: runs had no parts."""


def output_folder(study: Study, options: Options, source: Source) -> Location:
    """The study's folder: absolute, and never in a Ray job's temporary working directory."""
    if options.out is None:
        suffix = f"-{source.digest[:6]}" if source.manifests else ""
        return Path.home() / "scaling-studies" / f"{study.name}-{study.preset}{suffix}"
    out = location(options.out)
    if isinstance(out, Path) and not out.expanduser().is_absolute() and os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR"):
        raise StudyError(
            f"--out {out} is relative: a Ray job's working directory is temporary, give an absolute folder"
        )
    return absolute(options.out)


def mark(folder: Location, study: Study, source: Source) -> str:
    """Note what a folder is for, and what the analysis has to know of the study; returns the id that its runs are known
    by in MLflow."""
    path = folder / "study.json"
    study_id: str = read_json(path)["id"] if path.exists() else secrets.token_hex(6)
    fields = {"version": VERSION, **identity(study, source), "id": study_id, "design": study.design()}
    if not path.exists() or read_json(path) != fields:
        write_json(path, fields)
    return study_id


def identity(study: Study, source: Source) -> dict[str, str]:
    """What a study's folder must have been made for to be continued."""
    return {"study": study.name, "preset": study.preset, "corpus": source.digest}


def check_identity(folder: Location, study: Study, source: Source) -> None:
    """Refuse a folder that holds something else."""
    path = folder / "study.json"
    mine = identity(study, source)
    if not path.exists():
        if any(not name.startswith((".", "lease", "store")) for name in names(folder)):
            raise StudyError(f"{folder} is not empty and holds no study: give another folder with --out")
        return
    theirs = read_json(path)
    if theirs.get("version") != VERSION:
        raise StudyError(
            f"{folder} was written by another version of this project (layout {theirs.get('version', 1)}, "
            f"not {VERSION}): read it with that version, and give another folder with --out"
        )
    for key, words in (
        ("study", "of another study"),
        ("preset", "of another preset"),
        ("corpus", "of another corpus"),
    ):
        if theirs[key] != mine[key]:
            raise StudyError(
                f"{folder} holds a study {words} ({theirs[key]}, not {mine[key]}): give another folder with --out"
            )


def finished_scores(runs: Location, wanted: tuple[Run, ...]) -> dict[str, str]:
    """The runs that are done, each with its main score."""
    results = {run.name: runs / run.name / "result.json" for run in wanted}
    return {name: main_score(read_json(path)) for name, path in results.items() if path.exists()}


def seen_by_nodes(folder: Location, checkpoints: Mapping[str, Path]) -> dict[str, Location]:
    """The checkpoints that initializations name, where every node can read them: copied beside a study in an object
    store. Their names are digests of them."""
    places: dict[str, Location] = {**checkpoints}
    if not isinstance(folder, Path):
        for name, path in checkpoints.items():
            places[name] = folder / "initial" / f"{name}.safetensors"
            if not places[name].exists():
                with replacing(places[name]) as temporary:
                    shutil.copyfile(path, temporary)
    return places


def report_on(folder: Location) -> Location:
    """Write the report of a study's folder from its scores and predictions; returns where report.html lies.

    The analysis knows filesystems alone: what lies in an object store is copied, and its report is uploaded.
    """
    from scaling.analysis.report.write import write_report

    if isinstance(folder, Path):
        return write_report(folder)
    read = [
        "study.json",
        "report/scores.parquet",
        *(f"runs/{name}/predictions.parquet" for name in names(folder / "runs")),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / folder.name
        for name in read:
            (local / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                (local / name).write_bytes(read_bytes(folder / name))
        try:
            write_report(local)
        except StudyError as error:
            raise StudyError(str(error).replace(str(local), str(folder))) from None
        written = [path for path in sorted((local / "report").rglob("*")) if path.is_file()]
        for path in written:
            if path.name != "scores.parquet":
                with replacing(folder / path.relative_to(local).as_posix()) as temporary:
                    shutil.copyfile(path, temporary)
    for stale in set(names(folder / "report" / "figures")) - {path.name for path in written}:
        remove(folder / "report" / "figures" / stale)
    return folder / "report" / "report.html"


def write_run(folder: Location, cell: Cell) -> None:
    """Leave what a run is, and its place in its study, in the run's folder."""
    make_folder(folder)
    place = {"levels": dict(cell.levels), "reference": cell.reference}
    write_json(folder / "run.json", {**run_to_json(cell.run), "study": place})


def read_run(folder: Location) -> Cell:
    """What `write_run` left."""
    fields = read_json(folder / "run.json")
    return Cell(run_from_json(fields), fields["study"]["levels"], fields["study"]["reference"])


@dataclass(frozen=True)
class Recorded:
    """What a folder says of the study in it: the name of its experiment, its question and id, every run that was begun,
    and those that are done."""

    experiment: str
    question: str
    study_id: str
    cells: tuple[Cell, ...]
    done: tuple[Run, ...]


def recorded_study(folder: Location) -> Recorded:
    """The study that a folder holds.

    Raises `StudyError` where it holds none, or one of another version.
    """
    path = folder / "study.json"
    if not path.exists():
        raise StudyError(f"{folder} holds no study: give the folder that a study was given as --out")
    fields = read_json(path)
    if fields.get("version") != VERSION:
        raise StudyError(f"{folder} was written by another version of this project: read it with that version")
    begun = [folder / "runs" / name for name in names(folder / "runs")]
    cells = {place: read_run(place) for place in begun if (place / "run.json").exists()}
    done = tuple(cell.run for place, cell in cells.items() if (place / "result.json").exists())
    experiment = f"{fields['study']}-{fields['preset']}"
    return Recorded(experiment, fields["design"]["question"], fields["id"], tuple(cells.values()), done)
