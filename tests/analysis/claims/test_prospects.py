"""What several seeds tell beyond the data, and what they cannot.

Covers `means`, `averages` and `twins` too.
"""

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from fake_study import OBJECTIVE, SIZES, Run, Tables, make, read_tables

from scaling.analysis.claims.claim import ALL_TASKS, Claim
from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.scores import Axis, Design


def of(found: list[Claim], kind: str, factor: str = "", unit: str = "") -> list[Claim]:
    """Claims of a kind about all tasks."""
    same = [claim for claim in found if claim.kind == kind and claim.scope == ALL_TASKS and claim.factor == factor]
    return [claim for claim in same if unit in ("", claim.unit)]


def test_several_seeds_answer_what_reaches_beyond_the_data(three: Tables) -> None:
    found = claims(gather(*three))
    json.dumps([asdict(claim) for claim in found], allow_nan=False)
    for factor in ("objective", "initialization"):
        crossing = of(found, "crossover", factor)
        assert len(crossing) == 2
        for claim in crossing:
            assert set(claim.chances) == {"crossover", "none_within_10", "none_within_100"}
            assert claim.status == "cannot be said" or max(claim.chances.values()) >= 0.9
        assert len(of(found, "steeper", factor, "exponent")) == 2
    for claim in of(found, "worth", "initialization", "times the clips"):
        assert claim.interval is not None
        assert (claim.interval[0] or 0) > 1
    nexts = of(found, "doubling")
    assert [claim.status for claim in nexts] == ["said"] * 4
    for claim in of(found, "shrinks", "initialization", "clips"):
        assert [row[0] for row in claim.along] == [*SIZES, 20000, 40000, 100000]
        assert all(low < number < high for _, number, low, high in claim.along)
        assert claim.covers == "test clips and 3 seeds"
    assert not any("nan" in claim.sentence or "inf " in claim.sentence for claim in found)


def test_seeds_alone_suffice_without_predictions(three: Tables) -> None:
    scores, predictions, design = three
    nexts = of(claims(gather(scores, predictions.clear(), design)), "doubling")
    assert {claim.covers for claim in nexts} == {"3 seeds; test-clip noise unknown"}
    assert {claim.status for claim in nexts} == {"said"}


def test_an_arm_missing_at_a_size_or_with_few_sizes(three: Tables) -> None:
    scores, predictions, design = three
    captioning = pl.col("objective") == "captioning"
    whole = claims(gather(scores.filter(~(captioning & (pl.col("clips") == 1000))), predictions, design))
    assert all(claim.interval is not None for claim in of(whole, "crossover", "objective"))
    found = claims(gather(scores.filter(~(captioning & (pl.col("clips") > 1000))), predictions, design))
    few = of(found, "crossover", "objective")
    assert {claim.status for claim in few} == {"cannot be said"}
    assert "2 sizes are too few for a curve" in few[0].sentence


def test_a_rising_arm_and_arms_that_are_the_same(three: Tables) -> None:
    scores, predictions, design = three
    captioning = pl.col("objective") == "captioning"
    falling = 0.9 - 0.1 * (pl.col("clips") / 400).log()
    rising = scores.with_columns(pl.when(captioning).then(falling).otherwise("value").alias("value"))
    found = claims(gather(rising, predictions.clear(), design))
    assert "overtake captioning" in of(found, "crossover", "objective")[0].sentence
    assert "the error rises" in of(found, "steeper", "objective", "exponent")[0].sentence
    copied = scores.filter(pl.col("objective") == "contrastive").with_columns(
        pl.lit("captioning").alias("objective"), ("copy-" + pl.col("run")).alias("run")
    )
    found = claims(gather(pl.concat([scores.filter(~captioning), copied]), predictions.clear(), design))
    assert "both arms score the same" in of(found, "crossover", "objective")[0].sentence


@pytest.mark.parametrize("baseline", [None, "contrastive"])
def test_a_planted_crossover_is_found_whoever_is_the_baseline(tmp_path: Path, baseline: str | None) -> None:
    """Captioning, behind at first, overtakes at 2,000 clips; its advantage is never the one that vanishes."""

    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        steep = run["objective"] == "captioning"
        return float(0.05 + 0.4 * (run["clips"] / 2000) ** (-0.6 if steep else -0.3))

    factor = type(OBJECTIVE)("objective", OBJECTIVE.levels, baseline)
    design = Design("Crossing", "Do they cross?", (Axis(),), (factor,))
    sizes = (500, 1000, 4000, 16000)
    folder = make(tmp_path / "c", design, law, {"clips": sizes}, ["event", "mode", "pitch"], seeds=3, noise=0.003)
    found = claims(gather(*read_tables(folder)))
    (crossing,) = of(found, "crossover", "objective")
    assert (crossing.arm, crossing.other) == (("captioning", "contrastive") if baseline else OBJECTIVE.levels)
    assert crossing.status == "said"
    assert crossing.number == pytest.approx(2000, rel=0.3)
    assert "Captioning would overtake contrastive at about" in crossing.sentence
    (vanishing,) = of(found, "shrinks", "objective", "clips")
    ahead = "captioning over contrastive" if baseline else "contrastive over captioning"
    assert f"the advantage of {ahead}" in vanishing.sentence.lower()
    assert vanishing.along[-1][1] * (1 if baseline else -1) > 0
