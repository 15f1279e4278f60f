"""Runs of equal compute: a parabola's lowest point is found, and what is on the edge is said to be."""

import numpy as np
import pytest

from scaling.analysis.curves.isoflop import profiles

N, C = (v.ravel() for v in np.meshgrid([1e4, 3e4, 1e5, 3e5], np.geomspace(1e9, 1e12, 4)))


def planted(N: np.ndarray, C: np.ndarray, best: float = 0.5) -> np.ndarray:  # type: ignore[type-arg]
    """Errors of which the best size grows as C to a power, from 3e4 at 1e10."""
    off = np.log(N / 3e4) - best * np.log(C / 1e10)
    return np.exp(-1.0 - 0.05 * np.log(C / 1e10) + 0.05 * off**2)


@pytest.mark.parametrize(("best", "inside"), [(0.5, [True, True, True]), (1.0, [False, True, False])])
def test_the_lowest_point_is_found_at_every_compute(best: float, inside: list[bool]) -> None:
    error = planted(N, C, best)
    found = profiles(N, C, error, error[None])
    assert len(found) == 3
    for one in found:
        truth = np.clip(3e4 * (one.compute / 1e10) ** best, 1e4, 3e5)
        assert one.optimum == pytest.approx(truth, rel=1e-6)
        assert one.error == pytest.approx(planted(one.sizes, np.full(one.sizes.size, one.compute), best))
    assert [one.inside for one in found] == inside


def test_nothing_is_extrapolated() -> None:
    """Each size is asked at computes of its own alone: with three sizes that share none there is no profile."""
    alone = np.array([1.0, 1e3, 1e6, 1e9])[np.searchsorted([1e4, 3e4, 1e5, 3e5], N)] * C
    mine = np.geomspace(1, 3, N.size)
    assert profiles(N, alone * 1e3 ** np.searchsorted([1e4, 3e4, 1e5, 3e5], N), mine, mine[None]) == []


def test_what_opens_downwards_is_best_at_an_end() -> None:
    error = 1 / planted(N, C, best=0.0)
    assert {one.optimum for one in profiles(N, C, error, error[None])} == {3e5}
    assert not any(one.surely_inside for one in profiles(N, C, error, error[None]))


def test_bad_input_is_refused() -> None:
    error = planted(N, C)
    for bad in ((N, C, error, error), (N, C, 0 * error, error[None]), (N, np.nan * C, error, error[None])):
        with pytest.raises(ValueError, match=r"fit|finite"):
            profiles(*bad)
