"""Weights from a file as an initialization: named by what is in it, so that a run's name never holds a path."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from scaling.errors import StudyError


def named_initialization(init: str, known: Sequence[str]) -> tuple[str, dict[str, Path]]:
    """The name of an initialization as typed: one of the known names, or the path of a weights.safetensors, which
    becomes `checkpoint-` and a digest of its bytes; and where such a file lies, by that name.

    Raises `StudyError` where it is neither.
    """
    if init in known:
        return init, {}
    try:
        path = Path(init).expanduser().resolve()
        if path.is_file():
            name = initialization_name(path)
            return name, {name: path}
    # A user that is not there, a link to itself, a name that is too long or none, a file that cannot be read.
    except (RuntimeError, OSError, ValueError):
        pass
    raise StudyError(
        f"no checkpoint at {ascii(init)[1:-1]}: give {', '.join(known)} or the path of a weights.safetensors"
    )


def initialization_name(path: Path) -> str:
    """What an initialization is called whose weights are those of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
    return f"checkpoint-{digest}"
