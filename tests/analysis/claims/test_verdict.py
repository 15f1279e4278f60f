"""The verdict answers the study's questions in a few words.

Covers `questions` too.
"""

import polars as pl
from fake_study import Tables

from scaling.analysis.claims.claim import Claim, behind, chance, points
from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import Evidence, gather
from scaling.analysis.claims.questions import question
from scaling.analysis.claims.verdict import verdict


def test_the_verdict_answers_a_question_a_factor(study_claims: list[Claim], study_evidence: Evidence) -> None:
    answers = verdict(study_claims, study_evidence.design)
    assert [question for question, _, _ in answers] == [
        "Which objective?", "Do the curves cross?", "Which initialization?", "How many clips?"
    ]  # fmt: skip
    assert "Contrastive" in answers[0][1]
    assert answers[1][1:] == ("Cannot be said: with one seed the noise of seeds is unknown.", "")
    assert answers[2][1].startswith("Initialized")
    assert "at 400 clips: contrastive, initialized over from scratch +" in answers[2][2]


def test_questions_name_their_factor(study_claims: list[Claim], study_evidence: Evidence) -> None:
    asked = list(dict.fromkeys(question(claim, study_evidence.design) for claim in study_claims))
    assert asked == [
        "Which objective?", "Objective: do the curves cross?", "Objective: which curve is steeper?",
        "Objective: what is the advantage worth in clips?", "Objective: does the advantage shrink with more clips?",
        "Which initialization?", "Initialization: do the curves cross?", "Initialization: which curve is steeper?",
        "Initialization: what is the advantage worth in clips?",
        "Initialization: does the advantage shrink with more clips?", "How many clips?",
    ]  # fmt: skip


def test_one_arm_is_asked_only_how_far_to_go(three: Tables) -> None:
    scores, predictions, design = three
    one = scores.filter(pl.col("objective") == "contrastive", pl.col("initialization") == "from scratch")
    found = claims(gather(one, predictions, design))
    assert {claim.kind for claim in found} == {"gain", "doubling"}
    ((asked, _, numbers),) = verdict(found, design)
    assert asked == "How many clips?"
    assert "The next doubling would buy contrastive, from scratch +" in numbers


def test_probabilities_are_never_certain() -> None:
    assert (chance(0.9995), chance(0.0002), chance(0.5)) == ("over 99 %", "under 1 %", "50 %")


def test_a_pair_is_turned_round_where_the_second_is_probably_better() -> None:
    assert [behind(0.1, 0.4), behind(-0.1, 0.5), behind(-0.1, None), behind(0.0, None)] == [True, False, True, False]
    assert [points(-0.0004), points(-0.0551)] == ["0.0", "−5.5"]
