"""Scores from elsewhere: a table of a person's own, made into the table that the analysis reads."""

from pathlib import Path

import polars as pl

from scaling.analysis.scores.scores import SCHEMA, checked, is_retrieval, primary, trained
from scaling.errors import StudyError

NEEDED = ("objective", "clips", "task", "metric", "value")
_DEFAULTS: dict[str, str | float | bool] = {
    "encoder": "encoder", "audio_init": "scratch", "text_init": "scratch", "sources": "all", "seed": 0,
    "protocol": "not given", "domain": "tasks", "pooling": "mean", "excluded": False, "reason": "",
}  # fmt: skip
_TRUE, _FALSE = ["true", "yes", "1"], ["false", "no", "0", ""]


def is_table(name: str) -> bool:
    """Whether a path names a table of scores and not a study's folder."""
    return name.lower().endswith((".csv", ".parquet"))


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV or Parquet table of scores; the result has all columns of `scores.SCHEMA`, checked and sorted.

    Needed are objective (the arm's name; "none" is a reference), clips (unique clips trained on), task, metric, and
    value (0 to 1, more is better). Used where given: seed, audio_init ("scratch" or what it started from), protocol,
    samples_seen, epochs, stderr (of the probe, over test clips), n_test, domain, excluded and reason, and the other
    columns of a study's scores. A task with several metrics becomes one task a metric.

    Raises:
        StudyError: naming the file and the first thing that is wrong, as `read_scores`; or one size, an empty cell in
            a column that says what a score belongs to, no error seen and n_test unknown, or a task that no figure
            would show.
    """
    table = _read(path)
    if missing := [name for name in NEEDED if name not in table.columns]:
        have = f"needed: {', '.join(NEEDED)}; here: {', '.join(table.columns)}"
        raise StudyError(f"{path}: missing column {', '.join(missing)} ({have})")
    given = [pl.col(name) if name in table.columns else pl.lit(None).alias(name) for name in SCHEMA]
    table = table.select(given).with_columns(_truth(table))
    try:
        scores = table.with_columns(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"{path}: a column has the wrong type: {str(error).splitlines()[0]}") from error
    for name in ("objective", "clips"):
        if scores[name].null_count():
            raise StudyError(f"{path}: an empty cell in column {name}, row {_first(scores[name].is_null())}")
    scores = scores.with_columns(pl.col(name).fill_null(value) for name, value in _DEFAULTS.items())
    scores = scores.with_columns(
        pl.col("study").fill_null(path.stem),
        pl.col("run").fill_null(pl.format("{}-{}-{}-s{}", "objective", "audio_init", "clips", "seed")),
        pl.col("epochs").fill_null(pl.col("samples_seen") / pl.col("clips")),
    )
    scores = checked(_one_metric_a_task(scores), path)
    rows = trained(scores)
    sizes = rows["clips"].unique()
    if len(sizes) < 2:
        have = f"all runs have {sizes[0]} clips" if len(sizes) else "every score is a reference's"
        raise StudyError(f"{path}: {have}: a curve needs two sizes or more")
    unseen = rows.filter(~primary().any().over("task"))
    if not unseen.is_empty():
        task, pooling, metric = unseen.select("task", "pooling", "metric").row(0)
        raise StudyError(
            f"{path}: task {task} has only pooling {pooling}, metric {metric}: figures and averages show pooling mean, "
            "and of recalls at k t2a_recall_at_10; rename the one that you want to be shown"
        )
    return scores


def _read(path: Path) -> pl.DataFrame:
    """The file as it is."""
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, infer_schema_length=None)
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: not there") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        kind = "CSV" if path.suffix.lower() == ".csv" else "Parquet"
        raise StudyError(f"{path}: not a readable {kind} table") from error


def _truth(table: pl.DataFrame) -> pl.Expr:
    """Column excluded as spreadsheets and pandas write it."""
    if table.schema.get("excluded") != pl.String:
        return pl.col("excluded")
    words = pl.col("excluded").str.to_lowercase().str.strip_chars()
    return (
        pl.when(words.is_in(_TRUE)).then(pl.lit(True)).when(words.is_in(_FALSE)).then(pl.lit(False)).alias("excluded")
    )


def _one_metric_a_task(scores: pl.DataFrame) -> pl.DataFrame:
    """A figure shows one metric a task: of several, each becomes a task."""
    several = pl.col("metric").filter(primary() & ~is_retrieval()).n_unique().over("task") > 1
    named = pl.format("{} ({})", "task", "metric")
    return scores.with_columns(pl.when(several & ~is_retrieval()).then(named).otherwise("task").alias("task"))


def _first(where: pl.Series) -> int:
    """The first row, from 1, where this holds."""
    return int(where.arg_true()[0]) + 1
