"""Parquet files as Hugging Face datasets write them: a column `audio` of structs of bytes and path, and named fields.

The bytes are not read here. A clip's `within` is `row GROUP ROW`: where its recording lies in the file. A row whose
recording is no bytes lies at its path, beside the file. A row group that does not decode is a reject for each of its
rows.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from scaling.data.clip import Clip, Reject, UnusableClipError
from scaling.data.readers.fields import USED, clip_of
from scaling.data.readers.places import beside
from scaling.errors import StudyError
from scaling.storage.files import Location, opened
from scaling.storage.objects import is_outage

AUDIO = "audio"
READ_BYTES = 2**20
ROWS = 1024
"""Rows that are read at once."""
FORM = "manifests are Parquet with a column audio of bytes and path, or with a column of file names"


def holds(file: Location) -> bool:
    """Whether a file has recordings in it, or a column of structs that name them."""
    with whole(file) as opened_file:
        schema = opened_file.schema_arrow
        return AUDIO in schema.names and pa.types.is_struct(schema.field(AUDIO).type)


def read(file: Location, source: str, root: str) -> Iterator[Clip | Reject]:
    """The clips of one file. Raises `StudyError` where it is not whole Parquet."""
    itself = beside(file, "", root)
    for group, row, fields in rows(file, (f"{AUDIO}.path",)):
        name = f"{file} row group {group} row {row}"
        if isinstance(fields, str):
            yield Reject(name, source, itself, fields)
            continue
        path = (fields.pop(AUDIO, None) or {}).get("path")
        stem = str(path).rpartition("/")[2].rpartition(".")[0] if path else ""
        try:
            if fields.pop("bytes there", True):
                yield clip_of(fields, source, stem or f"{file.name}-{group}-{row}", itself, f"row {group} {row}")
            elif path:
                yield clip_of(fields, source, stem, beside(file, path, root))
            else:
                raise UnusableClipError("no recording in its row")
        except UnusableClipError as error:
            yield Reject(name, source, itself, str(error))


def rows(file: Location, more: tuple[str, ...] = ()) -> Iterator[tuple[int, int, dict[str, Any] | str]]:
    """The rows of a file by row group and place in it: the fields that mean something and `more`, or why they cannot be
    read. `bytes there` says whether a column audio.bytes has anything in this row group."""
    with whole(file) as opened_file:
        schema = opened_file.schema_arrow
        plain = [name for name in USED if name in schema.names and not pa.types.is_struct(schema.field(name).type)]
        columns = [*plain, *more]
        for group in range(opened_file.num_row_groups):
            described = opened_file.metadata.row_group(group)
            row = 0
            try:
                there = _bytes_there(described)
                for batch in opened_file.iter_batches(ROWS, row_groups=[group], columns=columns, use_threads=False):
                    for fields in batch.to_pylist():
                        yield group, row, {**fields, "bytes there": there} if more else fields
                        row += 1
            except (pa.ArrowException, OSError, ValueError) as error:
                if is_outage(error):
                    raise
                reason = f"its row group does not decode: {' '.join(str(error).split())[:200]}"
                for rest in range(row, described.num_rows):
                    yield group, rest, reason


def _bytes_there(described: Any) -> bool:
    for number in range(described.num_columns):
        column = described.column(number)
        if column.path_in_schema == f"{AUDIO}.bytes":
            counts = column.statistics
            return counts is None or not counts.has_null_count or counts.null_count < described.num_rows
    return False


@contextmanager
def whole(file: Location) -> Iterator[parquet.ParquetFile]:
    """A Parquet file, open. Raises `StudyError` where it is none."""
    try:
        with opened(file, READ_BYTES) as bytes_of_it, parquet.ParquetFile(bytes_of_it) as found:
            yield found
    except FileNotFoundError:
        raise StudyError(f"no manifest at {file}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        # A footer that makes no sense is an error of the system to Arrow.
        if is_outage(error):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise StudyError(f"{file} is not whole Parquet ({said}): {FORM}") from None


def digest(file: Location) -> str:
    """A digest of the file but for the bytes of recordings, which its footer tells by their number and place."""
    hashed = hashlib.blake2b(digest_size=16)
    with whole(file) as found, opened(file, READ_BYTES) as content:
        for group in range(found.num_row_groups):
            described = found.metadata.row_group(group)
            for number in range(described.num_columns):
                column = described.column(number)
                hashed.update(repr((column.path_in_schema, described.num_rows, column.total_compressed_size)).encode())
                if column.path_in_schema != f"{AUDIO}.bytes":
                    _add(hashed, content, column)
    return hashed.hexdigest()


def _add(hashed: Any, content: BinaryIO, column: Any) -> None:
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        start = min(start, column.dictionary_page_offset)
    content.seek(start)
    left = column.total_compressed_size
    while left > 0 and (piece := content.read(min(left, READ_BYTES))):
        hashed.update(piece)
        left -= len(piece)
