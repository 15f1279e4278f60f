"""The folder of a study: where it lies, what it was made for, and what is done in it."""

import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from scaling.data.corpus import Source
from scaling.errors import StudyError
from scaling.runs.perform import main_score
from scaling.storage.files import (
    Location,
    absolute,
    location,
    names,
    read_bytes,
    read_json,
    remove,
    replacing,
    write_json,
)
from scaling.study.options import Options
from scaling.study.study import Corpus, Run, Study, run_from_json


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
    """Note what a folder is for, the first time; returns the id that its runs are known by in MLflow."""
    path = folder / "study.json"
    if not path.exists():
        write_json(path, {**identity(study, source), "question": study.question, "id": secrets.token_hex(6)})
    study_id: str = read_json(path)["id"]
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


def seen_by_nodes(folder: Location, checkpoints: dict[str, Path]) -> dict[str, Location]:
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
    read = ["report/scores.parquet", *(f"runs/{name}/predictions.parquet" for name in names(folder / "runs"))]
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


def recorded_study(folder: Location) -> tuple[Study, str, list[Run]]:
    """What a folder says of the study in it: the study with every run that was begun, its id, and the runs that are
    done.

    Raises `StudyError` where the folder holds no study.
    """
    path = folder / "study.json"
    if not path.exists():
        raise StudyError(f"{folder} holds no study: give the folder that a study was given as --out")
    fields = read_json(path)
    begun = [folder / "runs" / name for name in names(folder / "runs")]
    runs = {place: run_from_json(read_json(place / "run.json")) for place in begun if (place / "run.json").exists()}
    done = [run for place, run in runs.items() if (place / "result.json").exists()]
    study = Study(fields["study"], fields["preset"], fields["question"], Corpus(), tuple(runs.values()))
    return study, fields["id"], done
