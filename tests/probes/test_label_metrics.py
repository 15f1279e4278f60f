"""Ranking metrics against scikit-learn, and their influences against the bootstrap."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from scaling.probes.label_metrics import mean_average_precision, mean_roc_auc
from scaling.probes.measured import Measured

PAIRS = [(mean_average_precision, average_precision_score), (mean_roc_auc, roc_auc_score)]


def cases(n: int, classes: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(n)
    truth = draw.random((n, classes)) < 0.3
    truth[0], truth[1] = True, False
    scores = truth + draw.standard_normal((n, classes))
    return (scores.round() if ties else scores), truth


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_values_are_scikit_learns(ours, theirs, ties: bool):
    scores, truth = cases(83, 5, ties)
    found = ours(scores, truth)
    assert found.value == pytest.approx(theirs(truth, scores, average="macro"), abs=1e-12)
    assert found.parts.mean() == pytest.approx(found.value)


@pytest.mark.parametrize("ours", [pair[0] for pair in PAIRS])
def test_the_standard_error_is_the_bootstraps(ours):
    scores, truth = cases(400, 3, ties=False)
    draw = np.random.default_rng(0)
    again = [ours(scores[some], truth[some]).value for some in (draw.integers(400, size=400) for _ in range(400))]
    assert ours(scores, truth).stderr == pytest.approx(np.std(again), rel=0.15)


@pytest.mark.parametrize("ours", [pair[0] for pair in PAIRS])
def test_a_class_that_no_clip_has_is_left_out(ours):
    scores, truth = cases(50, 3, ties=False)
    none = np.zeros((50, 1), dtype=bool)
    with_it = ours(np.hstack([scores, scores[:, :1]]), np.hstack([truth, none]))
    assert with_it.value == pytest.approx(ours(scores, truth).value)
    with pytest.raises(ValueError, match="no class"):
        ours(scores[:, :1], none)
    with pytest.raises(ValueError, match="finite"):
        ours(np.full((50, 3), np.nan), truth)


def test_a_collapsed_encoder_earns_the_share_of_right_clips_and_half():
    _, truth = cases(60, 4, ties=False)
    same = np.zeros((60, 4))
    assert mean_average_precision(same, truth).value == pytest.approx(truth.mean())
    assert mean_roc_auc(same, truth).value == pytest.approx(0.5)


def test_shares_have_the_binomial_standard_error():
    assert Measured.mean(np.array([1.0, 0, 0, 1])).stderr == pytest.approx((0.25 / 4) ** 0.5)
