"""The forms of manifests that are read, by name: one line each, and the file that it names.

A reader's module has two functions: `read(file, source, root)` gives the clips and rejects of a file, lazily, in its
order (`root` is the audio root that paths are made relative to, where they can), and `digest(file)` a digest of all
that it reads of the file. Of two readers of one ending the first one `holds(file)` is asked.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from scaling.storage.files import Location


@dataclass(frozen=True)
class Reader:
    """One line of the table.

    endings: of the names of its files. module: where it is. alone: read it in a process of its own, however small: what
    reads its binary form is not made for files that mean harm.
    """

    endings: tuple[str, ...]
    module: str
    alone: bool = False

    def load(self) -> Any:
        """The module."""
        return importlib.import_module(self.module)


READERS = {
    "lhotse": Reader((".jsonl.gz", ".jsonl"), "scaling.data.readers.lhotse"),
    "webdataset": Reader((".tar",), "scaling.data.readers.webdataset", alone=True),
    "parquet": Reader((".parquet",), "scaling.data.readers.parquet", alone=True),
    "table": Reader((".csv", ".parquet"), "scaling.data.readers.tables", alone=True),
}


def reader_of(file: Location) -> str:
    """The name of the reader of a file; what has no known ending is taken for Lhotse's.

    Raises `StudyError` where several readers know its ending and the file cannot be read.
    """
    names = [name for name, reader in READERS.items() if file.name.lower().endswith(reader.endings)] or ["lhotse"]
    return next((name for name in names[:-1] if READERS[name].load().holds(file)), names[-1])
