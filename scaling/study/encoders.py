"""Encoders by name, as a command line has them: known ones, and those of the `transformers` library."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scaling.errors import StudyError
from scaling.models.formats import Format, formats_in_order, heard_by
from scaling.models.options import ZIPFORMERS, HubOptions, TransformerOptions

CONFIG, EXTRACTOR = "config.json", "preprocessor_config.json"
SAMPLE_RATE = 16_000
INSIDE = {"clap": "audio_config"}
"""Of models with several parts, where the encoder's configuration lies."""


def named_encoder(name: str) -> Any:
    """The options of an encoder: "transformer", "zipformer-M" and its other sizes, or a folder or a name on the hub
    that is in the local cache, with a config.json of the `transformers` library. Nothing is fetched.

    Raises `StudyError` for a name that is not there, and for an encoder that hears what the store does not hold.
    """
    sizes = {f"zipformer-{size}": options for size, options in ZIPFORMERS.items()}
    if name in sizes or name == "transformer":
        return sizes.get(name, TransformerOptions())
    config = _file(name, CONFIG)
    if config is None:
        raise StudyError(
            f"no encoder {name}: give transformer, {', '.join(sizes)}, a folder with a {CONFIG}, or a name whose "
            "files are in the local cache of the hub (nothing is fetched)"
        )
    fields = _json(config)
    fields = fields.get(INSIDE.get(str(fields.get("model_type")), ""), fields)
    if (extractor := _file(name, EXTRACTOR)) is not None:
        rate = _json(extractor).get("sampling_rate", SAMPLE_RATE)
        if rate != SAMPLE_RATE:
            raise StudyError(f"the encoder {name} hears audio of {rate} Hz, and the store holds {SAMPLE_RATE} Hz")
    return HubOptions(json.dumps(fields, sort_keys=True))


def formats_of(names: Iterable[str]) -> tuple[Format, ...]:
    """What encoders of these names hear. Raises `StudyError` as `named_encoder` does, and for several sample rates."""
    return formats_in_order(heard_by(named_encoder(name)) for name in names)


def _file(name: str, file: str) -> Path | None:
    """A file of a model's folder, or of the local cache."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder / file if (folder / file).is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, file)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StudyError(f"{path} is no JSON object")
    return found
