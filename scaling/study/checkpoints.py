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
    path = Path(init).expanduser().resolve()
    if not path.is_file():
        raise StudyError(f"no checkpoint at {init}: give {', '.join(known)} or the path of a weights.safetensors")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
    return f"checkpoint-{digest}", {f"checkpoint-{digest}": path}
