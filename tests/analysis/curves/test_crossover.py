"""Crossovers: found where planted, held as often as their level says, and not claimed where there is none.

Covers `simulate` too.
"""

import numpy as np
import pytest

from scaling.analysis.curves.crossover import CLAIMED, Crossover, crossover, overtaken, sought
from scaling.analysis.curves.observed import LEVEL
from scaling.analysis.curves.replicate import seed_noise
from scaling.analysis.curves.simulate import CASES, SIZES, Case, crossovers, simulate

X = sought(400, 25600)


def parted(at: float, slope: float, spread: float = 0.0, n: int = 400) -> np.ndarray:
    """(n, sizes) differences of ln error, straight in ln size, that cross at this size."""
    moved = spread * np.random.default_rng(0).standard_normal((n, 1))
    return slope * np.log(X / at) + moved


def test_a_certain_crossover_is_found_where_it_is() -> None:
    found = crossover(X, 25600, parted(3000, -0.1))
    assert found.ahead == 0
    assert found.at == pytest.approx(3000) == found.low == found.high
    assert found.claimed
    assert (found.leads, min(found.none_near, found.none_far) > CLAIMED) == (1, True)
    ahead = crossover(X, 25600, parted(1e5, -0.1))
    assert ahead.claimed
    assert (ahead.leads, max(ahead.none_near, ahead.none_far) < 0.01) == (0, True)
    assert crossover(X, 25600, parted(3000, 0.1)).ahead == 1


def test_ends_are_open_where_nothing_is_excluded() -> None:
    beyond = crossover(X, 25600, parted(1e6, -0.05, spread=0.1))
    assert 25600 < beyond.low < 1e6 < beyond.at * 1.2
    assert beyond.high == np.inf
    assert not beyond.claimed
    before = crossover(X, 25600, parted(600, -0.05, spread=0.1))
    assert before.low == 0
    assert before.high < np.inf
    never = crossover(X, 25600, np.full((400, X.size), 0.2))
    assert (never.low, never.high, never.at) == (np.inf,) * 3
    assert min(never.none_near, never.none_far) > CLAIMED


def test_the_first_change_counts() -> None:
    lead = np.array([[1.0, 1, -1, 1], [-1, 1, 1, 1], [1, 1, 1, 1], [1, 0, -1, -1]])
    np.testing.assert_allclose(overtaken(np.array([1.0, 2, 4, 8]), lead), [2 * 2**0.5, 0, np.inf, 2])


def test_seed_noise_spreads_as_student_and_keeps_what_arms_share() -> None:
    rng = np.random.default_rng(3)
    common = 0.05 * rng.standard_normal((1, 4, 3))
    runs = 0.3 * np.exp(np.concatenate([common, common]) + 0.001 * rng.standard_normal((2, 4, 3)))
    moved = seed_noise(runs, 4000, rng)
    assert moved.shape == (2, 4000, 4)
    residual = np.log(runs) - np.log(runs).mean(axis=2, keepdims=True)
    expected = np.sqrt((residual**2).sum(axis=(1, 2)) / 8 / 3)
    middle = np.diff(np.quantile(moved, [0.25, 0.75], axis=1), axis=0)[0] / (2 * 0.706)  # quartile of t with 8
    np.testing.assert_allclose(middle, np.repeat(expected[:, None], 4, axis=1), rtol=0.08)
    assert (moved[0] - moved[1]).std() < 0.1 * moved[0].std()


def test_a_lacking_seed_or_size_leaves_the_others() -> None:
    rng = np.random.default_rng(4)
    runs = 0.3 * np.exp(0.02 * rng.standard_normal((3, 4, 3)))
    runs[0, 1, 2] = runs[0, 2, 1:] = np.nan
    runs[1, 3] = np.nan
    runs[2, :, 1:] = np.nan
    moved = seed_noise(runs, 500, rng)
    assert np.isfinite(moved[:2]).all()
    assert (moved[1, :, 3] == 0).all()
    assert np.isnan(moved[2]).all()
    assert moved[0, :, 2].std() > 1.3 * moved[0, :, 0].std()


NOISES = (0.01, 0.03)
STUDIES = 300  # of each pair of laws, half with each noise; `tests/bench/crossover.py` has 1,000 of each
REPLICATES = 59  # the ends of a 90 % interval cut off three of their sixty gaps on either side


def found(case: Case) -> list[Crossover]:
    each: list[Crossover] = []
    for noise in NOISES:
        rng = np.random.default_rng([CASES.index(case), round(1000 * noise)])
        errors = simulate(case.laws, SIZES, noise, STUDIES // len(NOISES), rng)
        each += crossovers(errors, SIZES, rng, REPLICATES)
    return each


def tolerance(share: float) -> float:
    """Three binomial standard errors of a share of the studies."""
    return float(3 * np.sqrt(share * (1 - share) / STUDIES))


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", [case for case in CASES if case.crosses], ids=named)
def test_intervals_hold_the_true_crossover_as_often_as_they_say(case: Case) -> None:
    assert case.crosses
    ones = found(case)
    held = np.mean([one.low <= case.crosses <= one.high for one in ones])
    assert abs(held - LEVEL) <= tolerance(LEVEL)
    if case.crosses < SIZES[-1]:
        assert np.mean([one.claimed for one in ones]) > CLAIMED


@pytest.mark.parametrize("case", [case for case in CASES if not case.crosses], ids=named)
def test_a_crossover_is_rarely_claimed_where_there_is_none(case: Case) -> None:
    assert np.mean([one.claimed for one in found(case)]) <= 1 - CLAIMED + tolerance(1 - CLAIMED)
