"""The identity of a study's folder: where it lies, and what it was made for."""

import os
import re
import secrets
from collections.abc import Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from scaling.data.corpus import Source
from scaling.data.description import STORE
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.storage.files import LEASE, Location, absolute, names, on_disk, write_json
from scaling.storage.own import read_own
from scaling.study.options import Options
from scaling.study.study import Study

FILE = "study.json"
FOLDERS = re.compile(r"store|runs|report|mlartifacts|initial|shared|\.ray")
STARTS = "starts.jsonl"
"""What each start has cost (`watch.py`)."""
VERSION = 2
"""Of the layout of a study's folder. 1: runs had no parts."""


def output_folder(study: Study, options: Options, source: Source) -> Location:
    """The study's folder: absolute, and never in a Ray job's temporary working directory."""
    if options.out is None:
        suffix = f"-{source.digest[:6]}" if source.manifests else ""
        return absolute(f"~/scaling-studies/{study.name}-{study.preset}{suffix}")
    out = absolute(options.out)
    relative = on_disk(out) and not options.out.startswith(("/", "~"))
    if relative and os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR"):
        raise StudyError(
            f"--out {options.out} is relative: a Ray job's working directory is temporary, give an absolute folder"
        )
    return out


def check_places(out: Location, store: Location) -> None:
    """Refuse a study's folder and a store of which one lies where files of the other, or of a third one, do."""
    if store == out or (on_disk(store) and on_disk(out) and store.exists() and out.exists() and store.samefile(out)):
        raise StudyError(f"--store {store} is the study's own folder: leave --store out, or give another folder")
    check_place("--out", out, stores=[store])
    check_place("--store", store, studies=[out])


def check_place(
    option: str, place: Location, studies: Sequence[Location] = (), stores: Sequence[Location] = ()
) -> None:
    """Refuse a place among the files of a study or a store: one that is there, or is to be at one of these places."""
    for above in place.parents:
        if place != above / "store" and (above in studies or _says(above / FILE, "study", "corpus")):
            raise StudyError(f"{option} {place} lies among the files of the study in {above}: give another folder")
        if above in stores or _says(above / STORE, "description", "fingerprint"):
            raise StudyError(f"{option} {place} lies among the files of the store in {above}: give another folder")


def _says(path: Location, *keys: str) -> bool:
    """Whether a file is one of ours, which has these fields, and not somebody else's of the same name."""
    try:
        return set(keys) <= set(read_own(path, dict[str, Any], ""))
    except (FileNotFoundError, PermissionError, StudyError):
        return False


class StudyFile(TypedDict):
    """What `study.json` says: what the study is, the id that its runs have in MLflow, and `Study.design`."""

    version: int
    study: str
    preset: str
    corpus: str
    id: str
    design: dict[str, Any]


class _Versioned(TypedDict):
    version: NotRequired[int]
    study: str


def described(folder: Location) -> StudyFile | None:
    """What a folder says it was made for; None where it says nothing.

    Raises `StudyError` where that is damaged, or another version of this project has written it.
    """
    path, cure = folder / FILE, "remove it, and the study's command writes it anew"
    try:
        version = read_own(path, _Versioned, cure).get("version", 1)
        if version == VERSION:
            return read_own(path, StudyFile, cure)
    except FileNotFoundError:
        return None
    raise StudyError(
        f"{folder} was written by another version of this project (layout {version}, not {VERSION}): "
        "read it with that version, and give another folder with --out"
    )


def mark(folder: Location, study: Study, source: Source) -> str:
    """Note what a folder is for, and what the analysis has to know of the study; returns the id that its runs are known
    by in MLflow."""
    written = described(folder)
    study_id = written["id"] if written else secrets.token_hex(6)
    fields = {"version": VERSION, **identity(study, source), "id": study_id, "design": study.design()}
    if written != fields:
        write_json(folder / FILE, fields)
    return study_id


def identity(study: Study, source: Source) -> dict[str, str]:
    """What a study's folder must have been made for to be continued."""
    return {"study": study.name, "preset": study.preset, "corpus": source.digest}


def check_identity(folder: Location, study: Study, source: Source) -> None:
    """Refuse a folder that holds something else."""
    mine, theirs = identity(study, source), described(folder)
    for name in names(folder):
        inner = folder / name
        if on_disk(inner) and FOLDERS.fullmatch(name) and not inner.is_dir():
            raise StudyError(f"{inner} is no folder of this project: move it, or give another folder with --out")
        if on_disk(inner) and name == STARTS and not inner.is_file():
            raise StudyError(f"{inner} is no file of this project: move it, or give another folder with --out")
    if theirs is None:
        # Hidden files are left by who shows folders, and nothing is written over them.
        others = [name for name in names(folder) if not (name.startswith(".") or re.fullmatch(LEASE, name))]
        if set(others) - {"store"} and not any(StudyFolder(folder).begun()):
            raise StudyError(f"{folder} is not empty and holds no study: give another folder with --out")
        return
    here = {"study": theirs["study"], "preset": theirs["preset"], "corpus": theirs["corpus"]}
    for key, there in here.items():
        if there != mine[key]:
            raise StudyError(
                f"{folder} holds a study of another {key} ({there}, not {mine[key]}): give another folder with --out"
            )
