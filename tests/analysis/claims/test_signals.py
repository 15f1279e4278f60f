"""Tasks that tell arms apart weigh more; the weighed average stands beside the plain one."""

import numpy as np
import pytest
from made_study import Many, holds, spread

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.pairs import pairs
from scaling.analysis.claims.signals import signal_claims, signals, weighed


def test_signals_and_noises_are_those_planted() -> None:
    case = Many(4, 6, noise=0.04, n_test=100_000)
    ratios, noises = [], []
    for k in range(10):
        _, draws, true = case.drawn(np.random.default_rng(k))
        found = signals(draws, case.design)
        ratios += [one.signal / truth for one, truth in zip(found, spread(true), strict=True)]
        noises += [one.noise for one in found]
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    # Three seeds' mean, of runs of which nothing is common to the arms.
    assert np.sqrt(np.mean(np.square(noises))) == pytest.approx(0.04 / np.sqrt(3), rel=0.1)


def test_a_task_on_which_no_arms_differ_weighs_little() -> None:
    case = Many(4, 6, useless=3)
    weights = []
    for k in range(10):
        _, draws, _ = case.drawn(np.random.default_rng(k))
        weights.append([one.weight for one in signals(draws, case.design)])
    mean = np.mean(weights, axis=0)
    assert mean[:3].max() < 0.35
    assert mean[3:].min() > 0.6


@pytest.mark.parametrize("case", [Many(3, 4), Many(3, 4, seeds=1, noise=0.0), Many(4, 4, useless=2)])
def test_intervals_hold_the_true_signal_and_the_true_weighed_difference(case: Many) -> None:
    held, pair = [], []
    for k in range(25):
        _, draws, true = case.drawn(np.random.default_rng(k))
        found = signals(draws, case.design)
        for one, truth in zip(found, spread(true), strict=True):
            low, high = (end * one.noise for end in one.interval)
            held.append(low <= truth <= high)
        w = np.array([one.weight for one in found])
        two = weighed(draws, found, pairs(draws.cells, case.design), case.design)[0]
        pair.append(holds(two.weighed[1:], float(w @ (true[1, :, -1] - true[0, :, -1]) / w.sum())))
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.09 / len(held))
    assert np.mean(pair) >= 0.9 - 3 * np.sqrt(0.09 / len(pair))


def test_the_weighed_average_stands_beside_the_plain_one(study_claims: list[Claim], study_evidence: Evidence) -> None:
    plain = {claim.pair: claim for claim in study_claims if claim.kind == "better" and claim.scope == "all tasks"}
    found = [claim for claim in study_claims if claim.kind == "weighed"]
    assert len(found) == 4
    for claim in found:
        assert claim.number == pytest.approx(plain[claim.pair].number, abs=1)
        assert (claim.unit, claim.at) == ("points", plain[claim.pair].at)
        assert "in the plain average" in claim.sentence
    tasks = [claim for claim in study_claims if claim.kind == "signal"]
    assert len({claim.scope for claim in tasks}) == 9
    assert all(0 <= claim.chances["weight"] <= 1 for claim in tasks)
    assert sum(one.weight for one in study_evidence.signals) > 0


def test_without_noise_or_with_one_arm_there_is_nothing_to_tell() -> None:
    case = Many(3, 3, seeds=1)
    scores, _, _ = case.drawn(np.random.default_rng(0))
    from scaling.analysis.scores.resamples import draw

    silent = draw(scores.with_columns(stderr=None), None, case.design)
    assert signals(silent, case.design) == []
    assert weighed(silent, [], pairs(silent.cells, case.design), case.design) == []
    alone = scores.filter(objective="arm 0")
    assert signals(draw(alone, None, case.design), case.design) == []
    assert signal_claims([], [], case.design) == []
