"""Arrow files whose names end with the digest of their bytes.

The digest is looked at before Arrow reads the file: of one with a wrong bit it may make a crash, or other numbers.
"""

import re
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

from scaling.errors import StudyError
from scaling.storage.digest import is_intact, running_digest
from scaling.storage.files import Location, cached, replacing
from scaling.storage.own import damaged

DIGEST = r"[0-9a-f]{32}"


def write_named(folder: Location, stem: str, batch: pa.RecordBatch) -> str:
    """Write a batch as `<stem>-<digest>.arrow`, whole or not at all; returns the name.

    It is laid out twice, for its digest and for the file: a copy in memory of all it holds would cost more.
    """
    digest = _Digested()
    _lay_out(batch, pa.PythonFile(digest, "w"))
    name = f"{stem}-{digest.digest.hexdigest()}.arrow"
    with replacing(folder / name) as temporary, pa.OSFile(str(temporary), "wb") as file:
        _lay_out(batch, file)
    return name


def _lay_out(batch: pa.RecordBatch, into: pa.NativeFile) -> None:
    with ipc.new_file(into, batch.schema) as writer:
        writer.write_batch(batch)


class _Digested:
    """A file of which only the digest is kept."""

    closed = False

    def __init__(self) -> None:
        self.digest = running_digest()

    def write(self, content: bytes | memoryview) -> None:
        self.digest.update(content)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def read_named(path: Location) -> pa.RecordBatch:
    """What `write_named` wrote, memory-mapped; of a file in an object store, the copy on this node.

    Raises `StudyError` where it is not what was written, and `FileNotFoundError` where it is not there.
    """
    local = cached(path)
    check_named(path, local)
    with ipc.open_file(pa.memory_map(str(local))) as reader:
        return reader.get_batch(0)


def check_named(path: Location, local: Path) -> None:
    """Raise `StudyError` where the bytes of a file, which can be read at `local`, are not those that its name says."""
    named = re.fullmatch(rf".*-({DIGEST})\.arrow", path.name)
    if named is None or not is_intact(local, named[1]):
        raise changed(path)


def changed(path: Location) -> StudyError:
    """What a file of a store that is not what was written is refused with."""
    return damaged(
        path, "its bytes are not those that were written", "delete it, and the same command prepares it again"
    )
