"""Cells of a table from elsewhere, made what their column should hold; the first that cannot be is named with its row.

Rows count from 1, below the header. What is empty or not a number (NaN) is null: not given. Text comes without what
steers a terminal or breaks a line (`errors.visible`): whatever is made of a name is made of one line.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from scaling.analysis.scores.schema import Columns
from scaling.errors import StudyError, visible

_TRUE, _FALSE = ["true", "yes", "1"], ["false", "no", "0"]
_NEEDED = {
    pl.Int64: "a whole number below 2^63 is needed, written without separators",
    pl.Float64: "a number is needed, written like 0.71",
    pl.Boolean: "true or false is needed",
    pl.String: "text is needed",
}
_STEERS = r"[\p{Cc}\p{Zl}\p{Zp}\x{202a}-\x{202e}\x{2066}-\x{2069}]"  # as `errors.steers`, where no halves can be
_BEYOND = 2.0**63  # integers end here
_SHOWN = 60  # letters of a cell in a message


def conform(table: pl.DataFrame, columns: Columns, path: Path) -> pl.DataFrame:
    """The table with these columns in these types; `path` is for the message.

    Raises:
        StudyError: a column is missing, or a cell does not hold what it should.
    """
    if missing := [name for name in columns if name not in table.columns]:
        have = ", ".join(table.columns)
        raise StudyError(f"{path}: missing column {', '.join(missing)} (here: {visible(have, 400)})")
    return table.with_columns(_conformed(table[name], dtype, path) for name, dtype in columns.items())


def refuse(path: Path, row: int, what: str) -> StudyError:
    """What is wrong with a row, counted from 0."""
    return StudyError(f"{path}: row {row + 1:,}: {visible(what)}")


def _conformed(cells: pl.Series, dtype: type[pl.DataType], path: Path) -> pl.Series:
    made = _READ[dtype](cells) if cells.dtype != pl.Null else cells.cast(dtype)
    if made is None:
        held = str(cells.dtype).lower()
        raise StudyError(f"{path}: column {cells.name} holds {visible(held, _SHOWN)}: {_NEEDED[dtype]}")
    given = cells.is_not_null()
    if cells.dtype == pl.String and dtype != pl.String:
        given &= cells.str.strip_chars() != ""
    if cells.dtype.is_float():
        given &= ~cells.is_nan()
    if cells.dtype == pl.String and dtype.is_numeric():
        given &= cells.str.strip_chars().str.to_lowercase() != "nan"
    wrong = (made.is_null() & given).arg_true()
    if wrong.len():
        cell = visible(str(cells[wrong[0]]), _SHOWN)
        raise refuse(path, wrong[0], f"column {cells.name} holds {cell}: {_NEEDED[dtype]}")
    return made


def _text(cells: pl.Series) -> pl.Series | None:
    if cells.dtype == pl.Binary or cells.dtype.is_nested() or cells.dtype in (pl.Duration, pl.Object):
        return None
    cells = cells.cast(pl.String, strict=False)
    if not cells.str.contains(_STEERS).any():
        return cells
    names = cells.unique().drop_nulls().to_list()
    return cells.replace_strict(names, [visible(name) for name in names])


def _number(cells: pl.Series) -> pl.Series | None:
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
    elif not cells.dtype.is_numeric():
        return None
    return cells.cast(pl.Float64, strict=False).fill_nan(None)


def _whole(cells: pl.Series) -> pl.Series | None:
    number = _number(cells)
    if number is None or cells.dtype.is_integer():
        return None if number is None else cells.cast(pl.Int64, strict=False)
    made = _only(number, (number == number.floor()) & (number.abs() < _BEYOND)).cast(pl.Int64, strict=False)
    if cells.dtype == pl.String:
        # Digits are read as such: a float has 53 bits.
        text = cells.str.strip_chars()
        parts = text.filter(made.is_not_null()).unique().to_list()
        made = _only(made, ~text.is_in([part for part in parts if not _is_whole(part)]))
        made = text.cast(pl.Int64, strict=False).fill_null(made)
    return made


def _is_whole(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number == number.to_integral_value()


def _truth(cells: pl.Series) -> pl.Series | None:
    if cells.dtype == pl.Boolean:
        return cells
    if cells.dtype == pl.String:
        words = cells.str.to_lowercase().str.strip_chars()
        true, false = words.is_in(_TRUE), words.is_in(_FALSE)
    elif (number := _number(cells)) is not None:
        true, false = number == 1, number == 0
    else:
        return None
    return _only(true, true | false)


def _only(values: pl.Series, where: pl.Series) -> pl.Series:
    """Values, null elsewhere."""
    return pl.select(pl.when(where).then(values)).to_series().alias(values.name)


_READ: dict[type[pl.DataType], Callable[[pl.Series], pl.Series | None]] = {
    pl.String: _text, pl.Float64: _number, pl.Int64: _whole, pl.Boolean: _truth,
}  # fmt: skip
