"""A study's scores and predictions as its runs left them: read and checked."""

from pathlib import Path

import polars as pl

from scaling.analysis.scores.arms import arm_columns
from scaling.analysis.scores.design import Design, read_design
from scaling.analysis.scores.rows import keys, trained, used
from scaling.analysis.scores.schema import Columns, schema
from scaling.errors import StudyError

PREDICTIONS: Columns = {
    "task": pl.String, "pooling": pl.String, "metric": pl.String, "clip": pl.String, "correct": pl.Float64,
}  # fmt: skip
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
    table = _read(path, columns)
    return checked(table.select(*columns, pl.exclude(list(columns))), design, path)


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
        path = folder / "runs" / run / "predictions.parquet"
        if path.exists():
            tables.append(_read(path, PREDICTIONS).select(pl.lit(run).alias("run"), *PREDICTIONS))
    empty = pl.DataFrame(schema={"run": pl.String, **PREDICTIONS})
    return pl.concat(tables) if tables else empty


def checked(scores: pl.DataFrame, design: Design, path: Path) -> pl.DataFrame:
    """Scores with all columns, checked and sorted as `read_scores` says; `path` is for the message."""
    texts = ("reference", "note", "reason")
    scores = scores.with_columns(
        pl.col("excluded").fill_null(False), *(pl.col(name).fill_null("") for name in texts),
        pl.col("stderr").fill_nan(None),
    )  # fmt: skip
    kept = scores.filter(~pl.col("excluded"))
    if kept.is_empty():
        raise StudyError(f"{path}: no score to analyse ({scores.height} rows, all excluded)")
    for what, where in _wrong(design).items():
        if not (bad := kept.filter(where)).is_empty():
            row = bad.row(0, named=True)
            raise StudyError(f"{path}: {what}: run {row['run']}, task {row['task']}, value {row['value']}")
    identity = ["run", "seed", "task", "pooling", "metric"]
    if not (twice := kept.filter(pl.struct(identity).is_duplicated())).is_empty():
        row = twice.row(0, named=True)
        raise StudyError(f"{path}: the same score twice: run {row['run']}, {row['task']}, {row['metric']}")
    twins = trained(scores, design).filter(pl.struct(*keys(design), "x", "seed").is_duplicated()).sort("run")
    if not twins.is_empty():
        runs = " and ".join(twins["run"].unique(maintain_order=True).head(2))
        raise StudyError(f"{path}: two runs of the same arm, size and seed: {runs}")
    return scores.sort(design.x.column, *keys(design), "seed", "run")


def _wrong(design: Design) -> dict[str, pl.Expr]:
    """What must not be, by the words for it."""
    studied = pl.col("reference") == ""
    words = pl.col("metric").str.to_lowercase().str.split("_").list
    found = {
        "metric of which less is better (give 1 - value, under another name)": words.eval(
            pl.element().is_in(_LESS_IS_BETTER)
        ).list.any(),
        "value outside 0 to 1 (percentages: divide by 100)": ~pl.col("value").is_between(0, 1)
        | pl.col("value").is_null(),
        "negative stderr": pl.col("stderr") < 0,
        "n_test below 1": pl.col("n_test") < 1,
        "no error seen, and no n_test to say among how many": (pl.col("value") >= 1) & pl.col("n_test").is_null(),
        "clips below 1 for a trained run": (pl.col("clips") < 1) & studied,
        "no run, task or metric": pl.any_horizontal(pl.col("run", "task", "metric").fill_null("") == ""),
        "no seed": pl.col("seed").is_null(),
    }
    for axis in design.axes:
        found[f"no {axis.column} for a trained run"] = pl.col(axis.column).is_null() & studied
        if axis.scale == "log":
            found[f"{axis.column} not above 0 for a trained run"] = ~(pl.col(axis.column) > 0) & studied
    for column in arm_columns(design):
        found[f"no {column} for a trained run"] = pl.col(column).is_null() & studied
    return found


def _read(path: Path, columns: Columns) -> pl.DataFrame:
    """A Parquet table with these columns, of these types, and what else it has."""
    try:
        table = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: not there; run the study first") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StudyError(f"{path}: not a readable Parquet table") from error
    return conform(table, columns, path)


def conform(table: pl.DataFrame, columns: Columns, path: Path) -> pl.DataFrame:
    """The table with these columns in these types; `path` is for the message.

    Raises:
        StudyError: a column is missing, or does not hold what it should.
    """
    if missing := [name for name in columns if name not in table.columns]:
        raise StudyError(f"{path}: missing column {', '.join(missing)}")
    try:
        return table.with_columns(pl.col(name).cast(dtype) for name, dtype in columns.items())
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"{path}: a column has the wrong type: {str(error).splitlines()[0]}") from error
