"""Encoders by name, as a command line has them: known ones, and those of the `transformers` library."""

import json
from collections.abc import Iterable
from typing import Any

from scaling.errors import StudyError
from scaling.models.formats import Format, formats_in_order, heard_by
from scaling.models.hub_options import HubOptions
from scaling.models.options import ZIPFORMERS, TransformerOptions
from scaling.study.extractors import TYPES, own_extractor
from scaling.study.model_files import CONFIG, EXTRACTOR, WHERE, model_file, read_config, read_object

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
    if isinstance(inside := fields.get(INSIDE.get(str(fields.get("model_type")), "")), dict):
        fields = {"model_type": f"{fields['model_type']}_audio_model", **inside}
    if fields.get("model_type") not in TYPES:
        return HubOptions(json.dumps(fields, sort_keys=True))
    described = read_object(path) if (path := model_file(name, EXTRACTOR)) is not None else {}
    own = own_extractor(name, fields, described)
    return HubOptions(json.dumps(fields, sort_keys=True), json.dumps(own, sort_keys=True))


def formats_of(names: Iterable[str]) -> tuple[Format, ...]:
    """What encoders of these names hear. Raises `StudyError` as `named_encoder` does, and for several sample rates."""
    return formats_in_order(heard_by(named_encoder(name)) for name in names)
