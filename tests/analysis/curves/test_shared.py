"""Several arms with one offset."""

import numpy as np
import pytest

from scaling.analysis.curves.fit import law
from scaling.analysis.curves.shared import fit_shared

SIZES = np.geomspace(400, 25600, 4)


def again(error: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return error * np.exp(noise)


def test_noiseless_arms_with_one_offset_are_recovered() -> None:
    laws = [(0.1, 2.0, 0.4), (0.1, 5.0, 0.6), (0.1, 1.0, 0.25)]
    found = fit_shared([(SIZES, law(SIZES, *p)) for p in laws])
    assert found.status == "converged"
    assert pytest.approx(0.1, rel=1e-6) == found.E
    np.testing.assert_allclose(found.A, [2.0, 5.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(found.a, [0.4, 0.6, 0.25], rtol=1e-6)
    np.testing.assert_allclose(found.predict(1, 1e6), law(1e6, 0.1, 5.0, 0.6), rtol=1e-6)
    powers = fit_shared([(SIZES, law(SIZES, 0.0, A, a)) for A, a in ((2.0, 0.3), (1.0, 0.2))])
    assert powers.status == "offset at zero"


def test_one_offset_makes_exponents_comparable() -> None:
    rng = np.random.default_rng(2)
    errors = [law(SIZES, 0.1, 2.0, 0.4), law(SIZES, 0.1, 1.0, 0.3)]
    noise = [0.01 * rng.standard_normal((200, 4)) for _ in errors]
    pairs = list(zip(errors, noise, strict=True))
    found = fit_shared([(SIZES, e) for e in errors], [again(e, n) for e, n in pairs])
    low, high = found.exponent_difference(0, 1)
    assert low < 0.1 < high
    # One arm alone, with an offset of its own: its exponent alone spreads more.
    alone = [fit_shared([(SIZES, e), (SIZES, e)], [again(e, n), again(e, n)]) for e, n in pairs]
    spread = alone[0].draws[:, 3] - alone[1].draws[:, 3]
    assert high - low < np.ptp(np.quantile(spread, [0.05, 0.95]))


@pytest.mark.parametrize(
    ("curves", "says"),
    [
        ([(SIZES, law(SIZES, 0.1, 2.0, 0.4))], "two arms"),
        ([(SIZES[:2], np.array([0.3, 0.2]))] * 2, "three sizes"),
        ([(SIZES, np.array([0.3, 0.2, np.nan, 0.1]))] * 2, "finite and above 0"),
    ],
)
def test_arms_that_cannot_share_are_refused(curves: list[tuple[np.ndarray, np.ndarray]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_shared(curves)
