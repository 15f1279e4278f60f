"""A recording that is a piece of a file: some bytes of an archive, or a row of a Parquet file.

It is cut out by the process that decodes: whatever is wrong with the file happens there.
"""

import io
import re
from pathlib import Path

from scaling.data.clip import UnusableClipError

LARGEST = 2**28
"""Bytes of a recording in a file."""
BYTES = re.compile(r"bytes (\d{1,18}) (\d{1,18})")
ROW = re.compile(r"row (\d{1,9}) (\d{1,9})")


def bytes_within(within: str) -> tuple[int, int] | None:
    """The first byte and the number of bytes; None for a row. Raises `UnusableClipError` for what names no piece."""
    if found := BYTES.fullmatch(within):
        first, count = int(found[1]), int(found[2])
        if count > LARGEST:
            raise UnusableClipError(f"a recording of {count:,} bytes in an archive: at most {LARGEST:,}")
        return first, count
    if ROW.fullmatch(within):
        return None
    raise UnusableClipError("no piece of a file is named so")


def piece(path: str, within: str) -> io.BytesIO:
    """The bytes of a recording. Raises `UnusableClipError`, `OSError` and `MemoryError`."""
    if (place := bytes_within(within)) is None:
        return io.BytesIO(_row(path, within))
    first, count = place
    with Path(path).open("rb") as file:
        file.seek(first)
        content = file.read(count)
    if len(content) < count:
        raise UnusableClipError("its archive ends before it does")
    return io.BytesIO(content)


def _row(path: str, within: str) -> bytes:
    """The bytes of one row, page after page, so that a row group need not fit into memory."""
    import pyarrow as pa
    from pyarrow import parquet

    found = ROW.fullmatch(within)
    assert found is not None
    group, row = int(found[1]), int(found[2])
    try:
        with parquet.ParquetFile(path, memory_map=True) as file:
            if group >= file.num_row_groups or row >= file.metadata.row_group(group).num_rows:
                raise UnusableClipError("its file has no such row")
            first = 0
            for batch in file.iter_batches(16, row_groups=[group], columns=["audio.bytes"], use_threads=False):
                if row < first + len(batch):
                    recording = batch.column(0).field("bytes")[row - first]
                    if not recording.is_valid:
                        raise UnusableClipError("no recording in its row")
                    content: bytes = recording.as_py()
                    if len(content) > LARGEST:
                        raise UnusableClipError(f"a recording of {len(content):,} bytes: at most {LARGEST:,}")
                    return content
                first += len(batch)
    except pa.ArrowMemoryError:
        raise MemoryError from None
    except (pa.ArrowException, KeyError):
        raise UnusableClipError("its row group does not decode") from None
    raise UnusableClipError("its row group ends before it does")
