"""Files put into a folder that may hold other people's.

A list beside them, `.written.json`, says what was put there, with digests, and what it belongs to. Only what is in the
list and still as it was written is ever replaced or removed; everything else in the folder is left alone, and stops
what would have to write over it before anything is written.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scaling.errors import StudyError
from scaling.storage.digest import bytes_digest
from scaling.storage.files import (
    TEMPORARY,
    Location,
    make_folder,
    names,
    on_disk,
    read_bytes,
    remove,
    replacing,
    write_json,
)
from scaling.storage.own import damaged, read_own

LIST = ".written.json"
VERSION = 1
WITHIN = re.compile(r"(?!\.)[^/\0]+(/(?!\.)[^/\0]+)?")
"""Names of files that lie in the folder, or in one in it."""


@dataclass(frozen=True)
class Put:
    """A file that was put there: by which part of the project, and the digests that it may have; two where it was being
    replaced when that was written down."""

    part: str
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """What `.written.json` says: whose the files are (`of`, words for a person), and each of them by its name."""

    version: int
    of: str
    files: dict[str, Put]


def publish(folder: Location, of: str, part: str, files: Mapping[str, bytes]) -> None:
    """Put files into a folder by their names ("a.md", "figures/a.png"), in this order, and remove those that this part
    has put there before and that are none of them now. What is there already and equal is not written again.

    Raises `StudyError`, before anything is written, where the folder holds what belongs to something else, or one of
    these files is there and not ours or was changed; and where it cannot be written.
    """
    listing = _listing(folder)
    _check(folder, of, listing, files)
    known = dict(listing.files) if listing else {}
    there = {name: _digest(folder / name) for name in {*known, *files}}
    new = {name: bytes_digest(content) for name, content in files.items()}
    stale = [name for name, put in known.items() if put.part == part and name not in files]
    try:
        for inner in {folder / name for name in files}:
            make_folder(inner.parent)
        # First what may be there from now on, so that whoever goes on after a kill knows it again.
        either = {name: Put(part, tuple(dict.fromkeys(filter(None, (there[name], new[name]))))) for name in files}
        _write(folder, Listing(VERSION, of, {**known, **either}))
        _remove_unfinished(folder, [*known, *files])
        for name, content in files.items():
            if there[name] != new[name]:
                with replacing(folder / name) as temporary:
                    temporary.write_bytes(content)
        for name in stale:
            # One that a person has changed is that person's now.
            if there[name] in known[name].digests:
                remove(folder / name)
        kept = {name: put for name, put in known.items() if name not in stale}
        _write(folder, Listing(VERSION, of, {**kept, **{name: Put(part, (new[name],)) for name in files}}))
    except OSError as error:
        if not on_disk(folder):
            raise
        raise StudyError(f"cannot write in {folder}: {error.strerror}") from error


def check_publishable(folder: Location, of: str, wanted: Iterable[str]) -> None:
    """Raise `StudyError` where files of these names, or those put there before, could not be put into a folder: it
    holds what belongs to something else, or one of them is not ours, or was changed."""
    listing = _listing(folder)
    _check(folder, of, listing, {*(listing.files if listing else ()), *wanted})


def _check(folder: Location, of: str, listing: Listing | None, wanted: Iterable[str]) -> None:
    known = listing.files if listing else {}
    if listing and listing.of != of:
        raise StudyError(f"{folder} holds what was made of {listing.of}, not of {of}: move it, or give another folder")
    for name in sorted(wanted):
        path = folder / name
        inner = path.parent
        if inner != folder and on_disk(inner) and (inner.is_symlink() or (inner.exists() and not inner.is_dir())):
            raise StudyError(f"{inner} was not written by this project: move it, or give another folder")
        digest = _digest(path)
        if digest is None:
            continue
        if name not in known:
            raise StudyError(f"{path} was not written by this project: move it, or give another folder")
        if digest not in known[name].digests:
            raise StudyError(f"{path} was changed since it was written: move it, or give another folder")


def _listing(folder: Location) -> Listing | None:
    """What was put into a folder, or None where nothing was."""
    path, cure = folder / LIST, "move the folder that it lies in, or give another one"
    try:
        listing = read_own(path, Listing, cure)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if outside := [name for name in listing.files if not WITHIN.fullmatch(name)]:
        raise damaged(path, f"it names {outside[0]!a}", cure)
    return listing


def _write(folder: Location, listing: Listing) -> None:
    if _listing(folder) != listing:
        write_json(folder / LIST, asdict(listing))


def _digest(path: Location) -> str | None:
    """The digest of a file; None where nothing is there, "" for what is no plain file."""
    if isinstance(path, Path):
        if not os.path.lexists(path):
            return None
        if path.is_symlink() or not path.is_file():
            return ""
    try:
        return bytes_digest(read_bytes(path))
    except FileNotFoundError:
        return None


def _remove_unfinished(folder: Location, wanted: Iterable[str]) -> None:
    """Remove what a process that was killed while it wrote one of these has left."""
    inner: dict[Location, list[str]] = {}
    for path in (folder / LIST, *(folder / name for name in wanted)):
        inner.setdefault(path.parent, []).append(re.escape(path.name))
    for place, written in inner.items():
        unfinished = re.compile("|".join(TEMPORARY.format(name) for name in written))
        for name in filter(unfinished.fullmatch, names(place)):
            remove(place / name)
