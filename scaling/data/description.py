"""`store.json`: what a store was made from, and the digests of the files beside it.

It is written first, as the mark that the folder is ours, and again once all that is laid down lies beside it, with the
digests of that. The digest of a part or of the index stands in its own name; `seal` is that of all else in this file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scaling.errors import StudyError
from scaling.models.formats import Format, LogMel
from scaling.storage.arrow import changed
from scaling.storage.digest import bytes_digest, is_intact
from scaling.storage.files import (
    LEASE,
    MARK,
    TEMPORARY,
    Location,
    cached,
    json_text,
    make_folder,
    names,
    remove,
    remove_if_empty,
    write_json,
)
from scaling.storage.own import damaged, own_bytes, own_of

VERSION = 4
PART_CLIPS = 256
STORE, CATALOGUE, TOKENIZER = "store.json", "catalogue.parquet", "tokenizer.json"
MANIFEST_REJECTS, REJECTS_FILE = "manifest-rejects.parquet", "rejects.parquet"
TASKS, LABELS = "tasks.json", "labels.parquet"
"""Of a store of labelled clips (`labelled.py`)."""
LAID_DOWN = (CATALOGUE, MANIFEST_REJECTS, TOKENIZER, TASKS, LABELS)
OWN = re.compile(rf"{LEASE}|{TEMPORARY.format(LEASE)}|{TEMPORARY.format('store.json')}|{MARK}")
"""What a start that was killed, or one that is at work, may leave in a folder before there is a `store.json`."""


@dataclass(frozen=True)
class Limits:
    """Seconds that a decoded clip may last; the same rule as the catalogue's, applied to what is really
    there."""

    min_seconds: float
    max_seconds: float


@dataclass(frozen=True)
class Description:
    """What a store was made from; two stores with equal descriptions hold the same clips in the same order.

    `digest` stands for the corpus and the way it was cleaned and ranked; `clips` counts the catalogue. The
    first `holdout` usable clips by rank are kept out of every subset. `formats` is what it holds of each clip.
    """

    digest: str
    clips: int
    holdout: int
    min_seconds: float
    max_seconds: float
    part_clips: int = PART_CLIPS
    formats: tuple[Format, ...] = (LogMel(),)

    @property
    def fingerprint(self) -> str:
        whole = repr((VERSION, sorted(asdict(self).items())))
        return bytes_digest(whole.encode())[:16]

    @property
    def rate(self) -> int:
        """Samples a second of what is held."""
        return self.formats[0].rate

    @property
    def limits(self) -> Limits:
        return Limits(self.min_seconds, self.max_seconds)


@dataclass(frozen=True)
class StoreFile:
    """What `store.json` says: `files` the digest of each file beside it by its name, `index` the name of the index, ""
    before there is one. Files that are laid down are not among them where that was begun and has not ended."""

    version: int
    description: Description
    fingerprint: str
    files: dict[str, str]
    index: str = ""
    seal: str = ""

    @property
    def sealed(self) -> "StoreFile":
        """The same with the digest of all else."""
        return replace(self, seal=bytes_digest(json_text(asdict(replace(self, seal=""))).encode()))


@dataclass(frozen=True)
class _Versioned:
    version: int


def read_store_file(folder: Location) -> StoreFile | None:
    """What the `store.json` of a folder says, or None where there is none.

    Raises `StudyError` where it is damaged, or of another version.
    """
    path, cure = folder / STORE, "prepare into another folder with --store or --out, or remove this one"
    try:
        content = own_bytes(path, cure)
        version = own_of(content, path, _Versioned, cure).version
        there = own_of(content, path, StoreFile, cure) if version == VERSION else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    if there is None:
        raise StudyError(
            f"the store in {folder} is of version {version}, this project reads and writes version {VERSION}: prepare "
            "into another folder with --store"
        )
    # A format's field of another name would count as one that is left out.
    if there.sealed != there or json_text(asdict(there)).encode() != content:
        raise damaged(path, "its bytes are not those that were written", cure)
    return there


def not_held(folder: Location, held: Sequence[Format], asked: Sequence[Format]) -> StudyError:
    """What is told of a store that does not hold what is asked of it."""
    return StudyError(
        f"the store in {folder} holds {' and '.join(map(str, held))}, and asked for is "
        f"{' and '.join(map(str, asked))}: give another folder with --store or --out"
    )


def read_description(folder: Location) -> Description | None:
    """What the store in `folder` was made from, or None where there is no store yet, or only the beginning of one.

    Raises `StudyError` as `read_store_file` does.
    """
    there = read_store_file(folder)
    return there.description if there is not None and CATALOGUE in there.files else None


def is_complete(folder: Location) -> bool:
    """Whether a store is laid down and all files that `store.json` vouches for are there; who reads one sees whether it
    is intact."""
    there = read_store_file(folder)
    return there is not None and CATALOGUE in there.files and set(there.files) <= set(names(folder))


def check_free(folder: Location) -> None:
    """Raise `StudyError` where a folder holds what is neither a store nor a store's beginning: nothing of it is ever
    written over."""
    if read_store_file(folder) is None and (others := [name for name in names(folder) if not OWN.fullmatch(name)]):
        raise StudyError(
            f"{folder} holds no store, but {others[0]}{' and more' if len(others) > 1 else ''}: "
            "give a new or empty folder with --store or --out"
        )


@contextmanager
def begun(folder: Location, description: Description) -> Iterator[None]:
    """A folder marked as that of a store that is being laid down in the block. What was prepared of it before stays in
    it; where there is nothing yet, and the disk has no room, nothing is left.

    Raises `StudyError` where the folder holds something else.
    """
    check_free(folder)
    made = make_folder(folder)
    there = read_store_file(folder)
    if there is None or there.description != description:
        there = StoreFile(VERSION, description, description.fingerprint, {})
    try:
        _write(folder, replace(there, files={name: there.files[name] for name in {REJECTS_FILE} & set(there.files)}))
        yield
    except StudyError:
        if not there.index:
            for name in (*LAID_DOWN, STORE):
                remove(folder / name)
            for each in made:
                remove_if_empty(each)
        raise


def seal(folder: Location, files: Mapping[str, str], index: str = "") -> None:
    """Write down the digests of files beside `store.json`, by name, and which index is the store's from now on: what
    its readers see changes in this one moment."""
    there = read_store_file(folder)
    assert there is not None
    _write(folder, replace(there, files={**there.files, **files}, index=index or there.index))


def _write(folder: Location, there: StoreFile) -> None:
    write_json(folder / STORE, asdict(there.sealed))


def intact(folder: Location, name: str) -> Path:
    """A local file with the content of the file of this name in a store, its digest checked.

    Raises `StudyError` where it is not what was written, or not there.
    """
    there = read_store_file(folder)
    path = folder / name
    try:
        local = cached(path)
        if there is not None and name in there.files and is_intact(local, there.files[name]):
            return local
    except FileNotFoundError:
        raise StudyError(f"{path} is gone: the same command prepares it again") from None
    raise changed(path)
