"""Which arms are compared: those that differ in one factor alone.

Covers `scores.arms` too.
"""

from itertools import product

import polars as pl
import pytest

from scaling.analysis.claims.pairs import pairs, too_many
from scaling.analysis.scores import Axis, Design, Factor
from scaling.analysis.scores.arms import arms

CLIPS, PARAMETERS = Axis(), Axis("parameters", "parameters", "parameters")
LETTERS = Factor("letter", ("b", "a", "c"))


def asked(*factors: Factor, axes: tuple[Axis, ...] = (CLIPS,)) -> Design:
    return Design("", "", axes, factors)


def whole(design: Design, **values: tuple[object, ...]) -> pl.DataFrame:
    columns = {factor.name: factor.levels for factor in design.factors} | values
    return pl.DataFrame(list(product(*columns.values())), list(columns), orient="row")


def test_without_a_baseline_every_two_levels_are_compared_in_their_order() -> None:
    design = asked(LETTERS)
    assert [pair.labels for pair in pairs(whole(design), design)] == [("b", "a"), ("b", "c"), ("a", "c")]
    assert [arm.name for arm in arms(whole(design), design)] == ["b", "a", "c"]


def test_with_a_baseline_each_level_is_compared_with_it() -> None:
    design = asked(Factor("letter", LETTERS.levels, "a"), Factor("depth", ("small", "large")))
    found = pairs(whole(design), design)
    assert [(pair.factor, *pair.labels, pair.held, pair.baseline) for pair in found] == [
        ("letter", "b", "a", "small", True), ("letter", "b", "a", "large", True), ("letter", "c", "a", "small", True),
        ("letter", "c", "a", "large", True), ("depth", "small", "large", "b", False),
        ("depth", "small", "large", "a", False), ("depth", "small", "large", "c", False),
    ]  # fmt: skip


def test_arms_that_are_not_there_are_not_compared() -> None:
    design = asked(Factor("letter", LETTERS.levels, "a"))
    assert pairs(whole(design).filter(pl.col("letter") != "c"), design)[0].labels == ("b", "a")
    # Without its baseline the levels that are left are equals.
    assert [p.labels for p in pairs(whole(design).filter(pl.col("letter") != "a"), design)] == [("b", "c")]


@pytest.mark.parametrize(("levels", "baseline", "n"), [(20, None, 190), (21, None, 0), (21, "0", 20), (202, "0", 0)])
def test_a_factor_of_too_many_pairs_is_not_compared(levels: int, baseline: str | None, n: int) -> None:
    design = asked(Factor("letter", tuple(str(level) for level in range(levels)), baseline))
    table = whole(design)
    assert len(pairs(table, design)) == n
    asked_for = levels - 1 if baseline else levels * (levels - 1) // 2
    assert too_many(table, design) == ({} if n else {"letter": (levels, asked_for)})


def test_the_smallest_value_of_a_second_axis_is_its_baseline() -> None:
    design = asked(LETTERS, axes=(CLIPS, PARAMETERS))
    table = whole(design, parameters=(2_000_000, 30_000)).filter(pl.col("letter") == "a")
    (pair,) = pairs(table, design)
    assert (pair.name, pair.held) == ("2 M parameters over 30,000 parameters", "a")
    assert pair.arm["parameters"] == 2_000_000
    assert table.filter(pair.arm.rows()).height == 1


@pytest.mark.parametrize(("levels", "name"), [(("64", "128"), "width 64"), (("small", "large"), "small")])
def test_a_bare_number_says_of_what_it_is(levels: tuple[str, ...], name: str) -> None:
    design = asked(Factor("width", levels))
    assert arms(whole(design), design)[0].name == name


def test_a_study_without_factors_has_one_arm() -> None:
    design = asked()
    table = pl.DataFrame({"x": [1, 2]})
    (arm,) = arms(table, design)
    assert arm.name == "all runs"
    assert table.filter(arm.rows()).height == 2
    assert pairs(table, design) == []


def test_a_factor_with_one_level_goes_without_saying() -> None:
    design = asked(Factor("objective", ("contrastive",)), LETTERS)
    assert [arm.name for arm in arms(whole(design), design)] == ["b", "a", "c"]
    assert {pair.held for pair in pairs(whole(design), design)} == {""}
    alone = asked(Factor("objective", ("contrastive",)))
    assert [arm.name for arm in arms(whole(alone), alone)] == ["contrastive"]
