"""A study's scores and predictions as its runs left them: read and checked."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from scaling.analysis.curves.forms import MAGNITUDES
from scaling.analysis.scores.arms import arm_columns
from scaling.analysis.scores.cells import conform, refuse
from scaling.analysis.scores.design import Design, read_design
from scaling.analysis.scores.metrics import bounds, has_error, of_clips
from scaling.analysis.scores.parquet_file import read_parquet
from scaling.analysis.scores.rows import ALL_TASKS, keys, trained, used
from scaling.analysis.scores.schema import AMOUNTS, LATER, Columns, schema
from scaling.errors import StudyError, steers, visible
from scaling.storage.own import damaged

PREDICTIONS: Columns = {
    "task": pl.String, "pooling": pl.String, "metric": pl.String, "clip": pl.String, "correct": pl.Float64,
}  # fmt: skip
_ANEW = "start the study again, which repeats no finished run and writes it anew"
_LONGEST_NAME = 255  # bytes of a file's
_ROW = "place in the file"  # a column that no table has
_LESS_IS_BETTER = ["loss", "error", "perplexity", "wer", "cer", "eer", "rank"]


def read_scores(path: Path, design: Design) -> pl.DataFrame:
    """Read and check `scores.parquet`: one row a score, the columns of `schema` first, sorted.

    Excluded rows stay in the table; `used` drops them.

    Raises:
        StudyError: naming the file and the first thing that is wrong: not readable, a column missing or of
            the wrong type, a metric of which less is better, a value outside its range, no place on the axis or no
            level of a factor, or the same score twice.
    """
    columns = schema(design)
    try:
        table = _parquet(path, _ANEW)
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the study first") from None
    absent = [pl.lit(None, columns[name]).alias(name) for name in LATER if name not in table.columns]
    table = conform(table.with_columns(absent), columns, path)
    further = cs.string() | cs.numeric() | cs.boolean()
    return checked(table.select(*columns, further - cs.by_name(*columns)), design, path)


def _parquet(path: Path, cure: str) -> pl.DataFrame:
    try:
        return read_parquet(path)
    except ValueError as error:
        raise damaged(path, str(error), cure) from None


def read_study(folder: Path) -> tuple[pl.DataFrame, Design]:
    """The scores of the study in a folder, and its design.

    Raises:
        StudyError: as `read_design` and `read_scores`; or only references have scores.
    """
    design = read_design(folder)
    scores = read_scores(folder / "report" / "scores.parquet", design)
    if trained(scores, design).is_empty():
        raise StudyError(f"{folder}: no run under study has scores; only references are there")
    return scores, design


def read_predictions(folder: Path, scores: pl.DataFrame) -> pl.DataFrame:
    """Predictions of every run that has scores: columns run, task, pooling, metric, clip, correct (0 to 1).

    A run without the file is absent from the result: its scores then have no interval over test clips.

    Raises:
        StudyError: a file that cannot be read or lacks a column.
    """
    tables = []
    for run in sorted(used(scores).filter(pl.col("reference") == "")["run"].unique()):
        path, cure = _predictions(folder, run)
        try:
            table = conform(_parquet(path, cure), PREDICTIONS, path)
        except FileNotFoundError:
            continue
        low, high = bounds()
        shares = pl.col("correct").is_between(low, high) | ~of_clips()
        if not table.select((shares & pl.col("correct").is_finite()).fill_null(False).all()).item():
            raise damaged(path, "an answer that is not from 0 to 1, or not in its metric's range", cure)
        tables.append(table.select(pl.lit(run).alias("run"), *PREDICTIONS))
    empty = pl.DataFrame(schema={"run": pl.String, **PREDICTIONS})
    return pl.concat(tables) if tables else empty


def read_answers(folder: Path, runs: Iterable[str], metrics: Sequence[str]) -> pl.DataFrame:
    """What some runs answered, for these metrics: columns run, task, pooling, metric, clip, truth, answer, correct.

    Raises as `read_predictions`; a run without the file is absent from the result.
    """
    columns: Columns = {**PREDICTIONS, "truth": pl.String, "answer": pl.String}
    whole: Columns = {"run": pl.String, **columns}
    tables = [pl.DataFrame(schema=whole)]
    for run in runs:
        path, cure = _predictions(folder, run)
        with suppress(FileNotFoundError):
            table = conform(_parquet(path, cure), columns, path).filter(pl.col("metric").is_in(metrics))
            tables.append(table.select(pl.lit(run).alias("run"), *columns))
    return pl.concat(tables)


def _predictions(folder: Path, run: str) -> tuple[Path, str]:
    """Where a run's lie, and what helps where they are damaged."""
    if run != Path(run).name or len(run.encode()) > _LONGEST_NAME or steers(run):
        raise damaged(folder / "report" / "scores.parquet", f"{visible(run, 60)} is no run's name", _ANEW)
    path = folder / "runs" / run / "predictions.parquet"
    return path, f"remove {path.parent} and start the study again, which does this run alone"


def checked(scores: pl.DataFrame, design: Design, path: Path) -> pl.DataFrame:
    """Scores with all columns, checked and sorted as `read_scores` says; `path` is for the message."""
    texts = ("reference", "note", "reason")
    scores = scores.with_columns(pl.col("excluded").fill_null(False), *(pl.col(name).fill_null("") for name in texts))
    numbered = scores.with_row_index(_ROW)
    kept = numbered.filter(~pl.col("excluded"))
    if kept.is_empty():
        raise StudyError(f"{path}: no score to analyse ({scores.height} rows, all excluded)")
    for what, where in _wrong(design).items():
        for bad in kept.filter(where).head(1).iter_rows(named=True):
            raise refuse(path, bad[_ROW], f"{what}: {_told(bad, 'run', 'task', 'value')}")
    identity = ["run", "seed", "task", "pooling", "metric"]
    for first, second in _twice(kept, identity):
        told = f"{_told(first, 'run', 'task', 'metric')}; as in row {second[_ROW] + 1:,}"
        raise refuse(path, first[_ROW], f"the same score twice: {told}")
    for first, second in _twice(trained(numbered, design), [*keys(design), "x", "seed"]):
        told = f"{_told(first, 'run')}; and row {second[_ROW] + 1:,}, {_told(second, 'run')}"
        raise refuse(path, first[_ROW], f"two runs of the same arm, size and seed: {told}: give each its seed")
    return scores.sort(design.x.column, *keys(design), "seed", "run")


def _twice(scores: pl.DataFrame, columns: list[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The first two rows that are alike in these columns, if any are."""
    alike = scores.filter(pl.struct(columns).is_duplicated())
    if not alike.is_empty():
        first, second = alike.partition_by(columns, maintain_order=True)[0].head(2).iter_rows(named=True)
        yield first, second


def _told(row: dict[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {visible(str(row[name]), 60)}" for name in names)


def _wrong(design: Design) -> dict[str, pl.Expr]:
    """What must not be, by the words for it."""
    studied = pl.col("reference") == ""
    words = pl.col("metric").str.to_lowercase().str.split("_").list
    value = pl.col("value")
    low, high = MAGNITUDES
    lowest, highest = bounds()
    found = {
        "metric of which less is better (give 1 - value, under another name)": words.eval(
            pl.element().is_in(_LESS_IS_BETTER)
        ).list.any(),
        "value outside 0 to 1 (percentages: divide by 100), or outside its metric's range": ~value.is_between(
            lowest, highest
        )
        | value.is_null(),
        "stderr outside 0 to 1 (it is that of the value; leave it empty where it is not known)": ~pl.col(
            "stderr"
        ).is_between(0, highest),
        "n_test below 1 (leave it empty where it is not known)": pl.col("n_test") < 1,
        "no error seen, and no n_test to say among how many": (value >= 1) & has_error() & pl.col("n_test").is_null(),
        "clips below 1 for a trained run": (pl.col("clips") < 1) & studied,
        "no run, task or metric": pl.any_horizontal(pl.col("run", "task", "metric").fill_null("") == ""),
        "no seed": pl.col("seed").is_null(),
        f"a task or domain called {ALL_TASKS}, as averages are (give it another name)": pl.any_horizontal(
            pl.col("task", "domain") == ALL_TASKS
        ),
    }
    for axis in design.axes:
        found[f"no {axis.column} for a trained run"] = pl.col(axis.column).is_null() & studied
        if axis.scale == "log":
            place = pl.col(axis.column)
            found[f"{axis.column} not above 0 for a trained run"] = ~(place > 0) & studied
            found[f"{axis.column} not between {low:g} and {high:g}"] = ~place.is_between(low, high) & studied
    for column in arm_columns(design):
        found[f"no {column} for a trained run"] = pl.col(column).is_null() & studied
    for column in AMOUNTS:
        found[f"{column} no number from 0 to {high:g} (leave it empty where it is not known)"] = ~pl.col(
            column
        ).is_between(0, high)
    found["holdout_loss no number (leave it empty where it is not known)"] = ~pl.col("holdout_loss").is_between(
        -high, high
    )
    return found
