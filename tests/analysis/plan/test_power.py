"""The power and the cost of a grid, against answers that are known."""

from dataclasses import replace

import numpy as np
import pytest

from scaling.analysis.curves.simulate import Law
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.power import power
from scaling.analysis.plan.text import power_text

CLIPS = (1000, 4000, 16000, 64000)
GRID = Grid((Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25)), CLIPS, 3, 0.02, 64e6, 2.5, 0.5)
ALIKE = replace(GRID, laws=(Law("mae", 0.1, 3.0, 0.3), Law("jepa", 0.1, 2.0, 0.3)))


def test_power_grows_with_seeds_and_falls_with_noise() -> None:
    few, many, loud = (
        power(replace(GRID, seeds=seeds, noise=noise), studies=25)[0]
        for seeds, noise in ((2, 0.02), (6, 0.02), (6, 0.06))
    )
    assert many.crossover_found > few.crossover_found + 0.1
    assert many.crossover_found > loud.crossover_found + 0.1
    assert many.exponents_width < few.exponents_width < loud.exponents_width
    low, high = many.crossover_interval
    assert low < many.crosses < high
    assert many.crosses == pytest.approx(3.0 ** (1 / 0.15), rel=0.01)


def test_equal_exponents_and_curves_that_never_cross_are_rarely_said_to_differ_or_cross() -> None:
    found = power(ALIKE, studies=100)[0]
    assert np.isinf(found.crosses)
    assert found.crossover_found <= 0.05
    assert found.exponents == 0
    # Real curves move exponents by more than the noise does; `tests/bench/plan.py` has the table.
    assert found.exponents_found <= 0.05


def test_the_cost_is_the_clips_seen_times_the_rate() -> None:
    assert GRID.runs == 2 * 4 * 3
    assert pytest.approx(24 * (64 * 2.5 + 0.5)) == GRID.hours
    assert pytest.approx(2 * GRID.hours) == replace(GRID, seeds=6).hours


def test_one_seed_finds_nothing_and_the_same_seed_the_same() -> None:
    alone = power(replace(GRID, seeds=1))[0]
    assert (alone.crossover_found, alone.exponents_found, alone.largest_found) == (0, 0, 0)
    assert power(GRID, studies=2, seed=3) == power(GRID, studies=2, seed=3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"laws": GRID.laws[:1]}, "two arms"),
        ({"sizes": (1000, 4000)}, "3 different sizes"),
        ({"sizes": (4000, 1000, 16000)}, "ascending"),
        ({"noise": -1.0}, "noise must be above 0"),
        ({"samples_seen": -1.0}, "not negative"),
        ({"noise": 1e50}, "at most 10"),
        ({"seeds": 10**9}, "seeds must be 1 to 100"),
        ({"laws": (*GRID.laws, Law("steep", 0, 1, 60))}, "errors of steep"),
    ],
)
def test_grids_that_make_no_sense(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(GRID, **change)  # type: ignore[arg-type]


def test_the_words_name_what_sizes_count() -> None:
    grid = replace(GRID, sizes=(2e4, 1e5, 5e5), unit="parameters")
    text = power_text(grid, power(grid, studies=5))
    assert "which is better at 500,000 parameters?" in text
    assert "within 100 times the parameters?" in text
    assert "clips?" not in text


@pytest.mark.filterwarnings("error")
def test_noise_that_hides_every_law_finds_no_exponents() -> None:
    (found,) = power(replace(GRID, noise=10.0), studies=5)
    assert found.exponents_found == 0
    assert np.isnan(found.exponents_width)
    assert "unknown" in power_text(GRID, [found])
