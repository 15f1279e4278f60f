"""Whatever stands in a table of scores: a `StudyError` of one line, or scores that a curve can be made of."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaling.analysis.report.write import write_table_report
from scaling.analysis.scores.design import LONGEST
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.schema import AMOUNTS, FIXED
from scaling.errors import StudyError, steers

FEW = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(FEW, max_examples=2000, derandomize=False)

NUMBERS = [
    "", "0", "-0", "1", "-1", "0.5", "55", "55%", "100.7", "1e3", "5e15", "1e50", "1e51", "1e308", "1e400", "5e-324",
    "nan", "NaN", "inf", "-inf", "1_000", "1,000", "0,5", "0x10", "+5", " 7 ", "٣", str(2**63 - 1), str(2**63),
    "9" * 400,
]  # fmt: skip
TEXTS = [
    "", " ", "none", "maybe", "true", "0", "=1+1", "'=1", "$x_", "a\nb", "a\0b", "\x1b[2J", "\u202ea", "\ufeff", '"',
    "a" * 10_000, "t2a_recall_at_10", "a2t_recall_at_1", "wer", "chance", "x", "null", "音",
]  # fmt: skip
CELLS = st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=5) | st.floats().map(str)
COLUMNS = st.sampled_from([*FIXED, "objective", "encoder", "audio_init", "sources", "x", ""]) | st.text(max_size=5)


@st.composite
def tables(draw: Callable[..., Any]) -> list[list[str]]:
    """A header and rows: a good table in which cells are changed, and columns and rows left out, added or doubled."""
    rows = [["objective", "clips", "task", "metric", "value", "seed", "n_test", "excluded"]]
    rows += [
        [arm, size, "esc50", "accuracy", value, "0", "100", "false"]
        for arm, values in (("a", ("0.5", "0.6", "0.7")), ("b", ("0.4", "0.6", "0.8")))
        for size, value in zip(("100", "1000", "10000"), values, strict=True)
    ]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(rows[0]) - 1))
        match draw(st.sampled_from(["cell", "cell", "cell", "column", "add", "leave out", "row"])):
            case "cell":
                rows[draw(st.integers(1, len(rows) - 1))][at] = draw(CELLS)
            case "column":
                cell = draw(CELLS)
                rows = [rows[0], *([*row[:at], cell, *row[at + 1 :]] for row in rows[1:])]
            case "add":
                rows = [[*rows[0], draw(COLUMNS)], *([*row, draw(CELLS)] for row in rows[1:])]
            case "leave out" if len(rows[0]) > 1:
                rows = [[*row[:at], *row[at + 1 :]] for row in rows]
            case _:
                rows.append(list(draw(st.sampled_from(rows))))
    return rows


def as_csv(rows: list[list[str]], path: Path) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    return path


def one_line(error: StudyError, path: Path) -> None:
    assert str(path) in str(error)
    assert not steers(str(error))


def check(rows: list[list[str]], path: Path) -> pl.DataFrame | None:
    """The scores, found sane; None where the table is refused."""
    try:
        scores, design = read_table(as_csv(rows, path))
    except StudyError as error:
        one_line(error, path)
        return None
    assert len(scores) <= len(rows) - 1
    kept = scores.filter(~pl.col("excluded"))
    assert kept["value"].is_between(0, 1).all()
    assert kept["value"].null_count() == 0
    for name in ("stderr", *AMOUNTS):
        assert kept[name].drop_nulls().is_finite().all()
        assert (kept[name].drop_nulls() >= 0).all()
    assert (kept["n_test"].drop_nulls() >= 1).all()
    assert (kept.filter(pl.col("reference") == "")[design.x.column] > 0).all()
    for name in ("task", "metric", "run", *(factor.name for factor in design.factors)):
        assert not any(steers(text) or len(text) > 4 * LONGEST for text in kept[name].drop_nulls())
    return scores


@FEW
@given(tables())
def test_tables(tmp_path: Path, rows: list[list[str]]):
    check(rows, tmp_path / "mine.csv")


@pytest.mark.long
@MANY
@given(tables())
def test_many_tables(tmp_path: Path, rows: list[list[str]]):
    check(rows, tmp_path / "mine.csv")


@pytest.mark.long
@settings(MANY, max_examples=100)
@given(tables())
def test_many_reports_of_tables(tmp_path: Path, rows: list[list[str]]):
    path = tmp_path / "mine.csv"
    if check(rows, path) is None:
        return
    try:
        assert write_table_report(path, tmp_path).exists()
    except StudyError as error:
        one_line(error, path)
