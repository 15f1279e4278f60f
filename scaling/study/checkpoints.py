"""Weights from a file as an initialization: named by what is in it, so that a run's name never holds a path."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from scaling.errors import StudyError
from scaling.study.model_files import model_weights

CHECKPOINT = "checkpoint"


def named_initialization(init: str, known: Sequence[str]) -> tuple[str, dict[str, Path]]:
    """The name of an initialization as typed: one of the known names, or the path of a weights.safetensors (or the
    folder of a run or of an exported encoder, or the name of a model of the `transformers` library whose weights are at
    hand), which becomes `checkpoint-` and a digest of its bytes; and where such a file lies, by that name.

    Raises `StudyError` where it is neither.
    """
    if init in known:
        return init, {}
    try:
        typed = Path(init).expanduser().resolve()
        path = typed if typed.is_file() else (_of_run(typed) or model_weights(init)) if init else None
        if path is not None:
            name = initialization_name(path)
            return name, {name: path}
    # A user that is not there, a link to itself, a name that is too long or none, a file that cannot be read.
    except (RuntimeError, OSError, ValueError):
        pass
    raise StudyError(
        f"no checkpoint at {ascii(init)[1:-1]}: give {', '.join(known)} or the path of a weights.safetensors"
    )


def _of_run(folder: Path) -> Path | None:
    """The weights of the run in a folder, as far as it is; None where there is none."""
    return max(folder.glob(f"{CHECKPOINT}/step-????????/weights.safetensors"), default=None)


def initialization_name(path: Path) -> str:
    """What an initialization is called whose weights are those of a file."""
    return file_name(CHECKPOINT, path)


def file_name(kind: str, path: Path) -> str:
    """What runs call a file of a kind, wherever it lies: the kind and a digest of its bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
    return f"{kind}-{digest}"
