"""Scores from elsewhere: a table of a person's own, made into the table that the analysis reads."""

from pathlib import Path

import polars as pl

from scaling.analysis.scores.design import Axis, Design, Factor
from scaling.analysis.scores.rows import is_retrieval, primary, trained
from scaling.analysis.scores.schema import FIXED, schema
from scaling.analysis.scores.study_table import checked, conform
from scaling.analysis.scores.words import factor_name
from scaling.errors import StudyError

NEEDED = ("objective", "clips", "task", "metric", "value")
_MEASURED = NEEDED[2:]
# Of these columns, where a table has them, those that vary are compared.
_COMPARED = ("objective", "encoder", "audio_init", "text_init", "sources")
_BASELINES = {"audio_init": "scratch"}
_REFERENCE = "none"  # as an objective
_KNOWN_REFERENCES = ("chance", "log-mel")  # as an encoder of objective "none"; any other is an untrained one
_NAMES = {"clips": ("unique clips", "clips"), "samples_seen": ("samples seen", "samples")}  # of an axis, and its unit
_DEFAULTS: dict[str, str | float | bool] = {
    "seed": 0, "protocol": "not given", "domain": "tasks", "pooling": "mean", "excluded": False, "reason": "",
    "note": "", "reference": "",
}  # fmt: skip
_TRUE, _FALSE = ["true", "yes", "1"], ["false", "no", "0", ""]


def is_table(name: str) -> bool:
    """Whether a path names a table of scores and not a study's folder."""
    return name.lower().endswith((".csv", ".parquet"))


def read_table(path: Path, axis: str = "clips", factors: tuple[str, ...] = ()) -> tuple[pl.DataFrame, Design]:
    """Read a CSV or Parquet table of scores; the result has all columns of a study's scores, checked and sorted.

    Needed are the axis (unique clips trained on, if no other column is given), task, metric and value (0 to 1, more is
    better), and the factors: objective (the arm's name; "none" is a reference), or those given. Used where given: the
    other columns of a study's scores (`schema.FIXED`), among them seed, protocol, samples_seen, epochs, stderr (of the
    probe, over test clips), n_test, domain, excluded and reason. A task with several metrics becomes one task a metric.

    Args:
        axis: the column that curves run along; numbers above 0, or names, along which nothing is fitted.
        factors: the columns whose values are compared. Without any: of objective, encoder, audio_init, text_init and
            sources, objective and those that vary.

    Returns:
        The scores, and the design that follows from the columns.

    Raises:
        StudyError: naming the file and the first thing that is wrong, as `read_scores`; or one size, an empty cell in
            a column that says what a score belongs to, no error seen and n_test unknown, or a task that no figure
            would show.
    """
    table = _read(path)
    needed = [*(factors or ("objective",)), axis, *_MEASURED]
    if missing := [name for name in needed if name not in table.columns]:
        have = f"needed: {', '.join(needed)}; here: {', '.join(table.columns)}"
        raise StudyError(f"{path}: missing column {', '.join(missing)} ({have})")
    for name in (axis, *(factors or ("objective",))):
        if table[name].null_count():
            raise StudyError(f"{path}: an empty cell in column {name}, row {_first(table[name].is_null())}")
    for name in factors:
        if name == axis or FIXED.get(name, pl.String) != pl.String:
            raise StudyError(f"{path}: column {name} is no factor: what is compared has names")
    table = _with_references(table)
    design = _design(path, table, axis, factors)
    columns = schema(design)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in table.columns]
    table = table.with_columns(_truth(table), *absent)
    scores = conform(table, columns, path).select(*columns)
    scores = scores.with_columns(pl.col(name).fill_null(value) for name, value in _DEFAULTS.items())
    told = [*(factor.name for factor in design.factors), design.x.column]
    scores = scores.with_columns(
        pl.col("study").fill_null(path.stem),
        pl.col("run").fill_null(pl.format("{}-s{}", pl.concat_str(told, separator="-"), "seed")),
        pl.col("epochs").fill_null(pl.col("samples_seen") / pl.col("clips")),
    )
    scores = checked(_one_metric_a_task(scores), design, path)
    _refuse_unseen(scores, design, path)
    return scores, design


def _with_references(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column of references: that which it has, or told by the objective "none"."""
    if "reference" in table.columns or "objective" not in table.columns:
        return table
    encoder = pl.col("encoder") if "encoder" in table.columns else pl.lit("")
    name = pl.when(encoder.is_in(_KNOWN_REFERENCES)).then(encoder).otherwise(pl.lit("untrained"))
    told = pl.when(pl.col("objective") == _REFERENCE).then(name).otherwise(pl.lit(""))
    return table.with_columns(told.alias("reference"))


def _design(path: Path, table: pl.DataFrame, axis: str, given: tuple[str, ...]) -> Design:
    """What the columns ask."""
    rows = table.filter(pl.col("reference").fill_null("") == "") if "reference" in table.columns else table
    names = list(given)
    if not names:
        varying = [name for name in _COMPARED[1:] if name in table.columns and rows[name].n_unique() > 1]
        names = ["objective", *(name for name in varying if name != axis)]
        told = [name for name in names if name != "text_init"]
        # A text side that follows from the rest is no choice of its own, and would leave no two arms to compare.
        if rows.select(names).n_unique() == rows.select(told).n_unique():
            names = told
    factors = []
    for name in names:
        levels = tuple(str(level) for level in rows[name].unique().drop_nulls().sort())
        baseline = _BASELINES.get(name)
        factors.append(Factor(name, levels, baseline if baseline in levels else None))
    title, unit = _NAMES.get(axis, (factor_name(axis), factor_name(axis)))
    place = Axis(axis, title, unit, "nominal" if _has_names(table, axis) else "log")
    question = " ".join(f"Which {factor_name(name)}?" for name in names)
    return Design(path.stem, question, (place,), tuple(factors))


def _has_names(table: pl.DataFrame, axis: str) -> bool:
    """Whether an axis of a person's own holds names."""
    return axis not in FIXED and not table.schema[axis].is_numeric()


def _refuse_unseen(scores: pl.DataFrame, design: Design, path: Path) -> None:
    """Raise `StudyError` where there is no curve to draw, or a task that no figure would show."""
    rows = trained(scores, design)
    sizes = rows["x"].unique()
    if len(sizes) < 2:
        have = f"all runs have {sizes[0]} {design.x.unit}" if len(sizes) else "every score is a reference's"
        raise StudyError(f"{path}: {have}: a curve needs two sizes or more")
    unseen = rows.filter(~primary().any().over("task"))
    if not unseen.is_empty():
        task, pooling, metric = unseen.select("task", "pooling", "metric").row(0)
        raise StudyError(
            f"{path}: task {task} has only pooling {pooling}, metric {metric}: figures and averages show pooling mean, "
            "and of recalls at k t2a_recall_at_10; rename the one that you want to be shown"
        )


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


def _truth(table: pl.DataFrame) -> list[pl.Expr]:
    """Column excluded as spreadsheets and pandas write it."""
    if table.schema.get("excluded") != pl.String:
        return []
    words = pl.col("excluded").str.to_lowercase().str.strip_chars()
    truth = pl.when(words.is_in(_TRUE)).then(pl.lit(True)).when(words.is_in(_FALSE)).then(pl.lit(False))
    return [truth.alias("excluded")]


def _one_metric_a_task(scores: pl.DataFrame) -> pl.DataFrame:
    """A figure shows one metric a task: of several, each becomes a task."""
    several = pl.col("metric").filter(primary() & ~is_retrieval()).n_unique().over("task") > 1
    named = pl.format("{} ({})", "task", "metric")
    return scores.with_columns(pl.when(several & ~is_retrieval()).then(named).otherwise("task").alias("task"))


def _first(where: pl.Series) -> int:
    """The first row, from 1, where this holds."""
    return int(where.arg_true()[0]) + 1
