"""Odd curves: each is answered with a status, and with bands around its predictions or nothing at all.

The same answer is asked in any order and in any unit, without a warning or a flag of NumPy's arithmetic.
"""

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from scaling.analysis.curves.fit import Curve, Floats, Status, fit_curves, law

FEW = np.array([400.0, 1000.0, 4000.0, 10000.0])
MANY = np.geomspace(400, 400_000, 10)
WIDE = np.geomspace(1e2, 1e10, 9)
RUNS = np.repeat(MANY, 3)
DRAWS = 60


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Warnings are errors, and so is whatever NumPy's arithmetic flags, underflow too."""
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


def noisy(error: Floats, noise: float = 0.02) -> Floats:
    return np.asarray(error * np.exp(noise * np.random.default_rng(6).standard_normal(error.size)))


@dataclass(frozen=True, eq=False)
class Odd:
    """A curve, the status it must have, and the law behind it (E, A, a), if a band should hold that beyond the data."""

    name: str
    clips: Floats
    error: Floats
    status: Status
    behind: tuple[float, float, float] | None = None


def _outlier(error: Floats) -> Floats:
    return np.where(np.arange(error.size) == 3, 3 * error, error)


LAW = (0.1, 4.0, 0.4)
FALLING, CHANCE = law(MANY, *LAW), 0.98
BUMP = 1 + 0.8 * np.exp(-(np.log(MANY / 6000) ** 2))
SOME = np.append(MANY, MANY[:4])
ODD = [
    Odd("three sizes", FEW[:3], law(FEW[:3], 0.1, 2, 0.4), "too few points", (0.1, 2, 0.4)),
    Odd("three sizes twice", np.repeat(FEW[:3], 2), np.array([0.4, 0.4, 0.3, 0.3, 0.25, 0.25]), "too few points"),
    Odd("two sizes", FEW[:2], law(FEW[:2], 0.1, 2, 0.4), "too few points"),
    Odd("near chance at small sizes", MANY, noisy(np.minimum(CHANCE, law(MANY, 0.1, 20, 0.4))), "offset at zero"),
    Odd("a loss that hardly falls", MANY, 10 + noisy(law(MANY, 0, 4, 0.4)), "converged", (10, 4, 0.4)),
    Odd("double descent", MANY, noisy(law(MANY, 0.05, 4, 0.4) * BUMP), "offset at zero"),
    Odd("several values a size", RUNS, noisy(law(RUNS, *LAW), 0.03), "converged", LAW),
    Odd("several values at some sizes", SOME, noisy(law(SOME, *LAW)), "converged", LAW),
    Odd("errors of 1e-5", MANY, 1e-4 * noisy(FALLING), "converged", (1e-5, 4e-4, 0.4)),
    Odd("errors of 10", MANY, 20 * noisy(FALLING), "converged", (2, 80, 0.4)),
    Odd("1e2 to 1e10 clips, errors 20 to 1e-4", WIDE, np.geomspace(20, 1e-4, 9), "offset at zero"),
    Odd("1e2 to 1e10 clips, an offset", WIDE, law(WIDE, 1e-4, 200, 0.5), "converged", (1e-4, 200, 0.5)),
    Odd("one outlier", MANY, _outlier(noisy(FALLING)), "converged", LAW),
    Odd("flat", MANY, noisy(np.full(10, 0.3)), "flat"),
    Odd("all values equal", FEW, np.full(4, 0.3), "flat"),
    Odd("an exact law", MANY, FALLING, "converged", LAW),
    Odd("an exact power law", MANY, law(MANY, 0, 4, 0.4), "offset at zero", (0, 4, 0.4)),
    Odd("two equal values", FEW, np.array([0.4, 0.3, 0.3, 0.2]), "converged"),
    Odd("nothing gained at last", FEW, np.array([0.4, 0.3, 0.25, 0.25]), "converged"),
    Odd("a late step", FEW, np.array([0.3, 0.3, 0.3, 0.1]), "offset at zero"),
    Odd("up and down", FEW, np.array([0.3, 0.1, 0.3, 0.1]), "exponent at bound"),
    Odd("errors of 1e-15 that fall too fast", FEW, np.array([1e-12, 1e-13, 1e-14, 1e-15]), "exponent at bound"),
    Odd("1e16 clips", FEW * 1e12, np.array([0.4, 0.3, 0.25, 0.22]), "converged"),
    Odd("the largest size far below the rest", MANY, np.append(FALLING[:-1], 0.05), "rises at the largest sizes"),
    Odd("falls and rises", MANY, noisy(FALLING * (1 + (MANY > 5e4))), "rises at the largest sizes"),
    Odd("sizes that hardly differ", 400 + 1e-6 * np.arange(4), np.array([0.4, 0.3, 0.25, 0.22]), "exponent at bound"),
]
# Several laws fit these equally well, so that rounding chooses.
MANY_OPTIMA = [
    Odd("rising", MANY, noisy(FALLING[::-1]), "rises with data"),
    Odd("errors 1e9 to 1e-3", FEW, np.array([1e9, 1e3, 1.0, 1e-3]), "exponent at bound"),
    Odd("an early step", FEW, np.array([0.9, 0.3, 0.3, 0.3]), "exponent at bound"),
]
EVERY = ODD + MANY_OPTIMA


def answers(curve: Curve, x: Floats) -> Floats:
    """(5, n) predictions and the ends of two bands."""
    return np.stack([curve.predict(x), *curve.interval(x, 0.5), *curve.interval(x, 0.9)])


@functools.cache
def fitted() -> list[Curve]:
    """All curves, fitted in one call."""
    return fit_curves([(odd.clips, odd.error) for odd in EVERY], draws=DRAWS)


@functools.cache
def fitted_again() -> list[Curve]:
    """The same in another order of values, sizes and errors in other units."""
    rng = np.random.default_rng(1)
    orders = [rng.permutation(odd.clips.size) for odd in EVERY]
    moved = [(1000 * odd.clips[order], 37 * odd.error[order]) for odd, order in zip(EVERY, orders, strict=True)]
    return fit_curves(moved, draws=DRAWS)


@pytest.mark.parametrize("odd", EVERY, ids=lambda odd: odd.name)
def test_an_odd_curve_is_answered(odd: Odd) -> None:
    curve = fitted()[EVERY.index(odd)]
    assert curve.status == odd.status
    x = np.geomspace(odd.clips.min(), 10 * odd.clips.max(), 12)
    found = answers(curve, x)
    if curve.pool is None:
        assert curve.n_sizes < 3
        assert np.isnan(found).all()
        return
    predicted, low, high, lowest, highest = found
    assert np.isfinite(found).all()
    assert (lowest > 0).all()
    assert (lowest <= low).all()
    assert (low < predicted).all()
    assert (predicted < high).all()
    assert (high <= highest).all()
    if odd.behind is not None:
        low, high = curve.interval(4 * curve.largest)
        assert low <= law(4 * curve.largest, *odd.behind) <= high


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_neither_order_nor_units_change_an_answer(odd: Odd) -> None:
    x = np.geomspace(odd.clips.min(), 10 * odd.clips.max(), 12)
    again = fitted_again()[EVERY.index(odd)]
    assert again.status == odd.status
    np.testing.assert_allclose(answers(again, 1000 * x) / 37, answers(fitted()[EVERY.index(odd)], x), rtol=1e-6)


def test_a_converged_curve_does_not_rise() -> None:
    """Of odd and lawful curves alike: not towards the largest size, nor beyond it above what was seen there."""
    rng = np.random.default_rng(0)
    curves = []
    for _ in range(150):
        n = int(rng.integers(4, 10))
        x = np.geomspace(400, 400 * 10 ** rng.uniform(0.5, 4), n)
        lawful = law(x, 0.1, 4, 0.4) * np.exp(rng.choice([0.01, 0.1]) * rng.standard_normal(n))
        bump = lawful * (1 + 2 * (np.arange(n) == rng.integers(n)))
        curves += [(x, y) for y in (lawful, bump, rng.uniform(0.05, 0.9, n))]
    with np.errstate(under="ignore"):
        found = fit_curves(curves, draws=0)
    converged = 0
    for (x, y), curve in zip(curves, found, strict=True):
        if curve.status == "converged":
            converged += 1
            within = curve.predict(np.geomspace(x[0], x[-1], 100))
            beyond = curve.predict(x[-1] * np.geomspace(1, 1000, 20))
            assert within[-1] <= 1.0015 * within.min()
            assert (np.diff(beyond) <= 0).all()
            noise = max(0.01, 2 * float(np.median(np.abs(np.log(curve.predict(x) / y)))))
            assert np.log(curve.predict(4 * x[-1]) / y[-1]) < 3 * noise
    assert converged > 150


@pytest.mark.parametrize("wrong", [1e300, 1e-300, np.inf, np.nan, 0.0, -1.0])
def test_sizes_and_errors_whose_powers_are_no_numbers_are_refused(wrong: float) -> None:
    for clips, error in ((FEW * wrong, FALLING[:4]), (FEW, FALLING[:4] * wrong)):
        with pytest.raises(ValueError, match="finite and above 0"), np.errstate(all="ignore"):
            fit_curves([(clips, error)])
    with pytest.raises(ValueError, match="finite and above 0"):
        fitted()[0].predict(wrong)
