"""Several arms: paired replicates."""

import numpy as np
import pytest

from scaling.analysis.curves.fit import law
from scaling.analysis.curves.forms import OFFSET
from scaling.analysis.curves.replicate import replicate, seed_noise
from scaling.analysis.curves.simulate import Law
from scaling.analysis.curves.solve import HUBER, huber, solve, threshold

SIZES = np.geomspace(400, 25600, 4)


def again(error: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return error * np.exp(noise)


def test_what_arms_share_leaves_their_difference() -> None:
    rng = np.random.default_rng(0)
    common = 0.05 * rng.standard_normal((400, 1))  # test clips that move all sizes and arms alike
    own = [0.005 * rng.standard_normal((400, 4)) for _ in range(2)]
    errors = [law(SIZES, 0.1, 2.0, 0.4), law(SIZES, 0.1, 2.4, 0.4)]
    arms = replicate([(SIZES, e) for e in errors], [again(e, common + o) for e, o in zip(errors, own, strict=True)])
    ln = arms.log_error(np.array([1600.0, 25600.0]))
    assert ln.shape == (2, 400, 2)
    apart = (ln[1] - ln[0]).std(axis=0)
    assert (apart < 0.4 * ln[0].std(axis=0)).all()
    truth = np.log(law(np.array([1600.0, 25600.0]), 0.1, 2.4, 0.4) / law(np.array([1600.0, 25600.0]), 0.1, 2.0, 0.4))
    low, high = np.quantile(ln[1] - ln[0], [0.05, 0.95], axis=0)
    assert ((low < truth) & (truth < high)).all()


def test_arms_may_lack_a_size_be_flat_or_rise() -> None:
    rng = np.random.default_rng(1)
    noise = 0.002 * rng.standard_normal((60, 4))
    falling, flat, rising = law(SIZES, 0.1, 2.0, 0.4), np.full(4, 0.3), np.array([0.2, 0.25, 0.3, 0.36])
    arms = replicate(
        [(SIZES, falling), (SIZES[:3], falling[:3]), (SIZES, flat), (SIZES, rising)],
        [again(falling, noise), again(falling, noise)[:, :3], again(flat, noise), again(rising, noise)],
    )
    assert [curve.status for curve in arms.curves] == ["converged", "too few points", "flat", "rises with data"]
    ln = arms.log_error(np.array([1e5]))
    assert np.isfinite(ln[:3]).all()
    np.testing.assert_allclose(np.exp(ln[2]), 0.3, rtol=0.02)
    np.testing.assert_allclose(np.exp(ln[3]), 0.36, rtol=0.02)


def test_refits_reach_their_optimum_without_a_belief() -> None:
    """Refits that stopped early, and beliefs that outweighed noisy data, made intervals of two arms too narrow."""
    rng = np.random.default_rng(2)
    runs = law(SIZES, 0.02, 2.0, 0.2)[None, :, None] * np.exp(0.03 * rng.standard_normal((1, 4, 3)))
    mean, three = runs[0].mean(axis=1), np.full(4, 3.0)
    resampled = again(mean, seed_noise(runs, 300, rng)[0])
    arms = replicate([(SIZES, mean)], [resampled], [three])
    pool = arms.curves[0].pool
    assert pool is not None
    delta = float(threshold(np.array([pool.own / 3**0.5]))[0])
    assert delta > HUBER
    y = np.log(resampled)
    u, w = np.broadcast_to(np.log(SIZES) - pool.centre, y.shape), np.broadcast_to(three, y.shape)
    _, best = solve(OFFSET, u, y, w, delta=delta)
    reached = (w * huber(y - arms.log_error(SIZES)[0], delta)).sum(axis=1)
    assert np.mean(reached <= 1.001 * best + 1e-9) >= 0.98


def test_replicates_need_resamples_of_every_arm() -> None:
    error = law(SIZES, 0.1, 2.0, 0.4)
    for resampled in (np.empty((0, 4)), np.full((9, 4), np.nan)):
        with pytest.raises(ValueError, match="none may be missing"):
            replicate([(SIZES, error)], [resampled])
    with pytest.raises(ValueError, match="counts of 1 or more"):
        replicate([(SIZES, error)], [np.tile(error, (9, 1))], [np.array([1.0, 0.0, 1.0, 1.0])])


def test_replicates_of_a_curve_that_bends_more_than_its_law_pass_through_its_means() -> None:
    sizes = np.geomspace(400, 25600, 4)
    bent = Law("bent", 0.05, 3.0, 0.2, 3000, 0.3).error(sizes)
    again = bent * np.exp(1e-3 * np.random.default_rng(0).standard_normal((50, 4)))
    made = replicate([(sizes, bent)], [again], [np.full(4, 3.0)])
    np.testing.assert_allclose(np.exp(made.as_seen(0, sizes)), again, rtol=2e-3)
    # Nobody knows how a curve that bends more than its law goes from size to size.
    midway = np.sqrt(sizes[1:] * sizes[:-1])
    assert (made.as_seen(0, midway).std(axis=0) > made.log_error_of(0, midway).std(axis=0)).all()
    straight = law(sizes, 0.05, 3.0, 0.3)
    kept = replicate([(sizes, straight)], [straight * again / bent], [np.full(4, 3.0)])
    np.testing.assert_array_equal(kept.as_seen(0, midway), kept.log_error_of(0, midway))
