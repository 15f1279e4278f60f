"""Arms can be told apart, with and without colour, whatever a study compares.

Covers `axes` and `contrasts` too.
"""

from itertools import product

import polars as pl
import pytest

from scaling.analysis.claims.pairs import pairs
from scaling.analysis.report.axes import Along
from scaling.analysis.report.contrasts import contrasts
from scaling.analysis.report.look import Looks
from scaling.analysis.scores import Axis, Design, Factor

PARAMETERS = Axis("parameters", "parameters", "parameters")


Study = tuple[pl.DataFrame, Design]


def of(*factors: Factor, axes: tuple[Axis, ...] = (Axis(),), **values: tuple[object, ...]) -> Study:
    columns = {factor.name: factor.levels for factor in factors} | values
    table = pl.DataFrame(list(product(*columns.values())), list(columns), orient="row")
    return table, Design("", "", axes, factors)


def letters(n: int, baseline: str | None = None) -> Factor:
    return Factor("letter", tuple("abcdefg"[:n]), baseline)


STUDIES = [
    of(letters(7)), of(letters(3), Factor("start", ("scratch", "trained", "frozen"), "scratch")),
    of(letters(2), Factor("start", ("scratch", "trained"), "scratch"), Factor("side", ("x", "y", "z"))),
    of(letters(2), axes=(Axis(), PARAMETERS), parameters=(1000, 4000, 16000, 64000)),
]  # fmt: skip


@pytest.mark.parametrize("study", STUDIES)
def test_no_two_arms_look_the_same_without_colour(study: Study) -> None:
    looks = Looks(*study)
    shapes = [
        tuple(str(looks.arm(arm)[key] == "white" if key == "markerfacecolor" else looks.arm(arm)[key])
              for key in ("marker", "markerfacecolor", "fillstyle"))
        for arm in looks.arms
    ]  # fmt: skip
    assert len(set(shapes)) == len(looks.arms)


def test_the_baseline_of_the_second_factor_is_open_and_thin() -> None:
    looks = Looks(*of(letters(2), Factor("start", ("trained", "scratch"), "scratch")))
    trained, scratch = (looks.arm(arm) for arm in looks.arms[:2])
    assert (scratch["markerfacecolor"], trained["markerfacecolor"]) == ("white", trained["color"])
    assert scratch["linewidth"] < trained["linewidth"]
    assert scratch["color"] == trained["color"]


def test_a_second_axis_is_drawn_in_ordered_shades() -> None:
    looks = Looks(*STUDIES[-1])
    light = [sum(int(str(looks.arm(arm)["color"])[k : k + 2], 16) for k in (1, 3, 5)) for arm in looks.arms[:4]]
    assert light == sorted(light)


def test_many_levels_beside_a_baseline_share_a_panel() -> None:
    table, design = of(letters(4, "b"), Factor("start", ("scratch", "trained"), "scratch"))
    found = contrasts(pairs(table, design))
    assert [(one.name, one.levels, len(one.pairs)) for one in found] == [
        ("over b (scratch)", True, 3), ("over b (trained)", True, 3), ("trained over scratch", False, 4)
    ]  # fmt: skip
    assert [found[0].series(pair) for pair in found[0].pairs] == ["a", "c", "d"]
    assert [found[2].series(pair) for pair in found[2].pairs] == ["a", "b", "c", "d"]
    two = contrasts(pairs(*of(letters(2, "b"))))
    assert [(one.name, one.levels) for one in two] == [("a over b", False)]


def test_names_stand_side_by_side_and_sizes_on_a_scale() -> None:
    names = Along(Axis("optimizer", "optimizer", "", "nominal"), ("adam", "sgd"))
    assert names.at(pl.Series(["sgd", "adam"])).tolist() == [1, 0]
    sizes = Along(Axis(), (100, 1000))
    assert sizes.at(pl.Series([1000])).tolist() == [1000]
    assert sizes.beside(sizes.at(pl.Series([100])), 1)[0] == pytest.approx(100 * 10**0.018)
