"""The rows of a table of scores: those of the arms under study, averaged over seeds, and the references."""

import polars as pl

from scaling.analysis.scores.arms import arm_columns, arms
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.metrics import evaluation_axis, has_error, primary
from scaling.errors import StudyError

ALL_TASKS = "all tasks"  # what an average is called: no task and no domain may be
MEASURE = ["task", "domain", "pooling", "metric"]
_DOMAINS = ["speech", "music", "environment"]  # shown first, in this order


def keys(design: Design) -> list[str]:
    """What tells curves apart: the arm's columns, the protocol and the measure."""
    return list(dict.fromkeys([*arm_columns(design), "protocol", *MEASURE]))


def used(scores: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not excluded and whose metric declares an error, with `error` (0 to 1) and `zero` (no error was
    seen).

    Zero errors among n count as ½/(n+1): the logarithm of the error has to exist, and a perfect score on few
    clips must not look like a law's floor.
    """
    zero = pl.col("value") >= 1.0
    return scores.filter(~pl.col("excluded"), has_error()).with_columns(
        pl.when(zero)
        .then(0.5 / (pl.col("n_test") + 1.0))
        .otherwise((1 - pl.col("value")).clip(upper_bound=1.0))
        .alias("error"),
        zero.alias("zero"),
    )


def trained(scores: pl.DataFrame, design: Design) -> pl.DataFrame:
    """The used rows of the runs under study, with their place `x` on the axis; names that are numbers become such."""
    rows = used(scores).filter(pl.col("reference") == "").with_columns(pl.col(design.x.column).alias("x"))
    if rows.schema["x"] == pl.String:
        numbers = rows["x"].cast(pl.Float64, strict=False)
        rows = rows.with_columns(numbers) if not numbers.null_count() else rows
    return rows


def passes(scores: pl.DataFrame, design: Design) -> pl.DataFrame:
    """One row a curve: `keys`, and how often training passed over its clips at the smallest and at the largest size
    (null: unknown)."""
    return (
        trained(scores, design)
        .sort("x", "seed")
        .group_by(keys(design), maintain_order=True)
        .agg(pl.col("epochs").first().alias("passes_smallest"), pl.col("epochs").last().alias("passes_largest"))
    )


def gaps(scores: pl.DataFrame, design: Design) -> pl.DataFrame:
    """Where an arm has no score at a size that others have: its columns, task, and the `missing` sizes, ascending."""
    rows = trained(scores, design).filter(primary())
    columns = arm_columns(design)
    whole = rows.select("task").unique().join(rows.select("x").unique(), how="cross")
    if columns:
        whole = rows.select(columns).unique().join(whole, how="cross")
    lacking = whole.join(rows, on=[*columns, "task", "x"], how="anti", nulls_equal=True)
    found = lacking.group_by(*columns, "task").agg(pl.col("x").sort().alias("missing"))
    return found.sort(*columns, "task")


def references(scores: pl.DataFrame) -> pl.DataFrame:
    """One row a reference and measure: reference, task, domain, pooling, metric, error, and how many `kinds` of the
    reference (several encoders, each with its own) the error is the mean of."""
    rows = used(scores).filter(pl.col("reference") != "")
    return (
        rows.group_by("reference", *MEASURE)
        .agg(pl.col("error").mean(), (pl.len() / pl.col("seed").n_unique()).round().cast(pl.Int64).alias("kinds"))
        .sort("task", "metric", "pooling", "reference")
    )


def by_size(scores: pl.DataFrame, design: Design) -> pl.DataFrame:
    """One row a curve and place on the axis: the runs under study averaged over seeds.

    Columns: `keys`, x, error, stderr, probe, n_test, n_seeds, zero. The standard error joins the test clips' alone
    (`probe`; the same clips for every seed, so it does not shrink with seeds) with the seeds' (which does).

    Raises:
        StudyError: one curve would mix training protocols.
    """
    rows = trained(scores, design)
    _refuse_mixed_protocols(rows, design)
    return (
        rows.group_by(*keys(design), "x")
        .agg(
            pl.col("error").mean(),
            (pl.col("stderr").fill_null(0).pow(2).mean() + pl.col("error").var().fill_null(0) / pl.col("error").len())
            .sqrt()
            .alias("stderr"),
            pl.col("stderr").fill_null(0).pow(2).mean().sqrt().alias("probe"),
            pl.col("n_test").min(),
            pl.len().cast(pl.Int64).alias("n_seeds"),
            pl.col("zero").any(),
        )
        .sort(*keys(design), "x")
    )


def _refuse_mixed_protocols(rows: pl.DataFrame, design: Design) -> None:
    for arm in arms(rows, design):
        several = rows.filter(arm.rows()).filter(pl.col("protocol").n_unique().over(MEASURE) > 1).sort(MEASURE)
        if not several.is_empty():
            both = " and ".join(several["protocol"].unique().sort())
            raise StudyError(
                f"protocols {both} may not share a curve, but {arm.name}, {several['task'][0]} has both; report them "
                "as separate studies"
            )


def is_retrieval() -> pl.Expr:
    """Whether a row's metric is a retrieval metric."""
    return pl.col("metric").str.contains("_recall_at_")


def is_question() -> pl.Expr:
    """Whether a row's metric is of answers to questions."""
    return pl.col("metric").str.starts_with("qa_")


def tasks(table: pl.DataFrame) -> list[tuple[str, str]]:
    """(task, domain) in the order in which tasks are shown: by domain, then by axis of evaluation, by name."""
    later = evaluation_axis() != "classification"
    rows = table.filter(primary()).select("task", "domain", later.alias("later")).unique().rows()

    def order(row: tuple[str, str, bool]) -> tuple[int, str, bool, str]:
        task, domain, later = row
        return (_DOMAINS.index(domain) if domain in _DOMAINS else len(_DOMAINS)), domain, later, task

    return [(task, domain) for task, domain, _ in sorted(rows, key=order)]


def domains(table: pl.DataFrame) -> list[str]:
    """The domains of the table's tasks, in the order in which they are shown."""
    return list(dict.fromkeys(domain for _, domain in tasks(table)))


def reported(scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of runs under study whose metric declares no error: no curve is fitted to them."""
    return scores.filter(~pl.col("excluded"), ~has_error(), pl.col("reference") == "")


def notes(scores: pl.DataFrame) -> pl.DataFrame:
    """What the probes remarked on used scores: one row a note, with how many scores (`n`), `tasks` and `runs`."""
    rows = used(scores).filter(pl.col("note") != "").group_by("note")
    return rows.agg(pl.len().alias("n"), pl.col("task", "run").unique().sort().name.suffix("s")).sort("note")
