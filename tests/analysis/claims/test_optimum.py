"""The best value along a nominal axis: said, on the edge, or open."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from planted_study import design, drawn, table

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.optimum import optima, values
from scaling.analysis.scores.design import Axis

RATE = Axis("learning_rate", "learning rate", "", "nominal")
SAMPLER = Axis("sampler", "sampler", "", "nominal")
RATES = ("0.0001", "0.001", "0.01", "0.1")
SAMPLERS = ("random", "balanced", "hard")


def parabola(best: float, depth: float = 0.02) -> Any:
    return lambda run: 0.3 + depth * np.log10(float(run["learning_rate"]) / best) ** 2


def said(axis: Axis, places: tuple[str, ...], law: Any, **how: Any) -> list[Claim]:
    asked = design(axis, levels=how.pop("levels", ("contrastive",)))
    return optima(values(drawn(table(asked, {axis.column: places}, law, **how), asked), asked), axis)


def test_the_best_of_ordered_values_and_its_interval() -> None:
    (claim,) = said(RATE, RATES, parabola(10**-2.4, 0.05))
    assert (claim.kind, claim.status, claim.number, claim.unit) == ("optimum", "said", 0.01, "learning rate")
    assert claim.chances["0.01"] == claim.probability
    assert sum(claim.chances.values()) == pytest.approx(1)
    assert claim.interval is not None
    low, high = claim.interval
    assert (low or 0) <= 0.01 <= (high or np.inf)
    assert "learning rate 0.01 erred least, in 31." in claim.sentence


@pytest.mark.parametrize(("best", "words"), [(1e-6, "0.0001, the smallest tried"), (1.0, "0.1, the largest tried")])
def test_the_end_of_what_was_tried_is_no_optimum(best: float, words: str) -> None:
    (claim,) = said(RATE, RATES, parabola(best))
    assert (claim.status, claim.number) == ("on the edge", None)
    assert words in claim.sentence
    assert "on the edge of what was tried or beyond" in claim.sentence


def test_names_have_no_edge_and_too_close_a_call_stays_open() -> None:
    (clear,) = said(SAMPLER, SAMPLERS, lambda run: 0.3 + 0.03 * len(run["sampler"]))
    assert (clear.status, clear.number, clear.interval) == ("said", None, None)
    assert "sampler hard erred least" in clear.sentence
    (close,) = said(SAMPLER, SAMPLERS, lambda run: 0.3, seeds=2, noise=0.02)
    assert close.status == "cannot be said"
    assert "which sampler erred least cannot be said" in close.sentence


def test_each_arm_has_its_own_best() -> None:
    def law(run: Mapping[str, Any]) -> float:
        return float(parabola(1e-3 if run["objective"] == "captioning" else 1e-2, 0.05)(run))

    found = said(RATE, RATES, law, levels=("contrastive", "captioning"))
    assert [(claim.arm, claim.number) for claim in found] == [("contrastive", 0.01), ("captioning", 0.001)]


def test_without_any_noise_known_nothing_is_said() -> None:
    asked = design(SAMPLER)
    scores = table(asked, {"sampler": SAMPLERS}, lambda run: 0.3, seeds=1).with_columns(stderr=pl.lit(None, pl.Float64))
    (claim,) = optima(values(drawn(scores, asked), asked), SAMPLER)
    assert (claim.status, claim.probability, claim.covers) == ("cannot be said", None, "nothing")


def test_the_chance_of_the_best_is_calibrated() -> None:
    """Of two values that err alike, each is told to be best with 95 % or more no more often than it should be."""
    sure = [said(SAMPLER, ("random", "hard"), lambda run: 0.3, seeds=3, rng=study)[0] for study in range(60)]
    # 10 % (5 % for each), and three binomial standard errors.
    assert np.mean([claim.status == "said" for claim in sure]) <= 0.1 + 3 * np.sqrt(0.09 / 60)
