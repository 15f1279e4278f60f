"""Claims over two axes: planted truths are said, and what cannot be known is not."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from planted_study import CLIPS, PARAMETERS, SEEN, Law, design, drawn, table

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.surfaces import surfaces
from scaling.analysis.claims.two_axes import Plane, planes
from scaling.analysis.curves.repetition import Repetition, fresh
from scaling.analysis.curves.surface import Surface
from scaling.analysis.scores.design import Axis, Design

GRID = {"clips": (500, 2000, 8000, 32000), "parameters": (20_000, 100_000, 500_000)}
REPEATED = {"clips": (500, 1500, 4500), "samples_seen": (4500, 18_000, 72_000, 288_000)}
A, B, a, b = 40.0, 3.0, 0.45, 0.4


def by_size(run: Any) -> float:
    more = 1.3 if run["objective"] == "captioning" else 1.0
    return float(0.15 + more * A * run["parameters"] ** -a + B * run["clips"] ** -b)


def cost(run: Any) -> float:
    return float(60 * run["parameters"] * run["clips"])


def repeated(R: float) -> Law:
    return lambda run: float(0.1 + 6 * fresh(np.array(run["clips"]), np.array(run["samples_seen"]), R) ** -0.4)


def laid_out(asked: Design, scores: pl.DataFrame) -> list[Plane]:
    return planes(drawn(scores, asked), scores, asked)


def said(asked: Design, scores: pl.DataFrame) -> list[Claim]:
    return surfaces(laid_out(asked, scores))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_best_size_for_a_compute_is_that_of_the_closed_form(seeds: int) -> None:
    asked = design(CLIPS, PARAMETERS, levels=("contrastive", "captioning"))
    found = said(asked, table(asked, GRID, by_size, cost, seeds=seeds))
    assert [claim.arm for claim in found] == ["contrastive", "contrastive", "captioning", "captioning"]
    for claim, more in ((found[0], 1.0), (found[2], 1.3)):
        assert isinstance(claim.at, float | int)
        truth = (a * more * A / (b * B)) ** (1 / (a + b)) * (claim.at / 60) ** (b / (a + b))
        assert (claim.kind, claim.unit, claim.status) == ("optimum", "parameters", "said")
        assert claim.number == pytest.approx(truth, rel=0.15)
    assert "parameters and" in found[0].sentence
    assert "clips err least by the fitted surface" in found[0].sentence
    assert found[0].covers == ("test clips and 3 seeds" if seeds > 1 else "what is left around the fitted surface")


def test_intervals_of_the_best_size_hold_as_often_as_they_say() -> None:
    asked = design(CLIPS, PARAMETERS)
    hits = []
    for study in range(30):
        claim = said(asked, table(asked, GRID, by_size, cost, seeds=1 + study % 2, noise=0.02, rng=study))[0]
        assert isinstance(claim.at, float | int)
        truth = (a * A / (b * B)) ** (1 / (a + b)) * (claim.at / 60) ** (b / (a + b))
        low, high = claim.interval or (None, None)
        hits.append((low or 0) < truth < (high or np.inf))
    # 90 %, less three binomial standard errors.
    assert np.mean(hits) >= 0.9 - 3 * np.sqrt(0.09 / 30)


def test_an_optimum_on_the_edge_is_no_optimum() -> None:
    asked = design(CLIPS, PARAMETERS)
    edge = said(asked, table(asked, GRID, by_size, cost))[1]
    assert (edge.status, edge.number) == ("on the edge", None)
    assert edge.interval == (500_000, None)
    assert edge.chances["largest"] > 0.95
    assert "the largest measured, 500,000 parameters, errs least (probability over 99 %)" in edge.sentence
    # Where size brings nothing, the smallest is best, and ten times the compute is asked for too.
    small = said(asked, table(asked, GRID, lambda run: 0.15 + B * run["clips"] ** -b, cost))
    assert [claim.status for claim in small[:2]] == ["on the edge"] * 2
    assert len(small) == 3
    assert small[0].interval == (None, 20_000)


def test_the_axes_may_come_in_either_order_and_the_cost_be_any() -> None:
    asked, turned = design(CLIPS, PARAMETERS), design(PARAMETERS, CLIPS)
    one = said(asked, table(asked, GRID, by_size, cost))[0]
    other = said(turned, table(turned, dict(reversed(GRID.items())), by_size, cost))[0]
    assert one.number == pytest.approx(other.number, rel=0.1)
    # A text side of fixed size makes small encoders dear.
    dear = said(asked, table(asked, GRID, by_size, lambda run: 60 * (run["parameters"] + 1e6) * run["clips"]))[0]
    assert dear.chances["largest"] > 0.95


def test_what_compute_cannot_tell_is_said_once_for_all_arms() -> None:
    asked = design(CLIPS, PARAMETERS, levels=("contrastive", "captioning"))
    small = {"clips": (500, 2000), "parameters": (20_000, 100_000)}
    for places, flops, why in (
        (GRID, lambda run: 60.0 * run["parameters"], "cost the same"),
        (GRID, lambda run: None, "not known"),
        (small, cost, "4 points are too few for a surface"),
    ):
        found = said(asked, table(asked, places, by_size, flops))
        assert len(found) == 1
        assert found[0].status == "cannot be said"
        assert found[0].sentence.startswith("Contrastive; captioning: which size is best for a compute cannot be said")
        assert why in found[0].sentence


def test_a_task_that_some_arm_lacks_somewhere_is_in_no_average() -> None:
    asked = design(CLIPS, PARAMETERS, levels=("contrastive", "captioning"))
    scores = table(asked, GRID, by_size, cost)
    run = "captioning-500-20000-s0"
    found = laid_out(asked, scores.filter(~((pl.col("run").str.starts_with(run[:-1])) & (pl.col("task") == "event"))))
    assert [one.tasks for one in found] == [1, 1]
    assert isinstance(found[0].law, Surface)
    # A run that failed leaves its place to the other seeds.
    found = laid_out(asked, scores.filter(pl.col("run") != run))
    assert [one.n_seeds for one in found] == [3, 2]
    assert found[1].error.size == 12


@pytest.mark.parametrize("R", [4.0, 20.0])
def test_how_many_passes_a_clip_is_worth_is_found_again(R: float) -> None:
    asked = design(CLIPS, SEEN)
    passes, clips = said(asked, table(asked, REPEATED, repeated(R), seeds=2, noise=0.02))
    assert (passes.kind, passes.unit, passes.status) == ("worth", "passes", "said")
    assert passes.number == pytest.approx(1 + R * np.log(2), rel=0.25)
    assert passes.interval is not None
    assert (passes.interval[0] or 0) < 1 + R * np.log(2) < (passes.interval[1] or np.inf)
    assert "a clip seen again is worth half of a new one or more up to about" in passes.sentence
    assert (clips.unit, clips.at) == ("clips", 500)
    assert clips.number == pytest.approx(500 * (1 + R), rel=0.25)
    assert "500 clips seen 580 times are worth about" in clips.sentence


def test_beyond_the_passes_measured_nothing_is_made_up() -> None:
    asked = design(CLIPS, SEEN)
    new = said(asked, table(asked, REPEATED, lambda run: 0.1 + 6 * run["samples_seen"] ** -0.4, noise=0.005))[0]
    assert (new.status, new.number) == ("said", None)
    assert "stays worth half of a new one or more up to 580 passes, the most measured" in new.sentence
    assert new.interval is not None
    assert new.interval[1] is None
    none = said(asked, table(asked, REPEATED, lambda run: 0.1 + 6 * run["clips"] ** -0.4))[0]
    assert (none.status, none.number) == ("said", None)
    assert "no longer worth half of a new one at 3 passes, the fewest measured" in none.sentence
    loud = said(asked, table(asked, REPEATED, lambda run: 0.3, seeds=2, noise=0.05))[0]
    assert loud.status == "cannot be said"


def test_fewer_samples_than_clips_are_fewer_clips() -> None:
    asked = design(CLIPS, SEEN)
    places = {**REPEATED, "clips": (500, 1500, 4500, 9000)}

    def law(run: Any) -> float:
        seen = min(run["clips"], run["samples_seen"])
        return repeated(8.0)({**run, "clips": seen})

    (plane,) = laid_out(asked, table(asked, places, law, noise=0.005))
    assert isinstance(plane.law, Repetition)
    assert pytest.approx(8.0, rel=0.1) == plane.law.R


def test_a_law_that_is_off_by_more_than_the_noise_widens_the_intervals() -> None:
    asked = design(CLIPS, PARAMETERS)

    def broken(run: Any) -> float:
        return by_size(run) * (1.15 if run["clips"] == 2000 and run["parameters"] == 100_000 else 1.0)

    (plane,) = laid_out(asked, table(asked, GRID, broken, cost, noise=0.003))
    assert plane.covers == "what is left around the fitted surface"
    assert plane.residual > 0.02
    (plane,) = laid_out(asked, table(asked, GRID, by_size, cost, noise=0.003))
    assert plane.covers == "test clips and 3 seeds"


def test_one_axis_or_names_are_no_surface() -> None:
    one = design(CLIPS)
    assert laid_out(one, table(one, {"clips": GRID["clips"]}, lambda run: 0.5)) == []
    names = design(CLIPS, Axis("sampler", "sampler", "", "nominal"))
    places = {"clips": GRID["clips"], "sampler": ("random", "hard")}
    assert laid_out(names, table(names, places, lambda run: 0.5)) == []
