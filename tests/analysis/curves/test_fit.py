"""Fits: a noiseless law comes back, and what is no falling law is said.

Covers `forms`, `solve`, `observed`, `pool`, `bands` and `curve` too, which only a fit brings together.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from scaling.analysis.curves.bands import calibration
from scaling.analysis.curves.fit import HUBER, Curve, fit_batch, fit_curve, interval, law
from scaling.analysis.curves.forms import BROKEN, FORMS, POWER, SATURATING, Form

SIZES = np.array([400.0, 1000.0, 4000.0, 10000.0])
MORE = np.geomspace(400, 40000, 8)


def fit_means(error: np.ndarray, resampled: np.ndarray, runs: int = 1) -> Curve:
    """One curve over SIZES with resampled mean errors."""
    return fit_batch(SIZES, error[None], resampled[None], np.full((1, 4), float(runs)), 200)[0]


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


def test_three_sizes_are_too_few_for_a_law_but_not_for_a_wide_interval() -> None:
    curve = fit_curve(SIZES[:3], law(SIZES[:3], 0.1, 2.0, 0.4))
    assert (curve.status, curve.form) == ("too few points", "none")
    assert np.isnan(curve.a)
    low, high = curve.interval(16000)
    assert low < law(16000, 0.1, 2.0, 0.4) < high
    full = fit_curve(MORE, law(MORE, 0.1, 2.0, 0.4))
    assert np.log(high / low) > np.log(np.divide(*full.interval(160000)[::-1]))


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_sizes_predict_nothing(n: int) -> None:
    curve = fit_curve(SIZES[:n], law(SIZES[:n], 0.1, 2.0, 0.4))
    assert curve.status == "too few points"
    assert np.isnan(curve.predict(1e4))
    assert np.isnan(curve.interval(1e4)).all()
    assert np.isnan(curve.inverse(0.2))


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
    noisy = error * np.exp(0.1 * rng.normal(size=(200, 4)))
    assert fit_means(error, noisy).status == "flat"
    falls = error[[0, 2, 3, 1]]
    assert fit_means(falls, falls + 1e-4 * rng.normal(size=(200, 4))).a > 0


def test_one_outlier_does_not_bend_the_curve() -> None:
    error = law(MORE, 0.1, 4.0, 0.5)
    error[4] *= 1.6
    curve = fit_curve(MORE, error)
    assert law(160000, curve.E, curve.A, curve.a) == pytest.approx(law(160000, 0.1, 4.0, 0.5), rel=0.01)
    # Predictions pool windows too. The last one holds four sizes, the outlier its smallest: no law of three parameters
    # can tell that from a steep start, and it is a third of the average. A sixth of the outlier's 60 % may be left.
    assert curve.predict(160000) == pytest.approx(law(160000, 0.1, 4.0, 0.5), rel=0.1)


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

    def derivatives(p: np.ndarray) -> np.ndarray:
        falling = law(MORE, 0.0, *np.exp(p[1:]))
        parts = np.exp(p[0]) + 0 * MORE, falling, -falling * np.exp(p[2]) * np.log(MORE)
        return np.asarray(-np.stack(parts, axis=1) / law(MORE, *np.exp(p))[:, None])

    curve = fit_curve(MORE, np.exp(y), draws=0)
    starts = [np.log([e, 0.5 * 400**x, x]) for e in (0.01, 0.1) for x in (0.2, 0.6)]
    fits = [
        least_squares(residuals, p, derivatives, loss="huber", f_scale=HUBER, bounds=([-14, -9, -3.9], [1, 14, 0.69]))
        for p in starts
    ]
    r = residuals(np.log([max(curve.E, 1e-12), curve.A, curve.a]))
    cost = np.where(abs(r) <= HUBER, r**2 / 2, HUBER * (abs(r) - HUBER / 2)).sum()
    assert cost <= min(fit.cost for fit in fits) * (1 + 1e-3)


def test_bands_need_no_resamples_and_intervals_of_parameters_do() -> None:
    error = law(SIZES, 0.1, 2.0, 0.4)
    bare = fit_curve(SIZES, error, draws=0)
    assert isinstance(bare, Curve)
    assert np.isnan(bare.E_interval).all()
    assert np.isfinite(bare.beyond).all()
    rng = np.random.default_rng(1)
    curve = fit_means(error, error * np.exp(0.01 * rng.normal(size=(200, 4))))
    assert curve.beyond[0] < curve.predict(40000) < curve.beyond[1]
    wide = fit_means(error, error * np.exp(0.01 * rng.normal(size=(200, 4))), runs=3)
    assert wide.E_interval[0] < 0.1 < wide.E_interval[1]
    assert np.isnan(interval(np.array([0.1, np.nan]))).all()


@pytest.mark.parametrize(
    ("clips", "error", "says"),
    [
        (SIZES, [0.1, 0.0, 0.1, 0.1], "errors must be finite and above 0"),
        (SIZES, [0.1, np.nan, 0.1, 0.1], "errors must be finite"),
        (SIZES, [0.1, -0.2, 0.1, 0.1], "errors must be"),
        ([0, 10, 20, 30], [0.4, 0.3, 0.2, 0.1], "sizes must be finite and above 0"),
        ([np.inf, 10, 20, 30], [0.4, 0.3, 0.2, 0.1], "sizes must be"),
        (SIZES[:3], [0.4, 0.3, 0.2, 0.1], "one-dimensional"),
        ([], [], "one-dimensional"),
    ],
)
def test_impossible_input_is_refused(clips: list[float], error: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_curve(np.asarray(clips, dtype=float), np.asarray(error))


def test_impossible_questions_are_refused() -> None:
    curve = fit_curve(SIZES, law(SIZES, 0.1, 2.0, 0.4), draws=20)
    for ask, says in (
        (lambda: curve.predict(0.0), "above 0"), (lambda: curve.interval(1e4, level=1.0), "between 0 and 1"),
        (lambda: curve.inverse(-1.0), "above 0"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            ask()


def test_equal_errors_are_flat_and_one_size_many_times_is_too_few() -> None:
    assert fit_curve(SIZES, np.full(4, 0.3)).status == "flat"
    assert fit_curve(np.full(4, 400.0), np.array([0.3, 0.2, 0.1, 0.4])).status == "too few points"


def test_an_offset_that_is_all_there_is_is_said() -> None:
    assert fit_curve(MORE, law(MORE, 0.3, 3e3, 1.9)).status == "offset at the lowest point"


@settings(max_examples=15, deadline=None)
@given(st.floats(0.02, 0.4), st.floats(0.15, 0.9), st.permutations(range(8)))
def test_noiseless_laws_are_recovered_in_any_order(E: float, a: float, order: list[int]) -> None:
    A = 0.5 * 400**a
    curve = fit_curve(MORE[order], law(MORE[order], E, A, a), draws=0)
    np.testing.assert_allclose([curve.E, curve.A, curve.a], [E, A, a], rtol=1e-6)
    np.testing.assert_allclose(curve.predict(1e6), law(1e6, E, A, a), rtol=1e-6)
    np.testing.assert_allclose(curve.inverse(float(law(1e5, E, A, a))), 1e5, rtol=1e-5)


def test_named_forms_recover_their_own_laws() -> None:
    x = np.geomspace(100, 1e7, 30)
    for form, error, exact in (
        (POWER, 3 * x**-0.3, {"A": 3.0, "a": 0.3}),
        (SATURATING, 0.1 + 0.8 * (1 + x / 2000) ** -0.5, {"E": 0.1, "A": 0.8, "a": 0.5, "b": 2000.0}),
        (BROKEN, 0.05 + 2 * x**-0.1 * (1 + (x / 1e4) ** 2) ** -0.2,
         {"E": 0.05, "A": 2.0, "a": 0.1, "b": 1e4, "c": 0.4, "f": 0.5}),
    ):  # fmt: skip
        curve = fit_curve(x, error, form=form, draws=50)
        assert dict(curve.parameters) == pytest.approx(exact, rel=1e-5)
        assert curve.predict(1e8) > 0
        low, high = curve.interval(1e8)
        assert low < curve.predict(1e8) < high


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_derivatives_are_those_of_the_law(form: Form) -> None:
    rng = np.random.default_rng(0)
    u = np.linspace(-4, 4, 9)[None]
    theta = np.concatenate([rng.normal(size=(1, 1)), form.grid[len(form.grid) // 2][None] + 0.1], axis=1)
    _, by = form.log_error(u, theta)
    for k in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[0, k] = 1e-6
        slope = (form.log_error(u, theta + step)[0] - form.log_error(u, theta - step)[0]) / 2e-6
        np.testing.assert_allclose(by[..., k], slope, atol=1e-7)


def test_several_runs_a_size_tell_the_noise() -> None:
    rng = np.random.default_rng(5)
    x = np.repeat(MORE, 3)
    curve = fit_curve(x, law(x, 0.1, 2.0, 0.4) * np.exp(0.03 * rng.standard_normal(x.size)))
    assert curve.noise_from == "several runs a size"
    assert fit_curve(MORE, law(MORE, 0.1, 2.0, 0.4)).noise_from == "residuals of one run a size"
    low, high = curve.interval(40000)
    assert low < law(40000, 0.1, 2.0, 0.4) < high


def test_predictions_are_continuous_and_intervals_nest() -> None:
    rng = np.random.default_rng(2)
    curve = fit_curve(MORE, law(MORE, 0.1, 2.0, 0.4) * np.exp(0.02 * rng.standard_normal(8)), draws=100)
    x = np.geomspace(400, 1e6, 500)
    assert np.abs(np.diff(np.log(curve.predict(x)))).max() < 0.05
    ends = [curve.interval(x, level) for level in (0.5, 0.6, 0.8, 0.9, 0.93, 0.95, 0.99)]
    for narrow, wide in pairwise(ends):
        assert (wide[0] <= narrow[0]).all()
        assert (narrow[1] <= wide[1]).all()


def test_the_calibration_is_shipped() -> None:
    cells = calibration()
    assert {cell.level for cell in cells} == {0.5, 0.8, 0.9, 0.95}
    assert min(cell.sizes for cell in cells) == 3
    told = [cell for cell in cells if cell.noise == "several runs" and cell.factor < 48]
    assert all(abs(cell.covered - cell.level) < 0.1 + cell.stderr for cell in told)


def test_a_rise_within_the_noise_of_one_run_is_no_rise() -> None:
    assert fit_curve(SIZES, np.array([0.30, 0.28, 0.33, 0.30])).status == "flat"


def test_several_runs_are_not_narrowed_by_curves_of_one_run() -> None:
    rng = np.random.default_rng(8)
    x = np.repeat(SIZES, 3)
    curve = fit_curve(x, law(x, 0.1, 2.0, 0.4) * np.exp(0.03 * rng.standard_normal(x.size)))
    low, high = curve.interval(10000)
    assert np.log(high / low) > 2 * 1.64 * 0.02
    cell = curve.coverage(10000)
    assert cell is not None
    assert (cell.noise, cell.level) == ("several runs", 0.9)
    # Coverage was measured up to some 100 times the largest size; further out it is not claimed.
    assert curve.coverage(320000) is not None
    assert curve.coverage(1_100_000) is None


def test_known_noise_of_test_clips_is_in_the_interval() -> None:
    rng = np.random.default_rng(9)
    error = law(SIZES, 0.1, 2.0, 0.4)
    curve = fit_means(error, error * np.exp(0.05 * rng.standard_normal((200, 4))))
    low, high = curve.interval(10000)
    assert np.log(high / low) > 2 * 1.64 * 0.04
    assert curve.noise_from == "residuals of one run a size"
    assert fit_means(error, error * np.exp(0.05 * rng.standard_normal((200, 4))), runs=3).noise_from.startswith(
        "several"
    )
