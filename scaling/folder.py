"""The folder of a study: where it lies, what it was made for, and what is done in it."""

import os
import secrets
from pathlib import Path

from scaling.corpus import Source
from scaling.errors import StudyError
from scaling.files import read_json, write_json
from scaling.options import Options
from scaling.study import Corpus, Run, Study, run_from_json
from scaling.work import main_score


def output_folder(study: Study, options: Options, source: Source) -> Path:
    """The study's folder: absolute, and never in a Ray job's temporary working directory."""
    if options.out is None:
        suffix = f"-{source.digest[:6]}" if source.manifests else ""
        return Path.home() / "scaling-studies" / f"{study.name}-{study.preset}{suffix}"
    out = options.out.expanduser()
    if not out.is_absolute() and os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR"):
        raise StudyError(
            f"--out {out} is relative: a Ray job's working directory is temporary, give an absolute folder"
        )
    return out.resolve()


def mark(folder: Path, study: Study, source: Source) -> str:
    """Note what a folder is for, the first time; returns the id that its runs are known by in MLflow."""
    path = folder / "study.json"
    if not path.exists():
        write_json(path, {**identity(study, source), "question": study.question, "id": secrets.token_hex(6)})
    study_id: str = read_json(path)["id"]
    return study_id


def identity(study: Study, source: Source) -> dict[str, str]:
    """What a study's folder must have been made for to be continued."""
    return {"study": study.name, "preset": study.preset, "corpus": source.digest}


def check_identity(folder: Path, study: Study, source: Source) -> None:
    """Refuse a folder that holds something else."""
    path = folder / "study.json"
    mine = identity(study, source)
    if not path.exists():
        if folder.is_dir() and any(not child.name.startswith((".", "lease", "store")) for child in folder.iterdir()):
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


def finished_scores(runs: Path, wanted: tuple[Run, ...]) -> dict[str, str]:
    """The runs that are done, each with its main score."""
    results = {run.name: runs / run.name / "result.json" for run in wanted}
    return {name: main_score(read_json(path)) for name, path in results.items() if path.exists()}


def recorded_study(folder: Path) -> tuple[Study, str, list[Run]]:
    """What a folder says of the study in it: the study with every run that was begun, its id, and the runs that are
    done.

    Raises `StudyError` where the folder holds no study.
    """
    path = folder / "study.json"
    if not path.exists():
        raise StudyError(f"{folder} holds no study: give the folder that a study was given as --out")
    fields = read_json(path)
    runs = {place.parent: run_from_json(read_json(place)) for place in sorted((folder / "runs").glob("*/run.json"))}
    done = [run for place, run in runs.items() if (place / "result.json").exists()]
    study = Study(fields["study"], fields["preset"], fields["question"], Corpus(), tuple(runs.values()))
    return study, fields["id"], done
