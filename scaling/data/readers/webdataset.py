"""WebDataset archives: tar files in which the members of a clip follow each other and share their name up to its first
dot: the recording, and a .json of named fields or a .txt with the caption.

Nothing is unpacked. A clip's `within` is `bytes FIRST COUNT`: where its recording lies in the archive. So an archive is
read by its headers and its texts, a few kilobytes a clip, and a name in it is never a name on a disk.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from scaling.data.clip import Clip, Reject, UnusableClipError
from scaling.data.readers.fields import clip_of
from scaling.data.readers.places import beside
from scaling.errors import StudyError
from scaling.storage.files import Location, opened

AUDIO = ("flac", "wav", "mp3", "ogg", "opus", "aiff", "aif", "m4a", "au", "caf")
LONGEST_TEXT = 2**20
"""Bytes of a member that is text."""
LARGEST_AUDIO = 2**28
"""Bytes of a recording in an archive."""
READ_BYTES = 2**16
END = bytes(512)


@dataclass
class _Sample:
    """The members of one clip."""

    key: str
    fields: dict[str, Any] = field(default_factory=dict)
    audio: tuple[int, int] | None = None
    flaw: str = ""


def read(file: Location, source: str, root: str) -> Iterator[Clip | Reject]:
    """The clips of one archive.

    Raises `StudyError`, naming the archive and its last good member, where it is not a whole tar file.
    """
    audio = beside(file, "", root)
    for sample in _samples(file):
        try:
            if sample.flaw:
                raise UnusableClipError(sample.flaw)
            if sample.audio is None:
                raise UnusableClipError("no recording beside its texts")
            yield clip_of(sample.fields, source, sample.key, audio, "bytes {} {}".format(*sample.audio))
        except UnusableClipError as error:
            yield Reject(f"{file} {sample.key}"[:1000], source, audio, str(error))


def digest(file: Location) -> str:
    """A digest of the headers and texts."""
    whole = hashlib.blake2b(digest_size=16)
    for sample in _samples(file):
        whole.update(repr((sample.key, sample.fields, sample.audio, sample.flaw)).encode(errors="backslashreplace"))
    return whole.hexdigest()


def _samples(file: Location) -> Iterator[_Sample]:
    sample: _Sample | None = None
    for opened_file, member in _members(file):
        folder, _, name = member.name.rpartition("/")
        stem, _, ending = name.partition(".")
        key = f"{folder}/{stem}" if folder else stem
        if sample is None or sample.key != key:
            if sample is not None:
                yield sample
            sample = _Sample(key)
        _take(sample, opened_file, member, ending.lower())
    if sample is not None:
        yield sample


def _take(sample: _Sample, file: BinaryIO, member: tarfile.TarInfo, ending: str) -> None:
    if member.name.startswith("/") or ".." in member.name.split("/"):
        sample.flaw = "its name leaves the archive"
    elif ending in ("json", "txt", *AUDIO) and (not member.isreg() or member.issparse()):
        sample.flaw = f".{ending} is no plain file in the archive"
    elif ending in AUDIO:
        if member.size > LARGEST_AUDIO:
            sample.flaw = f"a recording of {member.size:,} bytes: at most {LARGEST_AUDIO:,}"
        sample.audio = (member.offset_data, member.size)
    elif ending in ("json", "txt"):
        if member.size > LONGEST_TEXT:
            sample.flaw = f".{ending} of {member.size:,} bytes: at most {LONGEST_TEXT:,}"
            return
        file.seek(member.offset_data)
        text = file.read(member.size)
        try:
            if ending == "txt":
                sample.fields.setdefault("caption", text.decode().strip())
            elif isinstance(found := json.loads(text), dict):
                sample.fields.update(found)
            else:
                sample.flaw = ".json is no object"
        except (ValueError, RecursionError):
            sample.flaw = f".{ending} is not {'JSON' if ending == 'json' else 'UTF-8'}"


def _members(file: Location) -> Iterator[tuple[BinaryIO, tarfile.TarInfo]]:
    last = "its beginning"
    try:
        with opened(file, READ_BYTES) as archive, tarfile.open(fileobj=archive, mode="r:") as tar:
            while (member := tar.next()) is not None:
                # What it remembers of every member would grow with the archive.
                tar.members = []  # type: ignore[attr-defined]
                last = member.name[-100:]
                if not member.isdir():
                    yield archive, member
            # At a header that is none, tarfile stops without a word.
            archive.seek(tar.offset)
            if archive.read(512) != END:
                raise tarfile.ReadError("no end of the archive")
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except (tarfile.TarError, EOFError, ValueError, OverflowError, MemoryError) as error:
        raise StudyError(f"{file} is not a whole tar archive (after {last}): {error}") from None
