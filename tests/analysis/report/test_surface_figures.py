"""Figures and table of surfaces: what they show, and that they stand where nothing is fitted."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from planted_study import CLIPS, PARAMETERS, SEEN, Law, design, drawn, table

from scaling.analysis.claims.optimum import values
from scaling.analysis.claims.two_axes import Plane, planes
from scaling.analysis.curves.repetition import fresh
from scaling.analysis.report.surface_figures import best_values, repetition, sizes_and_data
from scaling.analysis.report.surface_table import surface_table
from scaling.analysis.scores.design import Axis, Design

GRID = {"clips": (500, 2000, 8000), "parameters": (20_000, 100_000, 500_000)}
SMALL = {"clips": (500, 2000), "parameters": (20_000, 100_000)}


def by_size(run: Any) -> float:
    return float(0.15 + 40 * run["parameters"] ** -0.45 + 3 * run["clips"] ** -0.4)


def cost(run: Any) -> float:
    return float(60 * run["parameters"] * run["clips"])


def repeated(run: Any) -> float:
    return float(0.1 + 6 * fresh(np.array(run["clips"]), np.array(run["samples_seen"]), 8.0) ** -0.4)


def laid_out(asked: Design, places: dict[str, Any], law: Law, flops: Any = lambda run: None) -> list[Plane]:
    scores = table(asked, places, law, flops)
    return planes(drawn(scores, asked), scores, asked)


def words(figure: Figure) -> str:
    """All that is written in a drawn figure."""
    figure.canvas.draw()
    texts = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes.xaxis.label)]
    texts += [axes.get_title(loc="left") for axes in figure.axes]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(texts)


def test_a_row_an_arm_with_the_surface_and_the_path_of_the_best_size() -> None:
    asked = design(CLIPS, PARAMETERS, levels=("contrastive", "captioning"))
    figure = sizes_and_data(laid_out(asked, GRID, by_size, cost))
    assert len(figure.axes) == 4
    told = words(figure)
    for expected in (
        "Contrastive",
        "Captioning",
        "Best size for a compute",
        "500,000 parameters",
        "unique clips",
        " %",
    ):
        assert expected in told
    # Without a cost there is a surface, but no best size.
    assert "Best size" not in words(sizes_and_data(laid_out(asked, GRID, by_size)))


def test_repeated_clips_and_their_worth() -> None:
    asked = design(CLIPS, SEEN)
    places = {"clips": (500, 1500, 4500), "samples_seen": (4500, 18_000, 72_000)}
    told = words(repetition(laid_out(asked, places, repeated)))
    for expected in ("Worth of a clip seen again", "as good as new", "half of a new clip", "if every clip were new"):
        assert expected in told


def test_where_nothing_is_fitted_the_reason_stands() -> None:
    asked = design(CLIPS, PARAMETERS)
    assert "4 points are too few" in words(sizes_and_data(laid_out(asked, SMALL, by_size, cost))).replace("\n", " ")
    asked = design(CLIPS, SEEN)
    once = {"clips": (500, 1500), "samples_seen": (1500, 3000)}
    assert "4 points are too few" in words(repetition(laid_out(asked, once, repeated))).replace("\n", " ")


def test_the_best_value_is_filled_and_each_has_its_chance() -> None:
    axis = Axis("sampler", "sampler", "", "nominal")
    asked = design(axis, levels=("contrastive", "captioning"))
    scores = table(asked, {"sampler": ("random", "hard", "balanced")}, lambda run: 0.3 + 0.03 * len(run["sampler"]))
    figure = best_values(values(drawn(scores, asked), asked), axis)
    assert len(figure.axes) == 2
    filled = [
        line for line in figure.axes[0].lines if line.get_markerfacecolor() == "#D55E00" and line.get_marker() == "o"
    ]
    assert [line.get_xdata()[0] for line in filled] == [1]
    assert "<1 %" in words(figure)


def test_the_table_has_a_row_an_arm_and_says_why_where_there_is_no_law() -> None:
    asked = design(CLIPS, PARAMETERS, levels=("contrastive", "captioning"))
    found = surface_table(laid_out(asked, GRID, by_size, cost), asked)
    assert found["objective"].to_list() == ["contrastive", "captioning"]
    row = found.row(0, named=True)
    assert (row["size"], row["data"], row["form"], row["n_points"]) == ("parameters", "clips", "E + A N^-a + B D^-b", 9)
    assert row["a_low"] < 0.45 < row["a_high"]
    assert row["R"] is None
    none = surface_table(laid_out(asked, SMALL, by_size, cost), asked).row(0, named=True)
    assert none["E"] is None
    assert "too few" in none["status"]
    repeats = design(CLIPS, SEEN)
    places = {"clips": (500, 1500, 4500), "samples_seen": (4500, 18_000, 72_000)}
    row = surface_table(laid_out(repeats, places, repeated), repeats).row(0, named=True)
    assert (row["size"], row["data"], row["A"]) == ("clips", "samples_seen", None)
    assert row["R_low"] < 8.0 < row["R_high"]
