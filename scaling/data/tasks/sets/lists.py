"""The lists of a set: tables and JSON, read as they are or refused in one line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.tasks.sets.task_set import LayoutError

READABLE = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Endings of recordings that can be decoded, the best first."""


def table(
    folder: Path, name: str, columns: Sequence[str], separator: str = ",", head: bool = True
) -> list[tuple[str, ...]]:
    """These columns of a table of text, row by row; a field that is missing is empty. Without a head `columns` are the
    names of all of its columns.

    Raises `LayoutError` where it is not there, is none, or lacks a column.
    """
    try:
        read = pl.read_csv(
            file_in(folder, name),
            infer_schema=False,
            separator=separator,
            has_header=head,
            new_columns=None if head else list(columns),
        )
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"{name} is no table: {(str(error).splitlines() or [''])[0][:200]}") from None
    return _rows(read, name, columns)


def parquet_rows(folder: Path, pattern: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The same of all Parquet files of a pattern; values are as they stand there."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise LayoutError(f"it has no {pattern}")
    found = []
    for file in files:
        try:
            read = pl.read_parquet(file)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise LayoutError(f"{file.name} cannot be read: {(str(error).splitlines() or [''])[0][:200]}") from None
        found += _rows(read, file.name, columns)
    return found


def _rows(read: pl.DataFrame, name: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    for column in columns:
        if column not in read.columns:
            raise LayoutError(f"{name} has no column {column!r}; it has {', '.join(read.columns)[:500]}")
    texts = pl.col(pl.String).fill_null("")
    return read.select(columns).with_columns(texts).rows()


def lines(folder: Path, name: str) -> list[list[str]]:
    """The words of every line of a text that is not empty. Raises `LayoutError`."""
    return [words for line in text(folder, name).splitlines() if (words := line.split())]


def json_object(folder: Path, name: str) -> dict[str, Any]:
    """Raises `LayoutError` where it is not there, or no JSON object."""
    try:
        found = json.loads(text(folder, name))
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{name} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise LayoutError(f"{name} is not a JSON object")
    return found


def text(folder: Path, name: str) -> str:
    """Raises `LayoutError` where it is not there, or no text."""
    try:
        return file_in(folder, name).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LayoutError(f"{name} cannot be read: {error}") from None


def file_in(folder: Path, name: str) -> Path:
    """Raises `LayoutError` where it is no file."""
    if not (folder / name).is_file():
        raise LayoutError(f"it has no {name}")
    return folder / name
