"""The lines of a text file, packed by gzip or not, one at a time, however long the file is or a line of it."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from isal import igzip, isal_zlib

from scaling.errors import StudyError
from scaling.storage.files import Location, on_disk, opened

LONGEST_LINE = 2**20
"""Bytes that a line may have; one that has more comes cut short, one byte longer than this."""
READ_BYTES = 2**22
PACKED = ".gz"


def numbered_lines(file: Location, form: str) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1; a file whose name ends in .gz is unpacked.

    Raises `StudyError`, saying after which line, where the file is not whole gzip; `form` says what it should be.
    """
    number = 0
    try:
        with _opened(file) as content:
            while line := content.readline(LONGEST_LINE + 1):
                rest = line
                while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
                    rest = content.readline(LONGEST_LINE + 1)
                number += 1
                if not line.isspace():
                    yield number, line
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error, isal_zlib.error):  # type: ignore[misc]
        raise StudyError(f"{file} is not a whole gzip file (after line {number}): manifests are {form}") from None
    except OSError as error:
        if not on_disk(file):
            raise
        raise StudyError(f"the manifest {file} cannot be read: {error.strerror or error}") from None


@contextmanager
def _opened(file: Location) -> Iterator[BinaryIO]:
    if not file.name.endswith(PACKED):
        with opened(file, READ_BYTES) as plain:
            yield plain
        return
    with opened(file, READ_BYTES) as packed:
        if not packed.read(1):
            # An empty file is taken for an empty archive.
            raise EOFError
        packed.seek(0)
        with igzip.open(packed, "rb") as unpacked:  # type: ignore[no-untyped-call]
            yield unpacked
