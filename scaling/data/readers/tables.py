"""Tables beside a folder of recordings, CSV or Parquet: one row a clip, a column with the name of its file, and named
fields (`fields.py`)."""

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Any

from scaling.data.clip import Clip, Reject, UnusableClipError
from scaling.data.readers import parquet
from scaling.data.readers.fields import FILES, clip_of, first
from scaling.data.readers.places import beside
from scaling.errors import StudyError
from scaling.storage.files import Location, opened

READ_BYTES = 2**20
LONGEST_FIELD = 2**20
"""Characters of a field of a CSV table."""


def read(file: Location, source: str, root: str) -> Iterator[Clip | Reject]:
    """The clips of one table.

    Raises `StudyError`, naming table and line, where it is none or most rows are no clips.
    """
    found = refused = 0
    why = ""
    for place, fields in _rows(file):
        found += 1
        try:
            if isinstance(fields, str):
                raise UnusableClipError(fields)
            name = first(fields, FILES)
            if not isinstance(name, str):
                raise UnusableClipError("no name of a file")
            stem = name.rpartition("/")[2].rpartition(".")[0] or name
            yield clip_of(fields, source, stem, beside(file, name, root))
        except UnusableClipError as error:
            if not str(error).startswith("of split"):
                refused += 1
                why = why or f"{place}: {error}"
            yield Reject(f"{file} {place}", source, "", str(error))
    if 2 * refused > found:
        raise StudyError(f"{file} {why}; {refused:,} of its {found:,} rows cannot be used")


def digest(file: Location) -> str:
    """A digest of its bytes."""
    try:
        with opened(file, READ_BYTES) as content:
            hashed = hashlib.blake2b(digest_size=16)
            while piece := content.read(READ_BYTES):
                hashed.update(piece)
            return hashed.hexdigest()
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None


def _rows(file: Location) -> Iterator[tuple[str, dict[str, Any] | str]]:
    if not file.name.lower().endswith(".csv"):
        for group, row, fields in parquet.rows(file):
            yield f"row group {group} row {row}", fields
        return
    csv.field_size_limit(LONGEST_FIELD)
    line = 0
    try:
        with opened(file, READ_BYTES) as content:
            # What is no text shows in the clip that it is of.
            text = io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="")
            table = csv.reader(text, strict=True)
            head = next(table, [])
            if not set(head) & set(FILES):
                raise StudyError(
                    f"{file} has no column of file names ({', '.join(FILES)}); it has {', '.join(head)[:500]}"
                )
            line = table.line_num
            for values in table:
                if len(values) == len(head):
                    yield f"line {line + 1}", dict(zip(head, values, strict=True))
                elif values:
                    yield f"line {line + 1}", f"{len(values)} fields, not {len(head)}"
                line = table.line_num
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except csv.Error as error:
        raise StudyError(f"{file} is no whole CSV table (after line {line}): {error}") from None
