"""Files of the `transformers` library's models: of a folder, or of the hub's local cache. Nothing is fetched."""

import json
from pathlib import Path
from typing import Any

from scaling.errors import StudyError

CONFIG, EXTRACTOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
WHERE = f"a folder with a {CONFIG}, or a name whose files are in the local cache of the hub (nothing is fetched)"


def beside(name: str, folder: Path) -> str:
    """A model's name as a file says it that lies in a folder: a folder below that, or what it says."""
    return str((folder / name).resolve()) if name and (folder / name).is_dir() else name


def model_file(name: str, file: str) -> Path | None:
    """A file of a model's folder, or of the local cache; None where it is not there."""
    try:
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder / file if (folder / file).is_file() else None
    # A user that is not there, a name that is too long or none.
    except (RuntimeError, OSError, ValueError):
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, file)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def model_weights(name: str) -> Path | None:
    """The file of a model's weights; None where it is not there."""
    return next((path for file in WEIGHTS if (path := model_file(name, file)) is not None), None)


def read_config(path: Path) -> dict[str, Any]:
    """A model's configuration; equal for copies of it, wherever they lie. Raises `StudyError` where it is none."""
    return {name: value for name, value in read_object(path).items() if name != "_name_or_path"}


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `StudyError` where a file is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StudyError(f"{path} is no JSON object")
    return found
