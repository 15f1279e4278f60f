"""Claims say what the planted study holds, and leave open what it cannot tell."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl
from fake_study import SIZES

from scaling.analysis.claim import Claim, chance
from scaling.analysis.claims import ALL, DATA, OBJECTIVE, PAYS, STEEPER, WORTH, claims
from scaling.analysis.intervals import Draws
from scaling.analysis.verdict import verdict


def overall(found: list[Claim], question: str) -> list[Claim]:
    return [claim for claim in found if claim.question == question and claim.evidence["scope"] == ALL]


def test_the_planted_answers_are_found(study_claims: list[Claim]) -> None:
    scratch = next(c for c in overall(study_claims, OBJECTIVE) if c.evidence["held"] == "from scratch")
    assert scratch.status == "said"
    assert scratch.number > 0
    assert scratch.interval is not None
    assert scratch.interval[0] < scratch.number < scratch.interval[1]
    assert all(c.status == "said" and c.number > 0 for c in overall(study_claims, PAYS) if c.evidence["clips"] == 400)
    assert len(overall(study_claims, DATA)) == 4


def test_one_seed_establishes_no_difference_of_exponents(study_claims: list[Claim]) -> None:
    for claim in overall(study_claims, STEEPER):
        assert claim.status == "cannot be said"
        assert "4 sizes with one seed cannot establish" in claim.sentence
        assert claim.covers.endswith("one seed: seed noise unknown")


def test_the_worth_in_clips_lies_between_the_sizes(study_claims: list[Claim]) -> None:
    for claim in overall(study_claims, WORTH):
        assert SIZES[0] <= claim.number <= SIZES[-1]
        assert claim.unit == "clips"


def test_claims_are_json_with_evidence(study_claims: list[Claim]) -> None:
    json.dumps([asdict(claim) for claim in study_claims], allow_nan=False)
    scratch = overall(study_claims, OBJECTIVE)[0]
    assert "contrastive-scratch-10000-s0" in str(scratch.evidence["runs"])
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
    assert [question for question, _, _ in answers] == [OBJECTIVE, DATA, PAYS]
    assert "Contrastive" in answers[0][1]
    assert np.isfinite(study_draws.errors).all()


def test_probabilities_are_never_certain() -> None:
    assert (chance(0.9995), chance(0.0002), chance(0.5)) == ("over 99 %", "under 1 %", "50 %")
