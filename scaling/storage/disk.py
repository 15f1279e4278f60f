"""Files on a filesystem, as `files.py` wants them."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from scaling.errors import StudyError
from scaling.storage.space import FULL, room_for

BELOW = 1024
"""Bytes that the names of files below a study's folder may need."""
TEMPORARY = r"\.{}\.[0-9a-f]{{8}}\.tmp"
"""The name of a file that is being written, given that of the file."""


class Disk:
    """A filesystem. Nothing is said here of what a method is for: see the function of its name in `files.py`."""

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with room_for(f"{path.name} in {path.parent}"):
                yield temporary
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
                temporary.replace(path)
        except OSError as error:
            # Not one of what the block reads from elsewhere.
            if str(error.filename) != str(temporary):
                raise
            raise StudyError(f"cannot write {path}: {error.strerror}") from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def create(self, path: Path, content: str) -> bool:
        try:
            # Creation is exclusive on local disks and on NFS v3 and later.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        with self.replacing(path) as temporary:
            temporary.write_text(content)
        return True

    def version(self, path: Path) -> str:
        return ""

    def replace_if(self, path: Path, content: str, version: str) -> bool:
        raise NotImplementedError("no filesystem replaces a file on condition")

    def read_bytes(self, path: Path) -> bytes:
        return path.read_bytes()

    @contextmanager
    def opened(self, path: Path, at_once: int) -> Iterator[BinaryIO]:
        with path.open("rb") as file:
            yield file

    def append_line(self, path: Path, line: str) -> None:
        try:
            with room_for(f"{path.name} in {path.parent}"), path.open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StudyError(f"cannot write {path}: {error.strerror}") from None

    def names(self, folder: Path) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(path.name for path in folder.iterdir())
        return []

    def make_folder(self, folder: Path) -> list[Path]:
        made: list[Path] = []
        with room_for(f"{folder.name} in {folder.parent}"):
            try:
                for path in (*reversed(folder.parents), folder):
                    if not path.is_dir():
                        with suppress(FileExistsError):
                            path.mkdir()
                            made.insert(0, path)
                folder.mkdir(exist_ok=True)
            except OSError as error:
                for path in made:
                    self.remove_if_empty(path)
                if error.errno in FULL:
                    raise
                raise StudyError(f"cannot make the folder {folder}: {error.strerror}") from None
        return made

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_if_empty(self, folder: Path) -> None:
        with suppress(OSError):
            folder.rmdir()

    def cached(self, path: Path) -> Path:
        return path

    @contextmanager
    def local_copy(self, path: Path) -> Iterator[Path]:
        yield path

    def free_bytes(self, folder: Path) -> int | None:
        return shutil.disk_usage(folder).free

    def check_folder(self, folder: Path) -> None:
        try:
            there = _nearest(folder)
            if not there.is_dir():
                raise StudyError(f"{there} is no folder: give another path")
            longest, whole = os.pathconf(there, "PC_NAME_MAX"), os.pathconf(there, "PC_PATH_MAX")
            names = [len(os.fsencode(part)) for part in folder.parts]
            if max(names) > longest or len(os.fsencode(folder)) > whole - BELOW:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        except OSError as error:
            raise StudyError(f"{str(folder)[:200]} cannot be a folder: {error.strerror}") from None

    def check_writable(self, folder: Path) -> None:
        self.check_folder(folder)
        if not os.access(there := _nearest(folder), os.W_OK | os.X_OK):
            raise StudyError(f"{there} may not be written: give another folder")


def _nearest(folder: Path) -> Path:
    """The folder, or the innermost above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
