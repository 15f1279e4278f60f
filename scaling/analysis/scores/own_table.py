"""Scores from elsewhere: a table of a person's own, made into the table that the analysis reads."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import polars.selectors as cs

from scaling.analysis.scores.cells import conform, refuse
from scaling.analysis.scores.csv_file import read_csv
from scaling.analysis.scores.design import LONGEST, Axis, Design, Factor, is_reserved
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.parquet_file import read_parquet
from scaling.analysis.scores.rows import is_retrieval, reported, trained
from scaling.analysis.scores.schema import AMOUNTS, FIXED, schema
from scaling.analysis.scores.study_table import checked
from scaling.analysis.scores.words import factor_name
from scaling.errors import StudyError, visible

NEEDED = ("objective", "clips", "task", "metric", "value")
_MEASURED = NEEDED[2:]
# Of these columns, where a table has them, those that vary are compared.
_COMPARED = ("objective", "encoder", "audio_init", "text_init", "sources")
_BASELINES = {"audio_init": "scratch"}
_REFERENCE = "none"  # as an objective
_MOST_SCORES = 100_000  # each is resampled a thousand times: these take a gigabyte, and minutes to fit
_KNOWN_REFERENCES = ("chance", "log-mel")  # as an encoder of objective "none"; any other is an untrained one
_NAMES = {"clips": ("unique clips", "clips"), "samples_seen": ("samples seen", "samples")}  # of an axis, and its unit
_DEFAULTS: dict[str, str | float | bool] = {
    "seed": 0, "protocol": "not given", "domain": "tasks", "pooling": "mean", "excluded": False, "reason": "",
    "note": "", "reference": "",
}  # fmt: skip
_FACTORS = ("study", "domain", "protocol")  # of `FIXED`, those that have names which may be compared


def is_table(name: str) -> bool:
    """Whether a path names a table of scores and not a study's folder."""
    return name.lower().endswith((".csv", ".parquet"))


def read_table(path: Path, axis: str = "clips", factors: tuple[str, ...] = ()) -> tuple[pl.DataFrame, Design]:
    """Read a CSV or Parquet table of scores; the result has all columns of a study's scores, checked and sorted.

    Needed are the axis (unique clips trained on, if no other column is given), task, metric and value (0 to 1, more is
    better), and the factors: objective (the arm's name; "none" is a reference), or those given. Used where given: the
    other columns of a study's scores (`schema.FIXED`), among them seed, protocol, samples_seen, epochs, flops,
    holdout_loss, stderr (of the probe, over test clips), n_test, domain, excluded and reason. A task with several
    metrics becomes one task a metric.

    Args:
        axis: the column that curves run along; numbers above 0, or names, along which nothing is fitted.
        factors: the columns whose values are compared. Without any: of objective, encoder, audio_init, text_init and
            sources, objective and those that vary.

    Returns:
        The scores, and the design that follows from the columns.

    Raises:
        StudyError: naming the file and the first thing that is wrong, as `read_scores`; or a cell that is not what its
            column holds, one size, an empty cell in a column that says what a score belongs to, a name that is no line
            of text, no error seen and n_test unknown, or a task that no figure would show.
    """
    _refuse_columns(path, axis, factors)
    table = _read(path, axis, factors)
    needed = [*(factors or ("objective",)), axis, *_MEASURED]
    if missing := [name for name in needed if name not in table.columns]:
        raise StudyError(f"{path}: missing column {', '.join(missing)} (needed: {', '.join(needed)})")
    columns = {name: FIXED.get(name, pl.String) for name in table.columns}
    if axis not in FIXED and not _has_names(table[axis]):
        columns[axis] = pl.Float64
    table = conform(table, columns, path)
    table = table.with_columns(pl.col(pl.String).replace("", None))
    _refuse_names(table, path)
    table = _with_references(table)
    runs = pl.Series([True] * len(table))
    if "reference" in table.columns:
        runs = table["reference"].fill_null("") == ""
    for name in dict.fromkeys((axis, *(factors or ("objective",)))):
        # A reference is compared to every level: it has none.
        empty = table[name].is_null() if name == axis else table[name].is_null() & runs
        if empty.any():
            raise StudyError(f"{path}: an empty cell in column {name}, row {_first(empty)}")
    table = table.with_columns(pl.col(name).fill_null("") for name in factors if name != axis)
    if len(table) > _MOST_SCORES:
        raise StudyError(
            f"{path}: {len(table):,} scores, and a report takes {_MOST_SCORES:,} at most: make a table for each part "
            "of the tasks"
        )
    design = _design(path, table, axis, factors)
    whole = schema(design)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in whole.items() if name not in table.columns]
    scores = table.with_columns(*absent).select(*whole)
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


def _refuse_columns(path: Path, axis: str, factors: tuple[str, ...]) -> None:
    """Raise `StudyError` for an axis or factors that no table can have."""
    if axis in FIXED and axis not in AMOUNTS:
        raise StudyError(f"{path}: column {axis} is no axis: give one of {', '.join(AMOUNTS)}, or one of your own")
    for name in factors:
        if name == axis or (name in FIXED and name not in _FACTORS):
            raise StudyError(f"{path}: column {name} is no factor: what is compared has names")
        if factors.count(name) > 1:
            raise StudyError(f"{path}: --factors names {name} twice")
    for name in (axis, *factors):
        if is_reserved(name):
            raise StudyError(f"{path}: a column {name} is the report's own: rename yours")


def _refuse_names(table: pl.DataFrame, path: Path) -> None:
    """Raise `StudyError` for a name that is blank or longer than any name. Notes and reasons may be long."""
    for name in table.select(cs.string()).columns:
        if name in ("note", "reason"):
            continue
        for cell in table[name].unique().drop_nulls().sort():
            if len(cell) > LONGEST or not cell.strip():
                row = int((table[name] == cell).arg_true()[0])
                raise refuse(
                    path, row, f"column {name} holds “{visible(cell, 60)}”: a name is a line of 1 to {LONGEST} letters"
                )


def _with_references(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column of references: that which it has, or told by the objective "none"."""
    if "reference" in table.columns or "objective" not in table.columns:
        return table
    encoder = pl.col("encoder").cast(pl.String) if "encoder" in table.columns else pl.lit("")
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
    place = Axis(axis, title, unit, "nominal" if table.schema[axis] == pl.String else "log")
    question = " ".join(f"Which {factor_name(name)}?" for name in names)
    return Design(path.stem, question, (place,), tuple(factors))


def _has_names(cells: pl.Series) -> bool:
    """Whether an axis of a person's own holds names."""
    if cells.dtype == pl.String:
        given = cells.drop_nulls().str.strip_chars()
        return given.cast(pl.Float64, strict=False).null_count() > 0
    return not cells.dtype.is_numeric()


def _refuse_unseen(scores: pl.DataFrame, design: Design, path: Path) -> None:
    """Raise `StudyError` where there is no curve to draw, or a task that no figure would show."""
    rows = trained(scores, design)
    if not (lawless := reported(scores)).is_empty():
        metric, task = lawless.select("metric", "task").row(0)
        raise StudyError(
            f"{path}: task {task} is scored by {metric}, which declares no error that a curve could be fitted to: "
            "give rouge_l_coco, or leave these rows out"
        )
    sizes = rows["x"].unique()
    if len(sizes) < 2:
        have = f"all runs have {sizes[0]} {design.x.unit}" if len(sizes) else "every score is a reference's"
        raise StudyError(f"{path}: {have}: a curve needs two sizes or more")
    unseen = rows.filter(~primary().any().over("task"))
    if not unseen.is_empty():
        task, pooling, metric = unseen.select("task", "pooling", "metric").row(0)
        raise StudyError(
            f"{path}: task {task} has only pooling {pooling}, metric {metric}: figures and averages show pooling mean, "
            "of recalls at k t2a_recall_at_10, and of captions rouge_l_coco under pooling text; rename the one that "
            "you want to be shown"
        )


def _read(path: Path, axis: str, factors: tuple[str, ...]) -> pl.DataFrame:
    """The columns of the file that are known or asked for, as they are."""
    known = {*FIXED, *_COMPARED, axis, *factors}

    def wanted(names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(name for name in names if name in known))

    try:
        if path.suffix.lower() == ".csv":
            return read_csv(path, wanted)
        return read_parquet(path, wanted)
    except FileNotFoundError:
        raise StudyError(f"{path}: not there") from None
    except OSError as error:
        raise StudyError(f"{path}: not a readable table ({error.strerror})") from None
    except ValueError as error:
        raise StudyError(f"{path}: not a readable Parquet table ({error}): write it again") from None


def _one_metric_a_task(scores: pl.DataFrame) -> pl.DataFrame:
    """A figure shows one metric a task: of several, each becomes a task."""
    several = pl.col("metric").filter(primary() & ~is_retrieval()).n_unique().over("task") > 1
    named = pl.format("{} ({})", "task", "metric")
    return scores.with_columns(pl.when(several & ~is_retrieval()).then(named).otherwise("task").alias("task"))


def _first(where: pl.Series) -> int:
    """The first row, from 1, where this holds."""
    return int(where.arg_true()[0]) + 1
