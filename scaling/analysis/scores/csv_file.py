"""CSV as this project reads and writes it: every cell read as text, and none written that a spreadsheet would run.

A cell that begins with =, +, -, @, a tab or a carriage return is a formula to a spreadsheet. One that does in a column
of text is written with an apostrophe before it, and read without: what is read again is what was written.
"""

import csv
import io
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from scaling.errors import StudyError, visible

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MOST_COLUMNS = 10_000


def guarded(text: str) -> str:
    """Text for a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_bytes(table: pl.DataFrame) -> bytes:
    """A table as CSV, its text and the names of its columns guarded."""
    text = [name for name, dtype in table.schema.items() if dtype == pl.String]
    formula = pl.col(text).str.contains(rf"^{_FORMULA.pattern}")
    table = table.with_columns(pl.when(formula).then("'" + pl.col(text)).otherwise(pl.col(text)).name.keep())
    return table.rename(guarded).write_csv().encode()


def read_csv(path: Path, wanted: Callable[[Sequence[str]], Sequence[str]]) -> pl.DataFrame:
    """The columns that `wanted` chooses of the header's names, as text; an empty cell is null.

    Raises:
        StudyError: naming the file, the line and the cure: no file, no UTF-8, no header, columns without a name or of
            one name, too many of them, a row of another length, or a quote that is not closed.
        OSError: it cannot be read.
    """
    lines = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    try:
        header = [unguarded(name.strip()) for name in next(lines, [])]
        places = _places(path, header, wanted)
        columns: list[list[str | None]] = [[] for _ in places]
        for row in lines:
            if not row:
                continue
            if len(row) != len(header):
                raise StudyError(
                    f"{path}: line {lines.line_num} has {len(row):,} cells, the header {len(header):,}: put names that "
                    "hold a comma in quotes"
                )
            for column, place in zip(columns, places.values(), strict=True):
                column.append(unguarded(row[place]) or None)
    except csv.Error as error:
        cure = "look for a quote that is not closed"
        if "field limit" in str(error):
            error = csv.Error(f"a cell of more than {csv.field_size_limit():,} letters")
            cure += ", and shorten what is longer"
        raise StudyError(f"{path}: line {lines.line_num} is no CSV ({error}): {cure}") from None
    return pl.DataFrame(dict(zip(places, columns, strict=True)), schema=dict.fromkeys(places, pl.String))


def _decoded(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):
        # A pipe or a device would be read for ever.
        raise StudyError(f"{path}: no file, where a table as CSV is needed")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise StudyError(f"{path}: line {line} is not UTF-8: save the table as CSV in UTF-8") from None


def _places(path: Path, header: list[str], wanted: Callable[[Sequence[str]], Sequence[str]]) -> dict[str, int]:
    """Where the wanted columns stand."""
    if not any(header):
        raise StudyError(f"{path}: empty, where a header and rows of scores are needed")
    if len(header) > _MOST_COLUMNS:
        raise StudyError(f"{path}: {len(header):,} columns: give a score a row, not a column")
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), "")):
        raise StudyError(f"{path}: its columns are separated by {other!r}: save it with commas, and points in numbers")
    chosen = wanted(header)
    if twice := next((name for name in chosen if header.count(name) > 1), ""):
        raise StudyError(f"{path}: two columns are named {visible(twice, 60)}: leave one")
    return {name: header.index(name) for name in chosen}
