"""What the analysis knows of a metric: its range, the error that is fitted, and which averages it is in.

A metric that is not in the table (of a table of scores from elsewhere) lies between 0 and 1, more is better, 1 − value
is its error, and it is averaged as a classification is.
"""

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

EvaluationAxis = Literal["classification", "event detection", "audio-language"]
AXES: tuple[EvaluationAxis, ...] = ("classification", "event detection", "audio-language")
"""Axes of evaluation, in the order in which they are shown. No average runs across them: a point of accuracy is no
point of recall."""


@dataclass(frozen=True)
class Metric:
    """What is known of one.

    Attributes:
        axis: the axis of evaluation that its tasks belong to.
        error: the error that curves are fitted to, between 0 and 1 and less is better; "" for a metric that has none
            and is reported only.
        averaged: whether it stands for its task in figures and averages, under the pooling that `pooling` names.
        low, high: between which a value lies.
        of_clips: whether it is a mean over test clips, each of which has a value in its range. Else what a clip adds to
            it is its influence, which may lie outside.
    """

    axis: EvaluationAxis
    error: Literal["1 - value", ""] = "1 - value"
    averaged: bool = False
    pooling: str = "mean"
    low: float = 0.0
    high: float = 1.0
    of_clips: bool = True


UNKNOWN = Metric("classification", averaged=True)
METRICS: dict[str, Metric] = {
    "accuracy": Metric("classification", averaged=True),
    "map": Metric("classification", averaged=True, of_clips=False),
    "roc_auc": Metric("classification", of_clips=False),
    # Of events: PSDS1, and the same without what it takes off for the spread over classes.
    "psds1": Metric("event detection", averaged=True, pooling="frames", of_clips=False),
    "psds1_macro": Metric("event detection", of_clips=False),
    **{f"a2t_recall_at_{k}": Metric("audio-language") for k in (1, 5, 10)},
    **{f"t2a_recall_at_{k}": Metric("audio-language", averaged=k == 10) for k in (1, 5, 10)},
    "t2a_map_at_10": Metric("audio-language"),
    # A caption that says the same in other words shares few n-grams: the distance to a perfect score is no error.
    **{f"bleu_{n}": Metric("audio-language", error="", of_clips=False) for n in (1, 2, 3, 4)},
    "rouge_l": Metric("audio-language"),
    "rouge_l_coco": Metric("audio-language", averaged=True, pooling="text"),
    "cider_d": Metric("audio-language", error="", high=10.0),
    # A language model answers much without listening: what counts is how much of the rest audio gives. One that does
    # worse than without has a negative gain, and an error of 1.
    "qa_accuracy": Metric("audio-language", error=""),
    "qa_gain": Metric("audio-language", averaged=True, pooling="text", low=-math.inf, of_clips=False),
}


def has_error() -> pl.Expr:
    """Whether a row's metric declares an error."""
    return ~pl.col("metric").is_in([name for name, known in METRICS.items() if not known.error])


def evaluation_axis() -> pl.Expr:
    """The axis of evaluation of a row's metric."""
    names = {name: known.axis for name, known in METRICS.items()}
    return pl.col("metric").replace_strict(names, default=UNKNOWN.axis, return_dtype=pl.String)


def bounds() -> tuple[pl.Expr, pl.Expr]:
    """Between which a row's value lies."""
    low = {name: known.low for name, known in METRICS.items()}
    high = {name: known.high for name, known in METRICS.items()}
    return (
        pl.col("metric").replace_strict(low, default=UNKNOWN.low, return_dtype=pl.Float64),
        pl.col("metric").replace_strict(high, default=UNKNOWN.high, return_dtype=pl.Float64),
    )


def of_clips() -> pl.Expr:
    """Whether a row's metric is a mean of values of test clips."""
    return ~pl.col("metric").is_in([name for name, known in METRICS.items() if not known.of_clips])


def primary() -> pl.Expr:
    """Which rows stand for their task in figures and averages: one metric and pooling a task (others are in the
    tables).

    Of a classification accuracy or mean average precision of mean frames; of retrieval text→audio recall@10 through the
    ridge map, the one rule that every objective can be scored by; of captioning COCO's ROUGE-L; of questions
    the gain over words alone.
    """
    others = {name: known.pooling for name, known in METRICS.items() if known.averaged and known.pooling != "mean"}
    beside = [name for name, known in METRICS.items() if name in others or not known.averaged]
    found = (pl.col("pooling") == "mean") & ~pl.col("metric").is_in(beside)
    for name, pooling in others.items():
        found |= (pl.col("metric") == name) & (pl.col("pooling") == pooling)
    return found


def headline(table: pl.DataFrame) -> pl.DataFrame:
    """The primary rows of the first axis of evaluation that a table has any of: what an average over all tasks is
    over."""
    main = table.filter(primary())
    there = set(main.select(evaluation_axis().alias("axis"))["axis"])
    first = next((axis for axis in AXES if axis in there), AXES[0])
    return main.filter(evaluation_axis() == first)
