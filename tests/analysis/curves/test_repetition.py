"""Repeated data: the law of Muennighoff et al. is found again, and its ends are told."""

import numpy as np
import pytest

from scaling.analysis.curves.repetition import fit_repetition, fresh

CLIPS = np.repeat([500.0, 1500.0, 4500.0], 4)
SAMPLES = CLIPS * np.tile([1.0, 4.0, 16.0, 64.0], 3)


def planted(R: float, E: float = 0.1) -> np.ndarray:
    return E + 6 * fresh(CLIPS, SAMPLES, R) ** -0.4


@pytest.mark.parametrize("R", [0.5, 8.0, 60.0])
def test_a_noiseless_law_is_recovered(R: float) -> None:
    found = fit_repetition(CLIPS, SAMPLES, planted(R), draws=0)
    assert found.status == "converged"
    np.testing.assert_allclose([found.E, found.B, found.b, found.R], [0.1, 6, 0.4, R], rtol=1e-4)
    assert found.half_worth == pytest.approx(1 + R * np.log(2), rel=1e-4)
    np.testing.assert_allclose(found.predict(CLIPS, SAMPLES), planted(R), rtol=1e-6)
    # Once seen, clips are fresh; however often, they are never worth more than this.
    assert found.effective(500, 500) == pytest.approx(500)
    assert found.effective(500, 1e12) == pytest.approx(500 * (1 + R), rel=1e-3)
    assert np.isnan(found.parameter_interval("R")).all()


def test_after_half_worth_passes_a_further_one_is_worth_half_a_fresh_one() -> None:
    found = fit_repetition(CLIPS, SAMPLES, planted(8.0), draws=0)
    k = found.half_worth
    gained = found.effective(500, 500 * (k + 1e-4)) - found.effective(500, 500 * k)
    assert gained / (500 * 1e-4) == pytest.approx(0.5, rel=1e-3)


def test_repeats_that_bring_nothing_or_as_much_as_new_clips_are_told() -> None:
    nothing = fit_repetition(CLIPS, SAMPLES, 0.1 + 6 * CLIPS**-0.4, draws=0)
    assert nothing.status == "repeats are worth nothing"
    new = fit_repetition(CLIPS, SAMPLES, 0.1 + 6 * SAMPLES**-0.4, draws=0)
    assert new.status == "repeats are as good as new"
    assert fit_repetition(CLIPS, SAMPLES, planted(8.0, E=0.0), draws=0).status == "offset at zero"


def test_intervals_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(40):
        found = fit_repetition(CLIPS, SAMPLES, planted(8.0) * np.exp(0.02 * rng.standard_normal(12)))
        low, high = found.parameter_interval("R")
        hits.append(low < 8.0 < high)
    # 90 %, less three binomial standard errors.
    assert np.mean(hits) >= 0.9 - 3 * np.sqrt(0.09 / 40)


@pytest.mark.parametrize(
    ("clips", "samples", "says"),
    [
        (CLIPS, CLIPS / 2, "fewer samples seen"),
        (CLIPS, CLIPS, "more than once"),
        (CLIPS[:4], SAMPLES[:4], "too few"),
        (CLIPS[0] + 0 * CLIPS, SAMPLES, "clips does not vary"),
    ],
)
def test_bad_input_is_refused(clips: np.ndarray, samples: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_repetition(clips, samples, planted(8.0)[: clips.size])
