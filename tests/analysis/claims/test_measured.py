"""Claims within the sizes measured say what the planted study holds, and leave open what it cannot tell.

Covers `claim`, `evidence` and `collection` too.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fake_study import OBJECTIVE, PARAMETERS, SIZES, SOURCES, Run, Tables, make, read_tables

from scaling.analysis.claims.claim import ALL_TASKS, Claim
from scaling.analysis.claims.collection import claims
from scaling.analysis.claims.evidence import gather
from scaling.analysis.claims.verdict import verdict
from scaling.analysis.scores import Axis, Design
from scaling.errors import StudyError


def of(found: list[Claim], kind: str, factor: str = "", unit: str = "") -> list[Claim]:
    """Claims of a kind about all tasks."""
    same = [claim for claim in found if claim.kind == kind and claim.scope == ALL_TASKS and claim.factor == factor]
    return [claim for claim in same if unit in ("", claim.unit)]


def test_the_planted_answers_are_found(study_claims: list[Claim]) -> None:
    scratch = next(c for c in of(study_claims, "better", "objective") if c.held == "from scratch")
    assert scratch.status == "said"
    assert scratch.number is not None
    assert scratch.interval is not None
    low, high = scratch.interval
    assert low is not None
    assert high is not None
    assert 0 < low < scratch.number < high
    smallest = [c for c in of(study_claims, "better", "initialization") if c.at == SIZES[0]]
    assert all(c.status == "said" and (c.number or 0) > 0 for c in smallest)
    assert {(c.arm, c.other) for c in smallest} == {("initialized", "from scratch")}
    assert len(of(study_claims, "gain")) == 4
    for factor in ("objective", "initialization"):
        told = [(c.held, c.at) for c in of(study_claims, "better", factor)]
        assert sorted(told) == sorted({(held, size) for held, _ in told for size in SIZES})


def test_parts_of_the_tasks_are_asked_at_both_ends_beside_a_baseline(study_claims: list[Claim]) -> None:
    def at(factor: str, scope: str) -> set[object]:
        return {c.at for c in study_claims if c.kind == "better" and c.factor == factor and c.scope == scope}

    assert at("objective", "music") == {SIZES[-1]}
    assert at("initialization", "music") == {SIZES[0], SIZES[-1]}
    assert at("initialization", "pitch") == {SIZES[-1]}


def test_a_domain_may_be_called_as_a_kind_of_task_is(study: Path) -> None:
    """One average a name: the domain's."""
    scores, predictions, design = read_tables(study)
    renamed = scores.with_columns(pl.col("domain").replace("music", "retrieval"))
    averages = gather(renamed, predictions, design).differences.table.filter(kind="average")
    assert averages.height == averages.unique(["scope", "factor", "arm", "held", "x"]).height
    assert averages.filter(scope="retrieval")["n_tasks"].unique().to_list() == [2]


def test_every_question_is_asked_of_every_factor(study_claims: list[Claim]) -> None:
    for factor in ("objective", "initialization"):
        for kind in ("better", "crossover", "steeper", "worth", "shrinks"):
            assert of(study_claims, kind, factor), (factor, kind)


def test_one_seed_establishes_no_difference_of_exponents(study_claims: list[Claim]) -> None:
    for claim in of(study_claims, "steeper", "objective"):
        assert claim.status == "cannot be said"
        assert "4 sizes with one seed cannot establish" in claim.sentence
        assert claim.covers.endswith("one seed: seed noise unknown")


def test_the_worth_lies_between_the_sizes(study_claims: list[Claim]) -> None:
    """Beside a baseline it is told of the smallest size, among equals of the largest."""
    for factor, at in (("objective", SIZES[-1]), ("initialization", SIZES[0])):
        for claim in of(study_claims, "worth", factor):
            assert claim.number is not None
            assert SIZES[0] <= claim.number <= SIZES[-1]
            assert (claim.unit, claim.at) == ("clips", at)


def test_an_advantage_is_told_of_the_arm_ahead_at_the_smallest_size(study_claims: list[Claim]) -> None:
    for claim in of(study_claims, "shrinks", "objective", "points"):
        first = next(c for c in of(study_claims, "better", "objective") if c.held == claim.held and c.at == SIZES[0])
        assert first.probability is not None
        ahead, behind = (claim.arm, claim.other)[:: 1 if first.probability >= 0.5 else -1]
        assert f"the advantage of {ahead} over {behind}" in claim.sentence


def test_claims_are_json_with_what_is_behind_them(study_claims: list[Claim]) -> None:
    json.dumps([asdict(claim) for claim in study_claims], allow_nan=False)
    first = of(study_claims, "better", "objective")[0]
    assert first.runs == ("captioning-from scratch-400-s0", "contrastive-from scratch-400-s0")
    assert all(c.probability is None or 0 < c.probability < 1 for c in study_claims)


def test_without_predictions_nothing_is_claimed(study: Path) -> None:
    scores, predictions, design = read_tables(study)
    found = claims(gather(scores, predictions.clear(), design))
    assert found
    assert {claim.status for claim in found} == {"cannot be said"}
    assert all(claim.interval is None for claim in found)
    assert "too close to call" in " ".join(short for _, short, _ in verdict(found, design)).lower()


def test_steepness_names_the_steeper_first(study_claims: list[Claim]) -> None:
    """Its interval is of the first's fall minus the second's."""
    for claim in of(study_claims, "steeper", "objective"):
        assert claim.number is not None
        words = r"by (\S+) % for (\w+) and by (\S+) % for (\w+) .* (\S+) to (\S+)\)"
        told = re.search("each tenfold increase lowers the average error " + words, claim.sentence)
        assert told
        steeper, name, flatter, _, low, high = told.groups()
        assert name == (claim.other if claim.number > 0 else claim.arm)
        assert float(steeper) - float(flatter) == pytest.approx(abs(claim.number), abs=0.11)
        assert float(low.replace("−", "-")) < abs(claim.number) < float(high)


def test_mixed_protocols_are_refused(three: Tables) -> None:
    scores, predictions, design = three
    mixed = scores.with_columns(
        pl.when(pl.col("clips") == 400).then(pl.lit("equal-passes")).otherwise("protocol").alias("protocol")
    )
    with pytest.raises(StudyError, match="may not share a curve, but contrastive, from scratch"):
        claims(gather(mixed, predictions, design))


def test_three_levels_are_compared_with_their_baseline(tmp_path: Path) -> None:
    """What a source that is left out costs, as planted."""

    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        lost = {"without speech": 0.15, "without web": 0.0}.get(run["sources"], 0.0) if task == "speaker" else 0.0
        return float(0.1 + lost + 2 * run["clips"] ** -0.3)

    design = Design("Sources", "Which source drives which task?", (Axis(),), (SOURCES,))
    folder = make(tmp_path / "s", design, law, {"clips": SIZES}, ["speaker", "event"], noise=0.001)
    found = claims(gather(*read_tables(folder)))
    pairs = {claim.pair for claim in found if claim.kind == "better"}
    assert pairs == {("sources", f"without {name}", "all sources", "") for name in ("speech", "web")}
    at = {(c.arm, c.scope): c for c in found if c.kind == "better" and c.at == SIZES[-1]}
    assert at["without speech", "speaker"].number == pytest.approx(-15, abs=3)
    assert at["without speech", "speaker"].status == "said"
    assert at["without speech", "event"].number == pytest.approx(0, abs=2.5)
    assert at["without web", "speaker"].status == "cannot be said"
    assert "on speaker, all sources erred in" in at["without speech", "speaker"].sentence
    asked, short, numbers = verdict(found, design)[0]
    assert asked == "Which sources?"
    assert "Worse than all sources: without speech; too close to call: without web." in short
    assert "all sources over without speech +" in numbers


def test_another_axis_is_told_in_its_unit(tmp_path: Path) -> None:
    """The captioning arm needs four times the parameters, as planted."""
    sizes = (10_000, 40_000, 160_000, 640_000)

    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        more = 4 if run["objective"] == "captioning" else 1
        return float(0.02 + 8 * (run["parameters"] / more) ** -0.25)

    design = Design("Size", "How large?", (PARAMETERS,), (OBJECTIVE,))
    folder = make(tmp_path / "p", design, law, {"parameters": sizes}, ["speaker", "event", "mode"], noise=0.001)
    found = claims(gather(*read_tables(folder)))
    (worth,) = of(found, "worth", "objective")
    assert worth.unit == "parameters"
    assert worth.number == pytest.approx(160_000, rel=0.25)
    assert re.match(r"Contrastive would need about 1\d0,000 parameters .* of captioning with 640,000\.", worth.sentence)
    assert "At 640,000 parameters, averaged over 3 tasks" in of(found, "better", "objective")[-1].sentence
    assert not any("clips" in claim.sentence for claim in found)
    assert [asked for asked, _, _ in verdict(found, design)] == [
        "Which objective?", "Objective: do the curves cross?", "How many parameters?"
    ]  # fmt: skip


def test_a_second_axis_is_one_more_factor(tmp_path: Path) -> None:
    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        return float(0.05 + 2 * run["clips"] ** -0.4 + 40 * run["parameters"] ** -0.5)

    design = Design("Two", "How large?", (Axis(), PARAMETERS), (OBJECTIVE,))
    places = {"clips": SIZES[:3], "parameters": (40_000, 1_600_000)}
    found = claims(gather(*read_tables(make(tmp_path / "t", design, law, places, ["event"]))))
    larger = of(found, "better", "parameters")
    assert {(c.arm, c.other, c.held) for c in larger} == {
        ("1.6 M parameters", "40,000 parameters", name) for name in OBJECTIVE.levels
    }
    assert np.mean([c.number for c in larger]) == pytest.approx(100 * (0.2 - 40 / 1_600_000**0.5), abs=1.5)
    assert {c.held for c in of(found, "better", "objective")} == {"40,000 parameters", "1.6 M parameters"}
    assert len(of(found, "gain")) == 4


def test_along_a_nominal_axis_nothing_but_differences_is_told(tmp_path: Path) -> None:
    def law(run: Run, task: str, metric: str, pooling: str) -> float:
        return {"adam": 0.3, "sgd": 0.5}[run["optimizer"]] + (0.1 if run["objective"] == "captioning" else 0)

    design = Design("Optimizers", "Which?", (Axis("optimizer", "optimizer", "", "nominal"),), (OBJECTIVE,))
    places = {"optimizer": ("adam", "sgd")}
    folder = make(tmp_path / "n", design, law, places, ["event", "mode"], seeds=2, noise=0.001)
    found = claims(gather(*read_tables(folder)))
    assert {claim.kind for claim in found} == {"better", "optimum"}
    assert {(c.at, c.scope) for c in found if c.kind == "better"} >= {("adam", ALL_TASKS), ("sgd", "music")}
    assert all(c.number == pytest.approx(10, abs=2) for c in of(found, "better", "objective"))
    assert "At optimizer adam, averaged over 2 tasks" in of(found, "better", "objective")[0].sentence
