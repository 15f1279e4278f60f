"""Encoders by name, as a command line has them: known ones, and those of the `transformers` library."""

import json
from collections.abc import Iterable
from typing import Any

from scaling.errors import StudyError
from scaling.models.formats import Format, formats_in_order, heard_by
from scaling.models.options import ZIPFORMERS, HubOptions, TransformerOptions
from scaling.study.model_files import CONFIG, EXTRACTOR, WHERE, model_file, read_config, read_object

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
    config = model_file(name, CONFIG)
    if config is None:
        raise StudyError(f"no encoder {name}: give transformer, {', '.join(sizes)}, {WHERE}")
    fields = read_config(config)
    fields = fields.get(INSIDE.get(str(fields.get("model_type")), ""), fields)
    if (extractor := model_file(name, EXTRACTOR)) is not None:
        rate = read_object(extractor).get("sampling_rate", SAMPLE_RATE)
        if rate != SAMPLE_RATE:
            raise StudyError(f"the encoder {name} hears audio of {rate} Hz, and the store holds {SAMPLE_RATE} Hz")
    return HubOptions(json.dumps(fields, sort_keys=True))


def formats_of(names: Iterable[str]) -> tuple[Format, ...]:
    """What encoders of these names hear. Raises `StudyError` as `named_encoder` does, and for several sample rates."""
    return formats_in_order(heard_by(named_encoder(name)) for name in names)
