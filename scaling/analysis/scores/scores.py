"""Scores and predictions of a study as tables: read, checked, turned into errors and named for people."""

from pathlib import Path

import numpy as np
import polars as pl

from scaling.errors import StudyError

SCHEMA: dict[str, type[pl.DataType]] = {
    "study": pl.String, "run": pl.String, "objective": pl.String, "encoder": pl.String,
    "audio_init": pl.String, "text_init": pl.String, "sources": pl.String, "protocol": pl.String,
    "clips": pl.Int64, "captions": pl.Int64, "hours": pl.Float64, "samples_seen": pl.Int64,
    "epochs": pl.Float64, "seed": pl.Int64, "task": pl.String, "domain": pl.String, "pooling": pl.String,
    "metric": pl.String, "value": pl.Float64, "stderr": pl.Float64, "n_test": pl.Int64,
    "excluded": pl.Boolean, "reason": pl.String, "mlflow_run_id": pl.String,
}  # fmt: skip
PREDICTIONS: dict[str, type[pl.DataType]] = {
    "task": pl.String, "pooling": pl.String, "metric": pl.String, "clip": pl.String, "correct": pl.Float64,
}  # fmt: skip

ARM = ["objective", "encoder", "audio_init", "text_init", "sources"]
MEASURE = ["task", "domain", "pooling", "metric"]
KEYS = [*ARM, "protocol", *MEASURE]

_LESS_IS_BETTER = ["loss", "error", "perplexity", "wer", "cer", "eer", "rank"]

REFERENCES = ["chance", "log-mel", "untrained", "supervised"]
_OBJECTIVES = ["contrastive", "captioning", "hybrid"]
_DOMAINS = ["speech", "music", "environment"]


def _conform(table: pl.DataFrame, schema: dict[str, type[pl.DataType]], path: Path) -> pl.DataFrame:
    if missing := [name for name in schema if name not in table.columns]:
        raise StudyError(f"{path}: missing column {', '.join(missing)}")
    try:
        return table.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"{path}: a column has the wrong type: {str(error).splitlines()[0]}") from error


def _read(path: Path, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: not there; run the study first") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StudyError(f"{path}: not a readable Parquet table") from error
    return _conform(table, schema, path)


def read_scores(path: Path) -> pl.DataFrame:
    """Read and check `scores.parquet`: one row a score, columns as in `SCHEMA`, sorted.

    Excluded rows stay in the table; `used` drops them.

    Raises:
        StudyError: naming the file and the first thing that is wrong: not readable, a column missing or of
            the wrong type, a metric of which less is better, a value outside its range, or the same score twice.
    """
    return checked(_read(path, SCHEMA), path)


def checked(scores: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Scores with all columns, checked and sorted as `read_scores` says; `path` is for the message."""
    scores = scores.with_columns(
        pl.col("excluded").fill_null(False), pl.col("reason").fill_null(""), pl.col("stderr").fill_nan(None)
    )
    kept = scores.filter(~pl.col("excluded"))
    if kept.is_empty():
        raise StudyError(f"{path}: no score to analyse ({scores.height} rows, all excluded)")
    words = pl.col("metric").str.to_lowercase().str.split("_").list
    wrong = {
        "metric of which less is better (give 1 - value, under another name)": words.eval(
            pl.element().is_in(_LESS_IS_BETTER)
        ).list.any(),
        "value outside 0 to 1 (percentages: divide by 100)": ~pl.col("value").is_between(0, 1)
        | pl.col("value").is_null(),
        "negative stderr": pl.col("stderr") < 0,
        "n_test below 1": pl.col("n_test") < 1,
        "no error seen, and no n_test to say among how many": (pl.col("value") >= 1) & pl.col("n_test").is_null(),
        "clips below 1 for a trained run": (pl.col("clips") < 1) & (pl.col("objective") != "none"),
        "no run, task or metric": pl.any_horizontal(pl.col("run", "task", "metric").fill_null("") == ""),
        "no seed": pl.col("seed").is_null(),
    }
    for what, where in wrong.items():
        if not (bad := kept.filter(where)).is_empty():
            row = bad.row(0, named=True)
            raise StudyError(f"{path}: {what}: run {row['run']}, task {row['task']}, value {row['value']}")
    identity = ["run", "seed", "task", "pooling", "metric"]
    if not (twice := kept.filter(pl.struct(identity).is_duplicated())).is_empty():
        row = twice.row(0, named=True)
        raise StudyError(f"{path}: the same score twice: run {row['run']}, {row['task']}, {row['metric']}")
    twins = trained(scores).filter(pl.struct(*KEYS, "clips", "seed").is_duplicated()).sort("run")
    if not twins.is_empty():
        runs = " and ".join(twins["run"].unique(maintain_order=True).head(2))
        raise StudyError(f"{path}: two runs of the same arm, size and seed: {runs}")
    return scores.sort("clips", *KEYS, "seed", "run")


def read_predictions(folder: Path, scores: pl.DataFrame) -> pl.DataFrame:
    """Predictions of every run that has scores: columns run, task, pooling, metric, clip, correct (0 or 1).

    A run without the file is absent from the result: its scores then have no interval over test clips.

    Raises:
        StudyError: a file that cannot be read or lacks a column.
    """
    tables = []
    for run in sorted(trained(scores)["run"].unique()):
        path = folder / "runs" / run / "predictions.parquet"
        if path.exists():
            tables.append(_read(path, PREDICTIONS).select(pl.lit(run).alias("run"), pl.all()))
    empty = pl.DataFrame(schema={"run": pl.String, **PREDICTIONS})
    return pl.concat(tables) if tables else empty


def used(scores: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not excluded, with `error` (0 to 1) and `zero` (no error was seen).

    Zero errors among n count as ½/(n+1): the logarithm of the error has to exist, and a perfect score on few
    clips must not look like a law's floor.
    """
    zero = pl.col("value") >= 1.0
    return scores.filter(~pl.col("excluded")).with_columns(
        pl.when(zero).then(0.5 / (pl.col("n_test") + 1)).otherwise(1 - pl.col("value")).alias("error"),
        zero.alias("zero"),
    )


def trained(scores: pl.DataFrame) -> pl.DataFrame:
    """The used rows of the arms under study: neither references nor the run that others start from."""
    return used(scores).filter(~pl.col("objective").is_in(["none", "supervised"]))


def passes(scores: pl.DataFrame) -> pl.DataFrame:
    """One row a curve: KEYS, and how often training passed over its smallest and its largest size (null: unknown)."""
    return (
        trained(scores)
        .sort("clips", "seed")
        .group_by(KEYS, maintain_order=True)
        .agg(pl.col("epochs").first().alias("passes_smallest"), pl.col("epochs").last().alias("passes_largest"))
    )


def gaps(scores: pl.DataFrame) -> pl.DataFrame:
    """Where an arm has no score at a size that others have: ARM, task, and the `missing` sizes, ascending."""
    rows = trained(scores).filter(primary())
    arms, panels, sizes = (rows.select(names).unique() for names in (ARM, ["task"], ["clips"]))
    whole = arms.join(panels, how="cross").join(sizes, how="cross")
    lacking = whole.join(rows, on=[*ARM, "task", "clips"], how="anti", nulls_equal=True)
    return lacking.group_by(*ARM, "task").agg(pl.col("clips").sort().alias("missing")).sort(*ARM, "task")


def references(scores: pl.DataFrame) -> pl.DataFrame:
    """One row a reference and measure: reference (see `REFERENCES`), task, domain, pooling, metric, error."""
    name = (
        pl.when(pl.col("objective") == "supervised")
        .then(pl.lit("supervised"))
        .when(pl.col("encoder").is_in(["chance", "log-mel"]))
        .then(pl.col("encoder"))
        .otherwise(pl.lit("untrained"))
    )
    rows = used(scores).filter(pl.col("objective").is_in(["none", "supervised"]))
    return (
        rows.group_by(name.alias("reference"), *MEASURE)
        .agg(pl.col("error").mean())
        .sort("task", "metric", "pooling", "reference")
    )


def by_size(scores: pl.DataFrame) -> pl.DataFrame:
    """One row a curve and size: the trained arms averaged over seeds.

    Columns: KEYS, clips, error, stderr, probe, n_test, n_seeds, zero. The standard error joins the test clips' alone
    (`probe`; the same clips for every seed, so it does not shrink with seeds) with the seeds' (which does).

    Raises:
        StudyError: one curve would mix training protocols.
    """
    rows = trained(scores)
    mixed = rows.group_by(*ARM, *MEASURE).agg(pl.col("protocol").unique().sort())
    mixed = mixed.filter(pl.col("protocol").list.len() > 1).sort(*ARM, *MEASURE)
    if not mixed.is_empty():
        row = mixed.row(0, named=True)
        raise StudyError(
            f"protocols {' and '.join(row['protocol'])} may not share a curve, but {row['objective']}, "
            f"{row['audio_init']}, {row['task']} has both; report them as separate studies"
        )
    return (
        rows.group_by(*KEYS, "clips")
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
        .sort(*KEYS, "clips")
    )


def primary() -> pl.Expr:
    """Which rows the figures and averages show: one metric a task (others are in the tables).

    Retrieval is text→audio recall@10 through the ridge map, the one rule that every objective can be scored by.
    """
    recall = pl.col("metric").str.contains("_recall_at_")
    return (pl.col("pooling") == "mean") & (~recall | (pl.col("metric") == "t2a_recall_at_10"))


def is_retrieval() -> pl.Expr:
    """Whether a row's metric is a retrieval metric."""
    return pl.col("metric").str.contains("_recall_at_")


def metric_name(metric: str) -> str:
    """A metric's name as people say it: `a2t_recall_at_1` is "recall@1 audio→text"."""
    way, _, k = metric.partition("_recall_at_")
    ways = {"a2t": "audio→text", "t2a": "text→audio"}
    return f"recall@{k} {ways[way]}" if way in ways else metric.replace("_", " ")


def init_name(audio_init: str) -> str:
    """An initialization's name as people say it."""
    known = {"scratch": "from scratch", "supervised": "initialized"}
    return known.get(audio_init) or f"initialized ({Path(audio_init).stem})"


def arm_names(table: pl.DataFrame) -> dict[tuple[str, ...], str]:
    """A name for every arm (a tuple of `ARM`) in the table, in the order in which arms are shown.

    Objective and initialization always; text side, encoder and sources only where they tell arms apart.
    """
    arms = table.select(ARM).unique()
    extras = [name for name in ("encoder", "sources") if arms[name].n_unique() > 1]
    if not text_is_coupled(table):
        extras.append("text_init")

    def order(arm: tuple[str, ...]) -> tuple[int, bool, tuple[str, ...]]:
        place = _OBJECTIVES.index(arm[0]) if arm[0] in _OBJECTIVES else len(_OBJECTIVES)
        return place, arm[2] != "scratch", arm

    names = {}
    for arm in sorted(arms.rows(), key=order):
        parts = [arm[0], init_name(arm[2])]
        parts += [f"{name.replace('_init', ' side')} {arm[ARM.index(name)]}" for name in extras]
        names[arm] = ", ".join(parts)
    return names


def text_is_coupled(table: pl.DataFrame) -> bool:
    """Whether objective and audio initialization determine the text side's (as in the paper's preset)."""
    arms = table.select("objective", "audio_init", "text_init").unique()
    return arms.height == arms.select("objective", "audio_init").n_unique()


def tasks(table: pl.DataFrame) -> list[tuple[str, str]]:
    """(task, domain) in the order in which tasks are shown: by domain, then probes, then retrieval, by name."""
    rows = table.filter(primary()).select("task", "domain", is_retrieval().alias("retrieval")).unique().rows()

    def order(row: tuple[str, str, bool]) -> tuple[int, str, bool, str]:
        task, domain, retrieval = row
        return (_DOMAINS.index(domain) if domain in _DOMAINS else len(_DOMAINS)), domain, retrieval, task

    return [(task, domain) for task, domain, _ in sorted(rows, key=order)]


def domains(table: pl.DataFrame) -> list[str]:
    """The domains of the table's tasks, in the order in which they are shown."""
    return list(dict.fromkeys(domain for _, domain in tasks(table)))


def capital(text: str) -> str:
    """Text with a capital at its start, and names left as they are."""
    return text[:1].upper() + text[1:]


def thousands(clips: float) -> str:
    """A number of clips for an axis or a sentence: 400, 1,000, 10,000, 9.3 M."""
    if clips >= 1e6:
        return f"{clips / 1e6:.3g} M"
    return f"{int(np.round(clips)):,}"
