"""Claims say what the planted study holds, and leave open what it cannot tell."""

import json
import re
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from fake_study import SIZES, make_study

from scaling.analysis.claims.beyond import ALL, CROSSES, DATA, OBJECTIVE, PAYS, SHRINKS, STEEPER, WORTH
from scaling.analysis.claims.claim import Claim, behind, chance, points
from scaling.analysis.claims.verdict import verdict
from scaling.analysis.claims.within import claims
from scaling.analysis.scores.resamples import Draws
from scaling.analysis.scores.scores import read_predictions, read_scores
from scaling.errors import StudyError


def overall(found: list[Claim], question: str) -> list[Claim]:
    return [claim for claim in found if claim.question == question and claim.evidence["scope"] == ALL]


def test_the_planted_answers_are_found(study_claims: list[Claim]) -> None:
    scratch = next(c for c in overall(study_claims, OBJECTIVE) if c.evidence["held"] == "from scratch")
    assert scratch.status == "said"
    assert scratch.number > 0
    assert scratch.interval is not None
    assert scratch.interval[0] < scratch.number < scratch.interval[1]
    assert all(c.status == "said" and c.number > 0 for c in overall(study_claims, PAYS) if c.evidence["clips"] == 400)
    assert len([c for c in overall(study_claims, DATA) if "step" not in c.evidence]) == 4
    for question in (OBJECTIVE, PAYS):
        told = [(c.evidence["held"], c.evidence["clips"]) for c in overall(study_claims, question)]
        assert sorted(told) == sorted({(held, clips) for held, _ in told for clips in SIZES})


def test_one_seed_establishes_no_difference_of_exponents(study_claims: list[Claim]) -> None:
    for claim in overall(study_claims, STEEPER):
        assert claim.status == "cannot be said"
        assert "4 sizes with one seed cannot establish" in claim.sentence
        assert claim.covers.endswith("one seed: seed noise unknown")


def test_the_worth_in_clips_lies_between_the_sizes(study_claims: list[Claim]) -> None:
    for claim in overall(study_claims, WORTH):
        assert claim.number is not None
        assert SIZES[0] <= claim.number <= SIZES[-1]
        assert claim.unit == "clips"


def test_claims_are_json_with_evidence(study_claims: list[Claim]) -> None:
    json.dumps([asdict(claim) for claim in study_claims], allow_nan=False)
    scratch = overall(study_claims, OBJECTIVE)[0]
    assert scratch.evidence["runs"] == "captioning-scratch-400-s0 contrastive-scratch-400-s0"
    assert all(c.probability is None or 0 < c.probability < 1 for c in study_claims)


def test_without_predictions_nothing_is_claimed(study_tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    scores, predictions = study_tables
    found = claims(scores, predictions.clear())
    assert found
    assert {claim.status for claim in found} == {"cannot be said"}
    assert all(claim.interval is None for claim in found)
    assert "too close to call" in " ".join(short for _, short, _ in verdict(found))


def test_the_verdict_answers_three_questions(study_claims: list[Claim], study_draws: Draws) -> None:
    answers = verdict(study_claims)
    assert [question for question, _, _ in answers] == [OBJECTIVE, CROSSES, DATA, PAYS]
    assert "Contrastive" in answers[0][1]
    assert np.isfinite(study_draws.errors).all()


def test_probabilities_are_never_certain() -> None:
    assert (chance(0.9995), chance(0.0002), chance(0.5)) == ("over 99 %", "under 1 %", "50 %")


def test_a_pair_is_turned_round_where_the_second_is_probably_better() -> None:
    assert [behind(0.1, 0.4), behind(-0.1, 0.5), behind(-0.1, None), behind(0.0, None)] == [True, False, True, False]
    assert [points(-0.0004), points(-0.0551)] == ["0.0", "−5.5"]


def test_steepness_names_the_steeper_first(study_claims: list[Claim]) -> None:
    """Its interval is of the first's fall minus the second's."""
    for claim in overall(study_claims, STEEPER):
        assert claim.number is not None
        told = re.search(
            r"falls by (\S+) % per tenfold data for (\w+) and by (\S+) % for (\w+) .* (\S+) to (\S+)\)", claim.sentence
        )
        assert told
        steeper, name, flatter, _, low, high = told.groups()
        assert name == claim.evidence["other" if claim.number > 0 else "arm"]
        assert float(steeper) - float(flatter) == pytest.approx(abs(claim.number), abs=0.11)
        assert float(low.replace("−", "-")) < abs(claim.number) < float(high)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and predictions of a study of three seeds and two tasks."""
    folder = make_study(tmp_path_factory.mktemp("claims") / "three", seeds=3, tasks=["mode", "speaker"])
    scores = read_scores(folder / "report" / "scores.parquet")
    return scores, read_predictions(folder, scores)


Tables = tuple[pl.DataFrame, pl.DataFrame]


def of(found: list[Claim], question: str, unit: str) -> list[Claim]:
    return [claim for claim in overall(found, question) if claim.unit == unit]


def test_several_seeds_answer_what_reaches_beyond_the_data(three: Tables) -> None:
    found = claims(*three)
    json.dumps([asdict(claim) for claim in found], allow_nan=False)
    crossing = of(found, CROSSES, "clips")
    assert len(crossing) == 2
    for claim in crossing:
        assert set(claim.chances) == {
            "a crossover", "none within 10 times the data", "none within 100 times the data"
        }  # fmt: skip
        assert claim.status == "cannot be said" or max(claim.chances.values()) >= 0.95
    assert all(c.interval and c.interval[0] and c.interval[0] > 1 for c in of(found, WORTH, "times the clips")[2:])
    assert len(of(found, STEEPER, "exponent")) == 2
    nexts = [claim for claim in overall(found, DATA) if "step" in claim.evidence]
    assert [claim.status for claim in nexts] == ["said"] * 4
    for claim in of(found, SHRINKS, "clips"):
        assert [row[0] for row in claim.along] == [*SIZES, 20000, 40000, 100000]
        assert all(low < number < high for _, number, low, high in claim.along)
        assert claim.covers == "test clips and 3 seeds"
    assert not any("nan" in claim.sentence or "inf " in claim.sentence for claim in found)


def test_seeds_alone_suffice_without_predictions(three: Tables) -> None:
    found = claims(three[0], three[1].clear())
    nexts = [claim for claim in overall(found, DATA) if "step" in claim.evidence]
    assert {claim.covers for claim in nexts} == {"3 seeds; test-clip noise unknown"}
    assert {claim.status for claim in nexts} == {"said"}


def test_an_arm_missing_at_a_size_or_with_few_sizes(three: Tables) -> None:
    captioning = pl.col("objective") == "captioning"
    whole = claims(three[0].filter(~(captioning & (pl.col("clips") == 1000))), three[1])
    assert all(claim.interval is not None for claim in of(whole, CROSSES, "clips"))
    found = claims(three[0].filter(~(captioning & (pl.col("clips") > 1000))), three[1])
    for claim in of(found, CROSSES, "clips") + of(found, WORTH, "times the clips")[:2]:
        assert claim.status == "cannot be said"
        assert "2 sizes are too few for a curve" in claim.sentence
    nexts = [claim for claim in overall(found, DATA) if "step" in claim.evidence]
    assert sorted(claim.status for claim in nexts) == ["cannot be said", "said", "said"]


def test_equal_flat_and_rising_arms_are_left_open(three: Tables) -> None:
    trained = pl.col("objective").is_in(["contrastive", "captioning"])
    flat = three[0].with_columns(pl.when(trained).then(0.5).otherwise("value").alias("value"))
    found = claims(flat, three[1].clear())
    assert {claim.status for claim in of(found, CROSSES, "clips")} == {"cannot be said"}
    assert "neither falls nor rises" in of(found, CROSSES, "clips")[0].sentence
    falling = 0.9 - 0.1 * pl.col("clips").log10() + 0.001 * pl.col("seed")
    rising = three[0].with_columns(
        pl.when(pl.col("objective") == "captioning").then(falling).otherwise("value").alias("value")
    )
    assert "its error rises" in of(claims(rising, three[1].clear()), CROSSES, "clips")[0].sentence
    same = pl.col("objective") == "captioning"
    copied = three[0].filter(pl.col("objective") == "contrastive").with_columns(
        pl.lit("captioning").alias("objective"), ("copy-" + pl.col("run")).alias("run")
    )  # fmt: skip
    twins = pl.concat([three[0].filter(~same), copied])
    assert "both arms score the same" in of(claims(twins, three[1].clear()), CROSSES, "clips")[0].sentence


def test_mixed_protocols_are_refused(three: Tables) -> None:
    mixed = three[0].with_columns(
        pl.when(pl.col("clips") == 400).then(pl.lit("equal-passes")).otherwise("protocol").alias("protocol")
    )
    with pytest.raises(StudyError, match="may not share a curve"):
        claims(mixed, three[1])
