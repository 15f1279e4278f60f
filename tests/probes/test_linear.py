"""The linear probe: its promises one by one."""

import math

import pytest
import torch
from points import clusters

from scaling.probes.linear import (
    FOLDS,
    L2_GRID,
    logistic_probe,
    stderr_of_proportion,
    stratified_folds,
)
from scaling.probes.logistic import Standardizer, logistic_path


def test_separable_data_are_answered_without_error() -> None:
    x, y = clusters(400, 12, 5, noise=0.05)
    probe = logistic_probe(x[:200], y[:200], x[200:300], y[200:300], x[300:], 5)
    assert probe.val_accuracy == 1.0
    assert probe.converged
    assert torch.equal(probe.answers, y[300:])
    assert probe.answers.dtype == torch.int64


def test_noise_gets_a_strength_inside_the_grid_or_says_so() -> None:
    x, y = clusters(300, 20, 3, noise=3.0)
    probe = logistic_probe(x[:200], y[:200], x[200:], y[200:], x[200:], 3)
    assert probe.l2 in L2_GRID
    assert probe.on_edge == (probe.l2 in (L2_GRID[0], L2_GRID[-1]))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_feature_changes_nothing_even_if_it_moves_at_test(value: float) -> None:
    x, y = clusters(300, 10, 3, noise=1.0)
    constant = torch.full((300, 1), value)
    constant[200:] += 100.0
    plain = logistic_probe(x[:150], y[:150], x[150:200], y[150:200], x[200:], 3)
    wider = torch.cat([x, constant], 1)
    with_it = logistic_probe(wider[:150], y[:150], wider[150:200], y[150:200], wider[200:], 3)
    assert torch.equal(plain.answers, with_it.answers)
    assert plain.l2 == with_it.l2


def test_embeddings_that_are_all_one_point_answer_the_commonest_class() -> None:
    x, y = torch.ones(30, 4), torch.tensor([0] * 5 + [2] * 25)
    probe = logistic_probe(x, y, x, y, x, 3)
    assert torch.equal(probe.answers, torch.full((30,), 2))


def test_a_class_never_seen_is_never_answered_and_counts_as_wrong() -> None:
    x, y = clusters(400, 12, 5, noise=0.05)
    seen = y[:200] != 3
    probe = logistic_probe(x[:200][seen], y[:200][seen], x[200:300], y[200:300], x[300:], 5)
    assert not (probe.answers == 3).any()
    others = y[300:] != 3
    assert torch.equal(probe.answers[others], y[300:][others])
    assert probe.val_accuracy == pytest.approx(float((y[200:300] != 3).double().mean()))


def test_one_class_alone_is_the_answer() -> None:
    x, _ = clusters(20, 4, 2, noise=1.0)
    y = torch.full((20,), 1)
    probe = logistic_probe(x, y, None, None, x, 3)
    assert torch.equal(probe.answers, y)
    assert probe.converged


def test_the_order_of_rows_does_not_matter() -> None:
    x, y = clusters(500, 16, 4, noise=2.0)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    one = logistic_probe(x[:200], y[:200], x[200:300], y[200:300], x[300:], 4)
    other = logistic_probe(x[:200][order], y[:200][order], x[200:300], y[200:300], x[300:], 4)
    assert torch.equal(one.answers, other.answers)
    assert (one.l2, one.val_accuracy) == (other.l2, other.val_accuracy)


def test_the_same_call_gives_the_same_answers_bit_for_bit() -> None:
    x, y = clusters(300, 16, 4, noise=2.0)
    for val_x, val_y in ((x[200:], y[200:]), (None, None)):
        one, other = (logistic_probe(x[:200], y[:200], val_x, val_y, x[200:], 4) for _ in range(2))
        assert torch.equal(one.answers, other.answers)
        assert (one.l2, one.val_accuracy) == (other.l2, other.val_accuracy)


@pytest.mark.parametrize("cross_validated", [True, False])
def test_the_test_split_has_no_say(cross_validated: bool) -> None:
    """Each test row gets the answer it would get alone, whatever else is in the split."""
    x, y = clusters(400, 16, 4, noise=2.0)
    val_x, val_y = (None, None) if cross_validated else (x[200:300], y[200:300])
    one = logistic_probe(x[:200], y[:200], val_x, val_y, x[300:], 4)
    other = logistic_probe(x[:200], y[:200], val_x, val_y, torch.cat([x[300:], 1e6 * x[:50]]), 4)
    assert torch.equal(one.answers, other.answers[:100])
    assert (one.l2, one.val_accuracy) == (other.l2, other.val_accuracy)


def test_validation_chooses_the_strength_by_accuracy_then_by_loss() -> None:
    x, y = clusters(300, 16, 4, noise=2.0)
    train_x, train_y, val_x, val_y = x[:120], y[:120], x[120:220], y[120:220]
    standardize = Standardizer.fit(train_x)
    keys = []
    for model in logistic_path(standardize(train_x), train_y, 4, L2_GRID):
        log_p = model(standardize(val_x))
        accuracy = float((log_p.argmax(1) == val_y).double().mean())
        keys.append((accuracy, -float(torch.nn.functional.nll_loss(log_p, val_y)), model.l2))
    probe = logistic_probe(train_x, train_y, val_x, val_y, x[220:], 4)
    assert (probe.val_accuracy, probe.l2) == pytest.approx((max(keys)[0], max(keys)[2]))


def test_cross_validation_is_that_of_explicit_folds() -> None:
    x, y = clusters(160, 12, 3, noise=2.0)
    folds = stratified_folds(y)
    right = torch.zeros(len(L2_GRID))
    for fold in range(FOLDS):
        train, held = folds != fold, folds == fold
        standardize = Standardizer.fit(x[train])
        path = logistic_path(standardize(x[train]), y[train], 3, L2_GRID)
        right += torch.tensor([int((m(standardize(x[held])).argmax(1) == y[held]).sum()) for m in path])
    probe = logistic_probe(x, y, None, None, x, 3)
    assert probe.val_accuracy == pytest.approx(float(right.max()) / 160)
    assert right[L2_GRID.index(probe.l2)] == right.max()


def test_folds_are_stratified_even_and_always_the_same() -> None:
    y = torch.randint(0, 7, (203,), generator=torch.Generator().manual_seed(0)) ** 2
    folds = stratified_folds(y)
    torch.manual_seed(12345)  # the global generator has no part in it
    assert torch.equal(folds, stratified_folds(y))
    assert folds.bincount(minlength=FOLDS).max() - folds.bincount(minlength=FOLDS).min() <= 1
    for label in set(y.tolist()):
        counts = folds[y == label].bincount(minlength=FOLDS)
        assert counts.max() - counts.min() <= 1
    # Shuffled within a class, not dealt in the order of rows, which may be that of speakers or recordings.
    assert not torch.equal(folds[y == 0], torch.arange(int((y == 0).sum())) % FOLDS)


def test_requests_that_make_no_sense_are_refused() -> None:
    x, y = clusters(20, 4, 2, noise=1.0)
    broken = x.clone()
    broken[3, 1] = math.nan
    with pytest.raises(ValueError, match="both embeddings and labels"):
        logistic_probe(x, y, x, None, x, 2)
    with pytest.raises(ValueError, match="train embeddings are not all finite"):
        logistic_probe(broken, y, None, None, x, 2)
    with pytest.raises(ValueError, match="test embeddings are not all finite"):
        logistic_probe(x, y, None, None, broken, 2)
    with pytest.raises(ValueError, match="train labels do not fit"):
        logistic_probe(x, y + 1, None, None, x, 2)
    with pytest.raises(ValueError, match="at least 5"):
        logistic_probe(x[:4], y[:4], None, None, x, 2)
    with pytest.raises(ValueError, match="test embeddings have shape"):
        logistic_probe(x, y, None, None, x[:0], 2)


def test_stderr_is_the_spread_of_a_binomial_share() -> None:
    hits = torch.rand(20_000, 50, generator=torch.Generator().manual_seed(0)) < 0.3
    assert stderr_of_proportion(0.3, 50) == pytest.approx(float(hits.double().mean(1).std()), rel=0.02)
    assert stderr_of_proportion(0.0, 10) == stderr_of_proportion(1.0, 10) == 0.0
    with pytest.raises(ValueError, match="no proportion"):
        stderr_of_proportion(0.5, 0)
