"""Fits: a noiseless law comes back, and what is no falling law is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from scaling.analysis.fit import HUBER, Curve, fit_curve, interval, law

SIZES = np.array([400.0, 1000.0, 4000.0, 10000.0])
MORE = np.geomspace(400, 40000, 8)


@pytest.mark.parametrize("sizes", [SIZES, MORE])
@pytest.mark.parametrize(("E", "A", "a"), [(0.1, 2.0, 0.4), (0.05, 8.0, 0.7), (0.3, 1.0, 0.25), (0.2, 50.0, 1.2)])
def test_a_noiseless_law_is_recovered(sizes: np.ndarray, E: float, A: float, a: float) -> None:
    curve = fit_curve(sizes, law(sizes, E, A, a))
    assert curve.status == "converged"
    np.testing.assert_allclose([curve.E, curve.A, curve.a], [E, A, a], rtol=1e-6)
    np.testing.assert_allclose(curve.predict(40000), law(40000, E, A, a), rtol=1e-6)


def test_a_pure_power_law_has_its_offset_at_zero() -> None:
    curve = fit_curve(SIZES, law(SIZES, 0.0, 1.2, 0.1))
    assert (curve.status, curve.E) == ("offset at zero", 0.0)
    assert curve.a == pytest.approx(0.1, rel=1e-6)


def test_a_step_puts_the_exponent_at_its_bound() -> None:
    assert fit_curve(SIZES, np.array([0.9, 0.3, 0.3, 0.3])).status == "exponent at bound"


def test_three_sizes_are_too_few() -> None:
    curve = fit_curve(SIZES[:3], law(SIZES[:3], 0.1, 2.0, 0.4))
    assert curve.status == "too few sizes"
    assert np.isnan(curve.predict(1e4))


def test_rising_and_flat_errors_are_said_not_forced() -> None:
    rising = fit_curve(SIZES, np.array([0.2, 0.25, 0.3, 0.36]))
    assert rising.status == "rises with data"
    assert np.isnan(rising.E)
    flat = fit_curve(SIZES, np.array([0.3, 0.301, 0.299, 0.3]))
    assert (flat.status, flat.form) == ("flat", "constant")
    assert flat.predict(1e6) == pytest.approx(0.3, rel=1e-2)


def test_a_trend_within_the_noise_is_flat() -> None:
    rng = np.random.default_rng(0)
    error = np.array([0.32, 0.29, 0.31, 0.30])
    resampled = error * np.exp(0.1 * rng.normal(size=(200, 4)))
    assert fit_curve(SIZES, error, resampled).status == "flat"
    assert fit_curve(SIZES, error[[0, 2, 3, 1]], error[[0, 2, 3, 1]] + 1e-4 * rng.normal(size=(200, 4))).a > 0


def test_one_outlier_does_not_bend_the_curve() -> None:
    error = law(MORE, 0.1, 4.0, 0.5)
    error[4] *= 1.6
    assert fit_curve(MORE, error).predict(160000) == pytest.approx(law(160000, 0.1, 4.0, 0.5), rel=0.03)


def test_seeds_count_by_their_mean() -> None:
    error = law(SIZES, 0.1, 2.0, 0.4)
    curve = fit_curve(np.tile(SIZES, 2), np.concatenate([error * 0.9, error * 1.1]))
    assert (curve.n_points, curve.n_sizes) == (8, 4)
    assert curve.a == pytest.approx(0.4, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.02, 0.4), st.floats(0.15, 0.9), st.integers(0, 10_000))
def test_no_other_start_finds_a_better_fit(E: float, a: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.log(law(MORE, E, 0.5 * 400**a, a)) + 0.02 * rng.normal(size=MORE.size)

    def residuals(p: np.ndarray) -> np.ndarray:
        return np.asarray(y - np.log(law(MORE, *np.exp(p))))

    curve = fit_curve(MORE, np.exp(y))
    starts = [np.log([e, 0.5 * 400**x, x]) for e in (0.01, 0.1) for x in (0.2, 0.6)]
    fits = [
        least_squares(residuals, p, loss="huber", f_scale=HUBER, bounds=([-14, -9, -3.9], [1, 14, 0.69]))
        for p in starts
    ]
    r = residuals(np.log([max(curve.E, 1e-12), curve.A, curve.a]))
    cost = np.where(abs(r) <= HUBER, r**2 / 2, HUBER * (abs(r) - HUBER / 2)).sum()
    assert cost <= min(fit.cost for fit in fits) * (1 + 1e-3)


def test_intervals_hold_the_estimate_and_need_resamples() -> None:
    error = law(SIZES, 0.1, 2.0, 0.4)
    bare = fit_curve(SIZES, error)
    assert isinstance(bare, Curve)
    assert np.isnan(bare.beyond).all()
    rng = np.random.default_rng(1)
    curve = fit_curve(SIZES, error, error * np.exp(0.01 * rng.normal(size=(200, 4))))
    assert curve.beyond[0] < curve.predict(40000) < curve.beyond[1]
    assert np.isnan(interval(np.array([0.1, np.nan]))).all()


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        fit_curve(SIZES, np.array([0.1, 0.0, 0.1, 0.1]))
    with pytest.raises(ValueError, match="equal"):
        fit_curve(SIZES, np.array([0.1]))
