"""Poolings side by side: averages over the tasks that have both, and whether they agree on the arms' order."""

import numpy as np
import polars as pl
import pytest
from made_study import Many

from scaling.analysis.report.look import Looks
from scaling.analysis.report.poolings import drawn_poolings, pooling_caption, poolings

STUDY = Many(arms=2, tasks=3, sizes=(100, 1000), seeds=2)


@pytest.fixture
def mean() -> pl.DataFrame:
    scores, _ = STUDY.scores(np.random.default_rng(0))
    # Errors without noise: arm 0 has 20 % and 10 %, arm 1 has 30 % and 15 %.
    error = pl.when(pl.col("clips") == 100).then(0.2).otherwise(0.1)
    return scores.with_columns(value=1 - error * pl.when(pl.col("objective") == "arm 1").then(1.5).otherwise(1.0))


def attention(mean: pl.DataFrame, arm: str) -> pl.DataFrame:
    """The same with an attention head, by which one arm errs half as often; of all tasks but the last."""
    rows = mean.filter(pl.col("task") != "task 2").with_columns(pooling=pl.lit("attention"))
    better = pl.when(pl.col("objective") == arm).then(0.5).otherwise(1.0)
    return rows.with_columns(value=1 - (1 - pl.col("value")) * better)


def test_averages_are_over_the_tasks_that_both_score(mean: pl.DataFrame) -> None:
    scores = pl.concat([mean, attention(mean, "arm 1")])
    found = poolings(scores, STUDY.design)
    assert found is not None
    assert found.tasks == ["task 0", "task 1"]
    errors = {row[:3]: row[3] for row in found.table.select("objective", "x", "pooling", "error").iter_rows()}
    assert errors[("arm 1", 1000, "mean")] == pytest.approx(0.15)
    assert errors[("arm 1", 1000, "attention")] == pytest.approx(0.075)
    looks = Looks(scores, STUDY.design)
    caption = pooling_caption(found, looks, STUDY.design.x)
    assert "the order, least error first, is arm 0, arm 1 by the mean of frames, and arm 1, arm 0 by att" in caption
    [axes] = drawn_poolings(found, looks, STUDY.design).axes
    assert len(axes.get_lines()) == 4


def test_poolings_that_agree_say_so(mean: pl.DataFrame) -> None:
    scores = pl.concat([mean, attention(mean, "arm 0")])
    found = poolings(scores, STUDY.design)
    assert found is not None
    caption = pooling_caption(found, Looks(scores, STUDY.design), STUDY.design.x)
    assert "At 1,000 clips both put the arms into one order: arm 0, arm 1." in caption


def test_tasks_without_a_score_somewhere_are_left_out(mean: pl.DataFrame) -> None:
    some = attention(mean, "arm 0").filter(~((pl.col("clips") == 100) & (pl.col("objective") == "arm 1")))
    assert poolings(mean, STUDY.design) is None
    assert poolings(pl.concat([mean, some]), STUDY.design) is None


def test_of_a_single_size_every_arm_goes_from_one_pooling_to_the_other(mean: pl.DataFrame) -> None:
    scores = pl.concat([mean, attention(mean, "arm 1")]).filter(clips=1000)
    found, looks = poolings(scores, STUDY.design), Looks(scores, STUDY.design)
    assert found is not None
    assert "dashed" not in pooling_caption(found, looks, STUDY.design.x)
    [axes] = drawn_poolings(found, looks, STUDY.design).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["mean of frames", "attention"]
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [
        pytest.approx([0.1, 0.1]),
        pytest.approx([0.15, 0.075]),
    ]
