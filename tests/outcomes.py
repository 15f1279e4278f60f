"""What becomes of something that nobody should have written."""

from collections.abc import Callable
from pathlib import Path

from scaling.errors import StudyError


def outcome(read: Callable[[], object]) -> object:
    """What is read, or the one line of a refusal."""
    try:
        return read()
    except StudyError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == 1
    return refusal


def make(path: Path, content: bytes | Callable[[Path], object]) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
