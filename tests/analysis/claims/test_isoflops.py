"""Best sizes at equal compute are those of the closed form, where the runs tell them."""

import numpy as np
import pytest
from made_study import a, b, best_size, equal_compute, holds
from planted_study import CLIPS, PARAMETERS, design, drawn, table

from scaling.analysis.claims.isoflops import isoflop_claims, isoflops
from scaling.analysis.claims.two_axes import planes


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_best_size_is_that_of_the_closed_form(seeds: int) -> None:
    *sizes, growth = equal_compute(seeds, 0.004, 0)
    assert len(sizes) == 3
    for claim in sizes:
        assert (claim.kind, claim.unit, claim.factor) == ("isoflop", "parameters", "")
        assert holds(claim.interval, best_size(float(claim.at or 0)))
        assert claim.status != "said" or claim.number == pytest.approx(best_size(float(claim.at or 0)), rel=0.12)
    assert growth.unit == "exponent"
    assert holds(growth.interval, b / (a + b))
    assert (growth.probability or 0) > 0.9
    assert growth.covers == ("test clips and 3 seeds" if seeds > 1 else "what is left around the fitted surface")


def test_intervals_hold_the_best_size() -> None:
    held = [
        holds(claim.interval, best_size(float(claim.at)))
        for k in range(10)
        for claim in equal_compute(3, 0.02, k)
        if claim.at is not None
    ]
    assert len(held) == 30
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.09 / 30)


def test_nothing_is_said_without_flops_or_where_too_few_sizes_share_a_compute() -> None:
    asked = design(CLIPS, PARAMETERS)

    def said(parameters: tuple[int, ...], flops: float | None) -> int:
        scores = table(
            asked, {"clips": (500, 2000, 8000), "parameters": parameters},
            lambda run: 0.15 + 40 * run["parameters"] ** -0.45 + 3 * run["clips"] ** -0.4,
            lambda run: flops and flops * run["parameters"] * run["clips"],
        )  # fmt: skip
        return len(isoflop_claims(isoflops(planes(drawn(scores, asked), scores, asked))))

    assert said((20_000, 60_000, 200_000), None) == 0
    assert said((1_000, 200_000), 60.0) == 0
    assert said((20_000, 60_000, 200_000), 60.0) > 0
