"""The best size for a compute: the closed form, and what a real cost changes."""

import numpy as np
import pytest

from scaling.analysis.curves.allocation import best_sizes, fit_cost
from scaling.analysis.curves.surface import Surface, fit_surface

N = np.repeat([2e4, 1e5, 5e5, 2.5e6], 4)
D = np.tile([500.0, 2000.0, 8000.0, 32000.0], 4)
E, A, B, a, b = 0.15, 40.0, 3.0, 0.45, 0.4


def surface() -> Surface:
    error = E + A * N**-a + B * D**-b
    return fit_surface(N, D, error, resampled=error[None])


def test_the_best_size_is_that_of_the_closed_form() -> None:
    cost = fit_cost(N, D, 6 * N * D)
    assert cost.q == pytest.approx(1)
    np.testing.assert_allclose(cost.compute(N, D), 6 * N * D)
    computes = np.array([5e8, 4e9, 3e10])
    found = np.array([best_sizes(surface(), cost, compute)[0] for compute in computes])
    expected = (a * A / (b * B)) ** (1 / (a + b)) * (computes / 6) ** (b / (a + b))
    np.testing.assert_allclose(found, expected, rtol=0.01)
    slope = np.polyfit(np.log(computes), np.log(found), 1)[0]
    assert slope == pytest.approx(b / (a + b), rel=0.01)
    np.testing.assert_allclose(cost.affordable(4e9, found[[1]]), 4e9 / 6 / found[[1]])


def test_an_optimum_outside_the_sizes_is_the_end_of_them() -> None:
    cost = fit_cost(N, D, 6 * N * D)
    assert best_sizes(surface(), cost, 1e14)[0] == N.max()
    assert best_sizes(surface(), cost, 1e6)[0] == N.min()


def test_a_cost_that_does_not_grow_with_the_size_favours_large_ones() -> None:
    # A text side of a fixed size costs most of a small encoder's compute.
    real = fit_cost(N, D, 6 * (N + 5e5) * D)
    cheap = fit_cost(N, D, 6 * N * D)
    assert best_sizes(surface(), real, 3e10)[0] > 1.5 * best_sizes(surface(), cheap, 1e10)[0]
    passes = fit_cost(N, D, 6 * N * D**0.5)
    assert passes.q == pytest.approx(0.5)


def test_costs_without_a_trade_are_refused() -> None:
    for flops, says in (
        (6 * N * 64000, "cost the same"), (N * np.nan, "not known"), (0 * N, "not known"),
        (D * D / N, "does not follow"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            fit_cost(N, D, flops)
    with pytest.raises(ValueError, match="does not vary"):
        fit_cost(N, 0 * D + 4, N * D)
