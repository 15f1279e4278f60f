"""Files on a filesystem or in an object store, written so that they are either whole or not there.

A `Location` is a `pathlib.Path`, or a `UPath` for what lies in an object store (`s3://bucket/key`). What differs
between the two is in `disk.py` and `objects.py`; which of them is asked is decided here, by `on_disk`.
"""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from upath import UPath

from scaling.errors import StudyError, steers
from scaling.storage.disk import TEMPORARY as TEMPORARY
from scaling.storage.disk import Disk
from scaling.storage.objects import Objects, object_path

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Location = Path | UPath
LEASE = r"lease\.json"
MARK = r"\.seen-[0-9a-f]{16}"
"""Regular expressions of full names: that of a lease, and those of marks by which nodes are asked what they see."""


class Files(Protocol):
    """What `Disk` does with a `Path` and `Objects` with a `UPath`."""

    def replacing(self, path: Any) -> AbstractContextManager[Path]: ...
    def create(self, path: Any, content: str) -> bool: ...
    def version(self, path: Any) -> str: ...
    def replace_if(self, path: Any, content: str, version: str) -> bool: ...
    def read_bytes(self, path: Any) -> bytes: ...
    def opened(self, path: Any, at_once: int) -> AbstractContextManager[BinaryIO]: ...
    def append_line(self, path: Any, line: str) -> None: ...
    def names(self, folder: Any) -> list[str]: ...
    def make_folder(self, folder: Any) -> list[Any]: ...
    def remove(self, path: Any) -> None: ...
    def remove_if_empty(self, folder: Any) -> None: ...
    def cached(self, path: Any) -> Path: ...
    def local_copy(self, path: Any) -> AbstractContextManager[Path]: ...
    def free_bytes(self, folder: Any) -> int | None: ...
    def check_folder(self, folder: Any) -> None: ...
    def check_writable(self, folder: Any) -> None: ...


def on_disk(path: Location) -> "TypeIs[Path]":
    """Whether a place is on a filesystem."""
    return isinstance(path, Path)


def _of(path: Location) -> Files:
    return Disk() if on_disk(path) else Objects()


def location(text: str | Path) -> Location:
    """The place that a path or a URI names; a path is left as it is.

    Raises `StudyError` for a URI that names no place where files can be written.
    """
    return object_path(str(text)) if "://" in str(text) else Path(text)


def absolute(text: str | Path) -> Location:
    """The place that a person has typed: `~`, links and relative paths resolved, a URI as it is.

    Raises `StudyError` for what can be no place: empty, with a line break or what is no text in it, the home of a user
    that is not there, links to nothing or in a circle.
    """
    written = str(text)
    if not written or steers(written):
        raise StudyError(f"{written!a} is no name of a file or folder")
    place = location(written)
    if not on_disk(place):
        return place
    try:
        place = place.expanduser()
        for part in (place, *place.parents):
            if part.is_symlink() and not part.exists():
                raise StudyError(f"{part} is a link to {part.readlink()}, where nothing is")
        return place.resolve()
    except (RuntimeError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StudyError(f"{written[:200]} cannot be found: {why}") from None


def local(text: str | Path) -> Path:
    """The same for what must lie on a filesystem."""
    place = absolute(text)
    if not on_disk(place):
        raise StudyError(f"{place} must be a path on a filesystem")
    return place


def replacing(path: Location) -> AbstractContextManager[Path]:
    """A temporary path that takes the place of `path` when the block ends well, and is removed when it does not.

    On a filesystem it lies beside `path` and is renamed; for an object store it is local and is uploaded in one
    request, which is atomic. Raises `StudyError` where the disk is full.
    """
    return _of(path).replacing(path)


def create(path: Location, content: str) -> bool:
    """Write a file that is not there yet; False where it is there, also if another process was a moment faster. A
    request to an object store that was repeated may find what it has written itself."""
    return _of(path).create(path, content)


def version(path: Location) -> str:
    """What `replace_if` knows a file's content by; empty where files cannot be replaced on condition.

    Raises `FileNotFoundError` where there is none.
    """
    return _of(path).version(path)


def replace_if(path: Location, content: str, version: str) -> bool:
    """Replace a file that is still of this version; whether it was."""
    return _of(path).replace_if(path, content, version)


def write_json(path: Location, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json_text(value))


def json_text(value: Any) -> str:
    """`value` as the text of a JSON file."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def read_json(path: Location) -> Any:
    """The value of a JSON file."""
    return json.loads(read_bytes(path))


def read_bytes(path: Location) -> bytes:
    """A whole file, as it was at one moment. Raises `FileNotFoundError` where there is none."""
    return _of(path).read_bytes(path)


def opened(path: Location, at_once: int) -> AbstractContextManager[BinaryIO]:
    """A file to read some of; of an object store so many bytes are fetched at once."""
    return _of(path).opened(path, at_once)


def append_line(path: Location, line: str) -> None:
    """Add a line to a file, which one process alone may do."""
    _of(path).append_line(path, line)


def names(folder: Location) -> list[str]:
    """What lies in a folder, sorted; nothing where there is no such folder."""
    return _of(folder).names(folder)


def make_folder(folder: Location) -> list[Location]:
    """Make a folder where there is none, and those above it; returns which were made, the innermost first.

    Raises `StudyError` where it cannot be made.
    """
    return _of(folder).make_folder(folder)


def remove(path: Location) -> None:
    """Remove a file, if it is there."""
    _of(path).remove(path)


def remove_if_empty(folder: Location) -> None:
    """Remove a folder that nothing lies in."""
    _of(folder).remove_if_empty(folder)


def cached(path: Location) -> Path:
    """A local file with the content of `path`: itself, or a copy that all processes of this user on this node share.

    Copies lie in the cache (`cache.py`), under a digest of what the object store says of the file (name, version,
    size): a copy of another version is never taken for it, nor one that was cut short. For files that are written once.
    """
    return _of(path).cached(path)


def local_copy(path: Location) -> AbstractContextManager[Path]:
    """A local file of the same name and content, for the time of the block. Raises `FileNotFoundError`."""
    return _of(path).local_copy(path)


def free_bytes(folder: Location) -> int | None:
    """How much can still be written there; None where nobody knows."""
    return _of(folder).free_bytes(folder)


def check_folder(folder: Location) -> None:
    """Raise `StudyError` for what is no folder and can be none: a file, below a file, with too long a name, in
    an object store that does not answer or may not be read."""
    _of(folder).check_folder(folder)


def check_writable(folder: Location) -> None:
    """Find out whether files can be written in a folder that is there or is to be made, before anything else is done
    there.

    On a filesystem that is asked, in an object store a mark is written and removed again: once, as a store that is
    merely busy is left to the retries of all that follows. Raises `StudyError` where it is none and can be none, may
    not be written, the bucket does not exist, the credentials do not do, or nobody answers.
    """
    _of(folder).check_writable(folder)
