"""Scores of a study: what is read, what is refused with one line, and what becomes of the rows.

Covers `rows` too.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fake_study import DATA_SCALE

from scaling.analysis.scores import read_scores
from scaling.analysis.scores.rows import by_size, notes, primary, references, used
from scaling.analysis.scores.words import metric_name
from scaling.errors import StudyError

Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture
def table(study: Path) -> pl.DataFrame:
    return pl.read_parquet(study / "report" / "scores.parquet")


def first_row(column: str, value: object) -> Change:
    index = pl.int_range(pl.len())
    return lambda t: t.with_columns(pl.when(index == 0).then(pl.lit(value)).otherwise(column).alias(column))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop("seed"), "missing column seed"),
        (lambda t: t.with_columns(pl.lit("much").alias("value")), "column value holds much"),
        (first_row("value", 1.2), "value outside 0 to 1"),
        (first_row("value", float("nan")), "value outside 0 to 1"),
        (first_row("metric", "word_error"), "less is better"),
        (first_row("stderr", -0.1), "stderr outside 0 to 1"),
        (first_row("clips", 0), "clips below 1"),
        (first_row("holdout_loss", float("inf")), "holdout_loss no number"),
        (first_row("clips", None), "no clips for a trained run"),
        (first_row("initialization", None), "no initialization for a trained run"),
        (lambda t: t.drop("objective"), "missing column objective"),
        (lambda t: pl.concat([t, t.head(1)]), "same score twice"),
        (lambda t: pl.concat([t, t.head(1).with_columns(pl.lit("again").alias("run"))]), "two runs of the same"),
        (lambda t: t.with_columns(pl.lit(True).alias("excluded")), "no score to analyse"),
    ],
)
def test_bad_scores_get_one_line(
    table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path], change: Change, says: str
) -> None:
    path = changed(change(table)) / "report" / "scores.parquet"
    with pytest.raises(StudyError, match=says) as caught:
        read_scores(path, DATA_SCALE)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_absent_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not there"):
        read_scores(tmp_path / "scores.parquet", DATA_SCALE)
    (tmp_path / "scores.parquet").write_text("no table")
    with pytest.raises(StudyError, match="is damaged"):
        read_scores(tmp_path / "scores.parquet", DATA_SCALE)


def test_zero_errors_count_as_half_of_one_in_n_plus_1(
    table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path]
) -> None:
    scores = read_scores(changed(first_row("value", 1.0)(table)) / "report" / "scores.parquet", DATA_SCALE)
    rows = used(scores).filter("zero")
    assert rows.height == 1
    assert rows["error"][0] == pytest.approx(0.5 / (rows["n_test"][0] + 1))
    assert by_size(scores, DATA_SCALE)["zero"].sum() == 1


def test_excluded_rows_are_not_used(table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path]) -> None:
    scores = read_scores(changed(first_row("excluded", True)(table)) / "report" / "scores.parquet", DATA_SCALE)
    assert scores.height == table.height
    assert used(scores).height == table.height - 1


def test_mixed_protocols_are_refused_by_name(table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path]) -> None:
    mixed = table.with_columns(
        pl.when(pl.col("clips") == 400).then(pl.lit("equal-passes")).otherwise("protocol").alias("protocol")
    )
    scores = read_scores(changed(mixed) / "report" / "scores.parquet", DATA_SCALE)
    with pytest.raises(StudyError, match="equal-passes and equal-steps"):
        by_size(scores, DATA_SCALE)


def test_references_and_primary_metrics(table: pl.DataFrame) -> None:
    assert set(references(table)["reference"]) == {"chance", "log-mel", "untrained", "supervised"}
    assert table.filter(primary()).group_by("task").agg(pl.col("metric").n_unique())["metric"].max() == 1


def test_further_columns_are_carried_along(table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path]) -> None:
    wider = table.with_columns(pl.lit("64").alias("encoder.width"))
    scores = read_scores(changed(wider) / "report" / "scores.parquet", DATA_SCALE)
    assert scores.columns[-1] == "encoder.width"
    assert scores.height == table.height


def test_notes_are_gathered(table: pl.DataFrame) -> None:
    odd = pl.col("task") == "mode"
    noted = table.with_columns(pl.when(odd).then(pl.lit("did not converge")).otherwise(pl.lit("")).alias("note"))
    (row,) = notes(noted).rows(named=True)
    assert (row["note"], row["n"], row["tasks"]) == ("did not converge", table.filter(odd).height, ["mode"])


def test_metrics_are_named_for_people() -> None:
    assert metric_name("a2t_recall_at_1") == "recall@1 audio→text"
    assert metric_name("accuracy") == "accuracy"


def test_a_table_of_before_the_loss_was_kept_is_read(
    table: pl.DataFrame, changed: Callable[[pl.DataFrame], Path]
) -> None:
    folder = changed(table.drop("holdout_loss"))
    scores = read_scores(folder / "report" / "scores.parquet", DATA_SCALE)
    assert scores["holdout_loss"].null_count() == scores.height
    assert scores.columns == read_scores(changed(table) / "report" / "scores.parquet", DATA_SCALE).columns
