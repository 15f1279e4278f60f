"""The identity of a study's folder: where it lies, and what it was made for."""

import os
import secrets
from pathlib import Path
from typing import Any

from scaling.data.corpus import Source
from scaling.data.description import STORE
from scaling.errors import StudyError
from scaling.storage.files import Location, absolute, names, on_disk, read_json, write_json
from scaling.study.options import Options
from scaling.study.study import Study

FILE = "study.json"
VERSION = 2
"""Of the layout of a study's folder. 1: runs had no parts."""


def output_folder(study: Study, options: Options, source: Source) -> Location:
    """The study's folder: absolute, and never in a Ray job's temporary working directory."""
    if options.out is None:
        suffix = f"-{source.digest[:6]}" if source.manifests else ""
        return Path.home() / "scaling-studies" / f"{study.name}-{study.preset}{suffix}"
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
    for option, place in (("--out", out), ("--store", store)):
        for above in place.parents:
            if place != above / "store" and (above == out or (above / FILE).exists()):
                raise StudyError(f"{option} {place} lies among the files of the study in {above}: give another folder")
            if above == store or (above / STORE).exists():
                raise StudyError(f"{option} {place} lies among the files of the store in {above}: give another folder")


def described(folder: Location) -> dict[str, Any] | None:
    """What a folder says it was made for; None where it says nothing.

    Raises `StudyError` where another version of this project has written it.
    """
    if not (folder / FILE).exists():
        return None
    fields: dict[str, Any] = read_json(folder / FILE)
    if fields.get("version") != VERSION:
        raise StudyError(
            f"{folder} was written by another version of this project (layout {fields.get('version', 1)}, "
            f"not {VERSION}): read it with that version, and give another folder with --out"
        )
    return fields


def mark(folder: Location, study: Study, source: Source) -> str:
    """Note what a folder is for, and what the analysis has to know of the study; returns the id that its runs are known
    by in MLflow."""
    written = described(folder)
    study_id: str = written["id"] if written else secrets.token_hex(6)
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
    if theirs is None:
        if any(not name.startswith((".", "lease", "store")) for name in names(folder)):
            raise StudyError(f"{folder} is not empty and holds no study: give another folder with --out")
        return
    for key, words in (
        ("study", "of another study"),
        ("preset", "of another preset"),
        ("corpus", "of another corpus"),
    ):
        if theirs[key] != mine[key]:
            raise StudyError(
                f"{folder} holds a study {words} ({theirs[key]}, not {mine[key]}): give another folder with --out"
            )
