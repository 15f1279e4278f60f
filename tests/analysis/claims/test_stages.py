"""Two stages beside the direct curve: the one that predicts the largest size better is named."""

import numpy as np
import polars as pl
import pytest
from made_study import SIZES, Many

from scaling.analysis.claims.stages import Stages, staged_claims, stages
from scaling.analysis.curves.curve import BEYOND
from scaling.analysis.scores.resamples import draw

NOISY = Many(3, 4, noise=0.1, n_test=200, loss=0.001)


def test_a_quiet_loss_predicts_noisy_errors_better() -> None:
    """Errors follow from the loss exactly; their own noise misleads the direct curve."""
    named = []
    for k in range(6):
        scores, draws, _ = NOISY.drawn(np.random.default_rng(k))
        found = stages(draws, scores, NOISY.design)
        named.append(found.named)
        assert found.n == 12
        assert found.off[2] < 0.25
    assert named.count("two stages") >= 5


def test_a_loss_that_tells_nothing_does_not_win() -> None:
    case = Many(3, 4, noise=0.01)
    named = []
    for k in range(4):
        rng = np.random.default_rng(k)
        scores, _, _ = case.drawn(rng)
        runs = scores["run"].unique().sort()
        loss = dict(zip(runs, rng.uniform(2, 3, len(runs)), strict=True))
        scores = scores.with_columns(holdout_loss=pl.col("run").replace_strict(loss, return_dtype=pl.Float64))
        named.append(stages(draw(scores, None, case.design), scores, case.design).named)
    assert named == ["the direct curve"] * 4


def test_what_is_said_of_it() -> None:
    scores, draws, _ = NOISY.drawn(np.random.default_rng(1))
    found = stages(draws, scores, NOISY.design)
    first, *forecasts = staged_claims(found, NOISY.design)
    assert (first.kind, first.unit, first.factor) == ("two_stages", "percent of the error", "")
    assert first.number == pytest.approx(100 * (found.off[0] - found.off[1]))
    assert first.interval is not None
    assert f"{found.named} predicted better" in first.sentence
    assert [(one.kind, one.arm, one.at) for one in forecasts] == [
        ("forecast", f"arm {i}", BEYOND * SIZES[-1]) for i in range(3)
    ]  # fmt: skip
    for one, arm in zip(forecasts, found.arms, strict=True):
        number, ends = arm.staged if found.named == "two stages" else arm.direct
        assert one.number == pytest.approx(100 * number)
        assert one.interval == pytest.approx(tuple(100 * end for end in ends))
        assert ends[0] < number < ends[1]


def test_without_a_loss_or_with_three_sizes_nothing_is_said() -> None:
    quiet = Many(2, 2)
    scores, draws, _ = quiet.drawn(np.random.default_rng(0))
    assert stages(draws, scores, quiet.design) == Stages()
    assert staged_claims(Stages(), quiet.design) == []
    lossy = Many(2, 2, loss=0.01)
    scores, _, _ = lossy.drawn(np.random.default_rng(0))
    few = scores.filter(pl.col("clips") < SIZES[-1])
    assert not stages(draw(few, None, lossy.design), few, lossy.design).arms
    negative = scores.with_columns(holdout_loss=-pl.col("holdout_loss"))
    assert not stages(draw(negative, None, lossy.design), negative, lossy.design).arms
    # An arm without it is left out alone.
    part = scores.with_columns(pl.when(pl.col("objective") == "arm 1").then("holdout_loss").alias("holdout_loss"))
    assert [one.arm.name for one in stages(draw(part, None, lossy.design), part, lossy.design).arms] == ["arm 1"]
