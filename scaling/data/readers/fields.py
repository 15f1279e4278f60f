"""A clip from named fields, as tables, Parquet files and archives have them, under any of their usual names."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from scaling.data.clip import Clip, UnusableClipError
from scaling.data.styles import is_caption, styles_of

IDS = ("clip_id", "id", "audio_id", "key")
FILES = ("file", "file_name", "path", "audio_path", "audio")
CAPTIONS = ("captions", "caption", "text")
SECONDS = ("duration_s", "duration", "seconds")
STARTS = ("start_s", "start")
DOMAINS = ("domain",)
SPLITS = ("split",)
STYLED = ("caption_style", "caption_kind", "style")
USED = (*IDS, *FILES, *CAPTIONS, *SECONDS, *STARTS, *DOMAINS, *SPLITS, *STYLED)
"""Every name that means something."""
TRAIN = ("train", "training", "pretrain")


def clip_of(fields: Mapping[str, Any], source: str, name: str, audio: str, within: str = "") -> Clip:
    """A clip of these fields; `name` is its id where they have none, `audio` and `within` say where it lies.

    A clip without a duration has that of its recording. Raises `UnusableClipError` for fields that make no sense, and
    for a clip of another split than that of training.
    """
    split = first(fields, SPLITS)
    if split is not None and str(split).lower() not in TRAIN:
        raise UnusableClipError(f"of split {str(split)[:50]}, not of train")
    captions = captions_of(fields)
    return Clip(
        f"{source}/{_text(fields, IDS) or name}",
        source,
        _text(fields, DOMAINS) or source,
        _number(fields, SECONDS),
        captions,
        audio,
        _number(fields, STARTS) or 0.0,
        None,
        within,
        styles_of(first(fields, STYLED), _several(fields), captions),
    )


def first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these fields that says something, or None."""
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = first(fields, names)
    return "" if found is None else str(found)


def _number(fields: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    found = first(fields, names)
    if found is None:
        return None
    try:
        # True is a number to Python.
        return float("nan") if isinstance(found, bool) else float(found)
    except (TypeError, ValueError, OverflowError):
        raise UnusableClipError(f"{names[0]} is no number: {str(found)[:50]!r}") from None


def captions_of(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts with a word in them: of a list, of a JSON list written as text, or one."""
    return tuple(text.strip() for text in _several(fields) if is_caption(text))


def _several(fields: Mapping[str, Any]) -> list[Any]:
    found = first(fields, CAPTIONS)
    if isinstance(found, str) and found.lstrip().startswith("["):
        # A text in brackets that is no JSON is a text.
        with suppress(ValueError, RecursionError):
            found = json.loads(found)
    return list(found) if isinstance(found, list | tuple) else [found]
