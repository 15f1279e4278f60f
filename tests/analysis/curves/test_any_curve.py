"""Whatever is fitted: bands hold what is predicted, grow with level and distance, and nothing is warned of."""

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.analysis.curves.fit import Curve, Floats, fit_curve

LEVELS = (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
AHEAD = np.geomspace(1, 1e8, 60)
TINY, HUGE = 1e-50, 1e50

numbers = st.one_of(
    st.floats(TINY, HUGE), st.floats(1e-3, 1.0), st.sampled_from([0.3, 1.0, TINY, HUGE]),
)  # fmt: skip
shapes = st.sampled_from(["as drawn", "constant", "rising", "falling"])
kinds = st.sampled_from(["float64", "float32", "list"])


@st.composite
def curves(draw: st.DrawFn) -> tuple[Any, Any]:
    """Sizes, some of them several times, and errors, positive and within what is taken."""
    kind = draw(kinds)
    low, high = (1e-30, 1e30) if kind == "float32" else (TINY, HUGE)
    n = draw(st.integers(1, 8))
    sizes = np.array(draw(st.lists(st.one_of(st.floats(low, high), st.floats(10, 1e6)), min_size=n, max_size=n)))
    errors = np.clip(draw(st.lists(numbers, min_size=n, max_size=n)), low, high)
    shape, runs = draw(shapes), draw(st.integers(1, 3))
    if shape != "as drawn":
        sizes = np.sort(sizes)
        errors = np.full(n, errors[0]) if shape == "constant" else np.sort(errors)[:: 1 if shape == "rising" else -1]
    x, y = np.tile(sizes, runs), np.tile(errors, runs) * (1 + 0.01 * np.arange(n * runs) % 0.05)
    y = np.clip(y, low, high)
    if kind == "list":
        return x.tolist(), y.tolist()
    return x.astype(kind), y.astype(kind)


def asked(curve: Curve) -> Floats:
    """Sizes from the smallest to far beyond, within what is taken."""
    return np.unique(np.clip(np.append(curve.largest * AHEAD, curve.largest / 3), TINY, HUGE))


@settings(max_examples=30, deadline=None)
@given(curves())
def test_bands_are_in_order_whatever_is_fitted(given_curve: tuple[Any, Any]) -> None:
    with warnings.catch_warnings(), np.errstate(over="warn", invalid="warn", divide="warn"):
        warnings.simplefilter("error")
        try:
            curve = fit_curve(*given_curve, draws=20)
        except ValueError:
            return
        x = asked(curve)
        predicted, bands = curve.predict(x), [curve.interval(x, level) for level in LEVELS]
    if curve.n_sizes < 3:
        assert np.isnan(predicted).all()
        return
    assert np.isfinite(predicted).all()
    for low, high in bands:
        assert np.isfinite([low, high]).all()
        assert (low <= predicted).all()
        assert (predicted <= high).all()
        beyond = x >= curve.largest
        for half in (np.log(predicted[beyond] / low[beyond]), np.log(high[beyond] / predicted[beyond])):
            assert (np.diff(half) >= -1e-9 * (1 + half[1:])).all()
    for (low, high), (lower, higher) in pairwise(bands):
        assert (lower <= low).all()
        assert (high <= higher).all()


@settings(max_examples=10, deadline=None, derandomize=True)
@given(curves(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_units_and_order_do_not_matter_whatever_is_fitted(
    given_curve: tuple[Any, Any], sizes: float, errors: float, order: Any
) -> None:
    x, y = (np.asarray(part, dtype=np.float64) for part in given_curve)
    places = order.sample(range(x.size), x.size)
    try:
        one = fit_curve(x, y, draws=0)
        other = fit_curve(sizes * x[places], errors * y[places], draws=0)
    except ValueError:
        return
    at = np.clip(one.largest * np.array([0.5, 1, 2, 10, 100]), TINY, HUGE)
    assert one.status == other.status
    np.testing.assert_allclose(other.predict(sizes * at) / errors, one.predict(at), rtol=1e-3)
    np.testing.assert_allclose(np.divide(other.interval(sizes * at), errors), one.interval(at), rtol=1e-3)


def _drawn(shape: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Sizes and errors of up to three runs: without a trend, constant, rising, falling or with a step."""
    n, runs = int(rng.integers(3, 9)), int(rng.integers(1, 4))
    any_error, place = rng.uniform(0.1, 0.6, n), np.arange(n)
    error = [any_error, np.full(n, 0.3), np.sort(any_error), -np.sort(-any_error), np.where(place < n // 2, 0.8, 0.3)]
    noise = 0.02 * rng.standard_normal(n * runs) * (runs > 1)
    return np.tile(np.sort(rng.uniform(100, 1e6, n)), runs), np.tile(error[shape], runs) * np.exp(noise)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 4), st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_units_and_order_do_not_matter(shape: int, seed: int, sizes: float, errors: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = _drawn(shape, rng)
    order = rng.permutation(x.size)
    one, other = fit_curve(x, y), fit_curve(sizes * x[order], errors * y[order])
    at = np.geomspace(100, 1e8, 7)
    assert one.status == other.status
    for level in (0.5, 0.9):
        np.testing.assert_allclose(
            np.divide(other.interval(sizes * at, level), errors), one.interval(at, level), rtol=1e-4
        )


def test_no_error_among_some_test_clips_has_a_band() -> None:
    x = np.array([100.0, 400.0, 1600.0, 6400.0])
    curve = fit_curve(x, np.zeros(4), n_test=200)
    low, high = curve.interval(25600)
    # None among 200 excludes an error of 20 %, and not one of 1 %.
    assert low < 0.0025 < 0.01 < high < 0.2
    for n_test, error in ((0, 0.1), (100, 1.2), ([100, 100], 0.1)):
        with pytest.raises(ValueError, match="test clips"):
            fit_curve(x, np.full(4, error), n_test=n_test)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="above 0"):
        fit_curve(x, np.zeros(4))
