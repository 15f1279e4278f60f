"""The verdict answers the study's questions in a few words.

Covers `questions` too.
"""

import polars as pl
from fake_study import Tables

from scaling.analysis.claims.claim import ALL_TASKS, Claim, behind, chance, points
from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import Evidence, gather
from scaling.analysis.claims.questions import question
from scaling.analysis.claims.verdict import verdict
from scaling.analysis.scores.design import Axis, Design, Factor


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
        "Which objective?", "Objective: and with tasks weighed by what they tell?",
        "Objective: do the curves cross?", "Objective: which curve is steeper?",
        "Objective: what is the advantage worth in clips?", "Objective: does the advantage shrink with more clips?",
        "Which initialization?", "Initialization: and with tasks weighed by what they tell?",
        "Initialization: do the curves cross?", "Initialization: which curve is steeper?",
        "Initialization: what is the advantage worth in clips?",
        "Initialization: does the advantage shrink with more clips?", "How many clips?",
        "How small may runs be that decide as the largest?", "Which tasks tell the arms apart?",
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


def test_of_several_levels_it_is_said_on_which_tasks_they_differ() -> None:
    levels = tuple(f"without {name}" for name in "abcde")
    design = Design("", "", (Axis(),), (Factor("sources", ("all sources", *levels), "all sources"),))

    def better(level: str, task: str, number: float) -> Claim:
        sure = abs(number) > 3
        return Claim(
            kind="better", factor="sources", arm=level, other="all sources", scope=task, at=100, sentence="",
            number=number, unit="points", interval=(number - 3, number + 3), probability=0.5, status=
            "said" if sure else "cannot be said", covers="", runs=(),
        )  # fmt: skip

    found = [better(level, task, -1.0) for level in levels for task in ("event", "voice", ALL_TASKS)]
    found.append(better("without a", "instrument", -8.0))
    _, (asked, short, numbers), *_ = verdict(found, design, ("event", "voice", "instrument"))
    assert (asked, short) == ("Sources: on which tasks?", "1 of 11 differences stand out.")
    assert "about 1 would stand out by chance" in numbers
    assert "instrument: without a over all sources" in numbers
    assert all(asked != "Sources: on which tasks?" for asked, _, _ in verdict(found[:6], design, ("event", "voice")))
