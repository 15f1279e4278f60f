"""Gains in compute: one of exactly two is found, and nothing is said where compute does not grow."""

import numpy as np
import pytest
from fake_study import Tables
from made_study import gain, holds
from planted_study import CLIPS, SEEN, design, drawn, table

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.compute import gained, gains
from scaling.analysis.claims.differences import differences
from scaling.analysis.claims.pairs import pairs
from scaling.analysis.scores.design import Axis, Design


def told(asked: Design, axis: str = "clips", **columns: object) -> list[Claim]:
    scores = table(asked, {axis: (400, 1600, 6400)}, lambda run: 2 * run[axis] ** -0.3)
    scores = scores.with_columns(**columns)  # type: ignore[arg-type]
    draws = drawn(scores, asked)
    compared = pairs(draws.cells, asked)
    return gained(gains(draws, scores, asked, compared, differences(draws, compared)), asked)


@pytest.mark.parametrize(("seeds", "dearer"), [(3, 1.0), (3, 3.0), (1, 1.0)])
def test_a_gain_of_two_is_found(seeds: int, dearer: float) -> None:
    claim = gain(2.0, seeds, 0.001, 0, dearer)
    assert (claim.kind, claim.factor, claim.arm, claim.other) == ("compute_gain", "objective", "one", "two")
    assert (claim.status, claim.unit) == ("said", "times less compute")
    assert claim.number == pytest.approx(2, rel=0.08)
    assert holds(claim.interval, 2.0)
    assert (claim.probability or 0) > 0.99
    assert "one would need" in claim.sentence.lower()
    assert "times less compute for the average error of two with 64,000 clips" in claim.sentence


def test_a_pair_the_other_way_round_has_the_reciprocal() -> None:
    claim = gain(0.5, 3, 0.001, 0)
    assert claim.number == pytest.approx(0.5, rel=0.08)
    assert (claim.probability or 1) < 0.01
    assert "two would need" in claim.sentence.lower()
    assert "times less compute for the average error of one" in claim.sentence


def test_intervals_hold_the_true_gain() -> None:
    held = [holds(gain(2.0, 3, 0.02, k).interval, 2.0) for k in range(12)]
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.09 / 12)


@pytest.mark.long
@pytest.mark.parametrize(("times", "seeds", "noise"), [(2.0, 3, 0.02), (1.0, 3, 0.02), (2.0, 1, 0.0)])
def test_intervals_hold_the_true_gain_often(times: float, seeds: int, noise: float) -> None:
    held = [holds(gain(times, seeds, noise, k).interval, times) for k in range(60)]
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.09 / 60)


def test_a_gain_beyond_the_sizes_is_open() -> None:
    claim = gain(1000.0, 3, 0.01, 0)
    assert claim.number is None
    assert claim.interval == (pytest.approx(64), None)
    assert "over 64 times less" in claim.sentence
    turned = gain(0.001, 3, 0.01, 0)
    assert turned.interval == (None, pytest.approx(1 / 64))


def test_nothing_is_said_where_every_size_costs_the_same(study_claims: list[Claim], three: Tables) -> None:
    assert not [claim for claim in study_claims if claim.kind == "compute_gain"]
    asked = design(CLIPS, levels=("one", "two"))
    assert not told(asked)


def test_samples_seen_stand_in_for_compute_but_not_for_their_own_axis() -> None:
    import polars as pl

    asked = design(CLIPS, levels=("one", "two"))
    (claim,) = told(asked, samples_seen=10 * pl.col("clips"))
    assert claim.unit == "times less samples seen"
    assert holds(claim.interval, 1.0)
    (claim,) = told(asked, flops=1e9 * pl.col("clips"), samples_seen=10 * pl.col("clips"))
    assert claim.unit == "times less compute"
    assert not told(design(SEEN, levels=("one", "two")), "samples_seen")
    assert not told(design(Axis("flops", "FLOPs", "FLOPs"), levels=("one", "two")), "flops")
