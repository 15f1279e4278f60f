"""What a grid finds of two arms that nobody guesses: public curves, and how that hangs on seeds and noise."""

from dataclasses import replace

import numpy as np
import pytest

from scaling.analysis.curves.simulate import Law
from scaling.analysis.plan.grid import Grid
from scaling.analysis.plan.power import power
from scaling.analysis.plan.public import PublicArm, drawn_pairs, public_arms
from scaling.analysis.plan.text import power_text, typical_text
from scaling.analysis.plan.typical import typical

GRID = Grid(("mae", "jepa"), (1000, 4000, 16000, 64000), 3, 0.0, 64e6, 2.5)
LEADS = PublicArm("a task", Law("one", 0.1, 0.1, 0.3), 0.01, 0.0)


def test_public_arms_are_curves_of_studies_with_noise() -> None:
    arms = public_arms()
    x = np.geomspace(1 / 64, 8, 20)
    assert len({arm.study for arm in arms}) > 30
    for arm in arms:
        assert 0 < arm.noise_at(x).min() <= arm.noise_at(x).max() <= 1
        assert 0 < arm.law.error(x).min() <= arm.law.error(x).max() < 20
    for one, other in drawn_pairs(50, np.random.default_rng(0)):
        assert one.study == other.study
        assert one is not other


def test_a_lead_that_is_certain_is_found_and_one_that_is_not_there_is_not() -> None:
    far = replace(LEADS, law=Law("other", 0.4, 0.4, 0.3))
    found = typical(GRID, 20, among=(LEADS, far))
    assert (found.largest_found, found.largest_true, found.stays_found, found.stays_true) == (1, 1, 1, 1)
    assert found.noise == (0.01, 0.01, 0.01)
    assert found.crossover_found == 0
    same = typical(GRID, 40, among=(LEADS, LEADS))
    assert same.largest_found <= 0.3
    assert same.crossover_found <= 0.1
    wide = typical(replace(GRID, noise=0.1), 20, among=(LEADS, far))
    assert wide.largest_width[0] > 5 * found.largest_width[0]
    assert wide.noise[0] == pytest.approx(0.1)


def test_the_text_tells_where_laws_and_noise_are_from() -> None:
    text = typical_text(GRID, typical(GRID, 10))
    assert "as on public curves" in text
    assert "log-noise of a run 0.0" in text
    laws = (Law("mae", 0.1, 6.0, 0.4), Law("jepa", 0.1, 2.0, 0.25))
    guessed = replace(GRID, laws=laws)
    assert "log-noise of a run as on public curves" in power_text(guessed, power(guessed, studies=5))
    alone = typical(replace(GRID, seeds=1), 5)
    assert (alone.largest_found, alone.stays_found) == (0, 0)
    assert "plan two seeds or more" in typical_text(replace(GRID, seeds=1), alone)
