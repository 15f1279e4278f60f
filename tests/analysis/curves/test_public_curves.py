"""Extrapolation on the public curves, as far as they lie beside the project."""

import sys
from pathlib import Path

import numpy as np
import pytest

from scaling.analysis.curves.fit import fit_curves

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from public_curves import FOLDER, public_curves

pytestmark = pytest.mark.skipif(
    not (FOLDER / "curves.csv").is_file(), reason=f"the public learning curves are not there ({FOLDER})"
)


@pytest.mark.parametrize(("sparse", "at_most"), [(False, 0.026), (True, 0.030)])
def test_curves_are_extrapolated_better_than_published(sparse: bool, at_most: float) -> None:
    curves = [curve.sparse5() if sparse else curve for curve in public_curves()]
    fitted = fit_curves([(c.x, c.y) for c in curves], draws=0)
    assert np.mean([c.rmsle(f.predict(c.held_x)) for c, f in zip(curves, fitted, strict=True)]) <= at_most


def test_intervals_hold_most_new_observations() -> None:
    curves = [curve.sparse5() for curve in public_curves()]
    inside = []
    for c, fitted in zip(curves, fit_curves([(c.x, c.y) for c in curves], draws=80), strict=True):
        low, high = fitted.interval(c.held_x[:: max(len(c.held_x) // 5, 1)])
        y = c.held_y[:: max(len(c.held_y) // 5, 1)]
        inside.append(np.mean((low <= y) & (y <= high)))
    assert 0.8 <= np.mean(inside) <= 0.99
