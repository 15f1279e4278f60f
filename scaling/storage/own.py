"""Small JSON files of ours, read back: a person, a disk or a crash may have changed them, so what they hold is checked
before anything is made of it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from scaling.errors import StudyError
from scaling.storage.files import Location, on_disk, read_bytes

LARGEST = 64 * 2**20
"""Bytes. No file that is read here comes near it."""

Kind = TypeVar("Kind")
_adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)


def read_own(path: Location, kind: type[Kind], cure: str) -> Kind:
    """What a JSON file of ours holds, as a dataclass, a TypedDict (of `typing_extensions`) or plain types; fields
    that the kind does not know are left out.

    Raises `FileNotFoundError` where there is none, and `StudyError` naming the file and the cure where it is anything
    but whole and of this kind: cut short, of other types, no text, a folder, a device or a link to nothing.
    """
    return own_of(own_bytes(path, cure), path, kind, cure)


def own_of(content: bytes, path: Location, kind: type[Kind], cure: str) -> Kind:
    """The same of what was read from there already."""
    try:
        value: Kind = _adapter(kind).validate_json(content, strict=True)
        return value
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise damaged(path, f"{where}: {first['msg']}" if where else first["msg"], cure) from None
    except StudyError as error:
        # Values that the kind itself refuses.
        raise damaged(path, error, cure) from None


def read_own_lines(path: Location, kind: type[Kind], cure: str) -> list[Kind]:
    """The values of a file of ours that has one a line. A last line that is still being written is left out.

    Raises as `read_own` does, naming the line.
    """
    found = []
    for number, line in enumerate(own_bytes(path, cure).splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            continue
        try:
            found.append(own_of(line, path, kind, cure))
        except StudyError:
            raise damaged(path, f"line {number} is not what was written", cure) from None
    return found


def damaged(path: Location, why: object, cure: str) -> StudyError:
    """What is told of a file of ours that cannot be used, in one line however much there is to say of it."""
    words = " ".join(str(why).split())
    return StudyError(f"{path} is damaged ({words[:200]}): {cure}")


def own_bytes(path: Location, cure: str) -> bytes:
    """All that a small file of ours holds. Raises as `read_own` does."""
    if not on_disk(path):
        return read_bytes(path)
    try:
        # A pipe or a device would be read for ever.
        if not path.is_file():
            if not (path.exists() or path.is_symlink()):
                raise FileNotFoundError(path)
            raise damaged(path, "it is no file", cure)
        return _bounded(path, cure)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(path, f"it cannot be read: {error.strerror}", cure) from None


def _bounded(path: Path, cure: str) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise damaged(path, f"it has more than {LARGEST:,} bytes", cure)
    return content
