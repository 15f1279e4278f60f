"""Two arms beyond their data: from what was seen there, further apart with the distance, and who leads by far stays."""

import numpy as np
import pytest

from scaling.analysis.curves.ahead import (
    EXPONENTS,
    LEARNED,
    Deviation,
    Doubling,
    ahead,
    doubled,
    exponents_apart,
)
from scaling.analysis.curves.crossover import STAYS, crossover, sought
from scaling.analysis.curves.fit import fit_curve, law
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.pool import Pool

SIZES = np.geomspace(400, 25600, 4)
LAST = float(np.log(SIZES[-1]))
X = sought(float(SIZES[0]), float(SIZES[-1]))
BEYOND = np.log(X) > LAST
DRAWS = 400


def pool(E: float, A: float, a: float) -> Pool:
    found = fit_curve(SIZES, law(SIZES, E, A, a)).pool
    assert found is not None
    return found


STEEP, FLATTER, LOW = pool(0.1, 3.0, 0.4), pool(0.1, 2.0, 0.35), pool(0.02, 0.4, 0.4)


def gone(one: Pool, other: Pool, known: Deviation = LEARNED) -> tuple[Floats, Floats]:
    """(2, r, n) what the laws say, and how it goes on."""
    ln = np.stack([np.tile(each.log_error(np.log(X)), (DRAWS, 1)) for each in (one, other)])
    seen = np.stack([np.full(DRAWS, each.errors[-1]) for each in (one, other)])
    return ln, ahead(ln, np.log(X), LAST, seen, (one, other), known)


def test_within_the_data_nothing_is_changed_and_beyond_both_go_on_together() -> None:
    ln, found = gone(STEEP, FLATTER)
    np.testing.assert_array_equal(found[..., ~BEYOND], ln[..., ~BEYOND])
    np.testing.assert_allclose(found.mean(axis=0), ln.mean(axis=0), rtol=1e-6, atol=2e-3)
    believed = Deviation(0, 0, 0, 1, 3)
    np.testing.assert_allclose(gone(STEEP, FLATTER, believed)[1], ln, atol=2e-3)


def test_the_deviation_grows_with_distance_and_steepness_and_has_no_side() -> None:
    def width(one: Pool, other: Pool) -> Floats:
        _, found = gone(one, other)
        return np.asarray(np.subtract(*np.quantile(found[1] - found[0], [0.95, 0.05], axis=0)))[BEYOND]

    assert (np.diff(width(STEEP, FLATTER)) > 0).all()
    shallow = width(pool(0.3, 0.3, 0.4), pool(0.3, 0.2, 0.35))
    assert (shallow < width(STEEP, FLATTER)).all()
    turned = gone(STEEP, LOW)[1], gone(LOW, STEEP)[1]
    one, other = (crossover(X, float(SIZES[-1]), part[1] - part[0]) for part in turned)
    assert (one.leads, other.leads) == (1, 0)
    assert one.none_near == pytest.approx(other.none_near, abs=0.01)


def test_who_leads_by_far_stays_and_who_leads_by_a_hair_may_not() -> None:
    far = gone(STEEP, LOW)[1]
    assert crossover(X, float(SIZES[-1]), far[1] - far[0]).none_near > STAYS
    near = gone(STEEP, pool(0.1, 3.03, 0.4))[1]
    assert 0.4 < crossover(X, float(SIZES[-1]), near[1] - near[0]).none_near < 0.7


def test_the_next_doubling_goes_on_from_what_was_seen_and_is_unsure_by_how_steep_the_curve_was() -> None:
    seen = np.full(DRAWS, STEEP.errors[-1])
    sure = doubled(STEEP, seen, Doubling(0, 0, 0, 0, 0, 3))
    x = np.array([LAST, LAST + np.log(2)])
    np.testing.assert_allclose(sure, np.full(DRAWS, STEEP.errors[-1] + np.diff(STEEP.log_error(x))[0]))
    widths = [np.ptp(np.quantile(doubled(one, seen), [0.05, 0.95])) for one in (STEEP, pool(0.3, 0.3, 0.4))]
    assert widths[0] > 2 * widths[1] > 0


def test_exponents_differ_by_less_and_less_surely_than_refits_say() -> None:
    drawn = np.random.default_rng(0).normal([[0.3], [0.5]], 0.01, (2, DRAWS))
    found = exponents_apart(drawn)
    assert np.median(found) == pytest.approx(EXPONENTS.share * 0.2, rel=0.05)
    assert np.ptp(np.quantile(found, [0.05, 0.95])) > 5 * np.ptp(np.quantile(drawn[1] - drawn[0], [0.05, 0.95]))
    np.testing.assert_allclose(np.quantile(exponents_apart(drawn[::-1]), 0.05), -np.quantile(found, 0.95), rtol=1e-6)
    assert np.isnan(exponents_apart(np.full((2, 5), np.nan))).all()
