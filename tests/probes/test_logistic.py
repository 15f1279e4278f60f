"""Logistic regression against scikit-learn."""

import pytest
import torch
from points import clusters
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from torch import Tensor

from scaling.probes import logistic
from scaling.probes.linear import L2_GRID
from scaling.probes.logistic import Logistic, Standardizer, logistic_path


def objective(model: Logistic, x: Tensor, y: Tensor) -> float:
    return float(torch.nn.functional.nll_loss(model(x), y) + 0.5 * model.l2 * model.weight.square().sum())


# The line search compares losses: a gradient much below the root of their rounding (1.5e-8) cannot be asked for.
@pytest.mark.parametrize(("tolerance", "tight_from"), [(None, 0.1), (3e-8, 0.0)])
@pytest.mark.parametrize(("n", "d", "classes"), [(300, 20, 5), (120, 30, 2), (60, 90, 4)])
def test_agrees_with_scikit_learn_along_the_whole_path(
    n: int, d: int, classes: int, tolerance: float | None, tight_from: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As shipped, in objective and answers; in coefficients too where curvature ties them to the gradient.

    With the gradient driven down further the coefficients agree at every strength: it is the same optimum.
    """
    if tolerance is not None:
        monkeypatch.setattr(logistic, "_GRADIENT_TOLERANCE", tolerance)
    x, y = clusters(n, d, classes, noise=2.0)
    standardize = Standardizer.fit(x)
    x, unseen = standardize(x), standardize(clusters(200, d, classes, noise=2.0, seed=1)[0])
    for model in logistic_path(x, y, classes, L2_GRID):
        # Of two classes scikit-learn fits one logit z with |w|^2 / 2; two logits of z / 2 pay half of that.
        c = (2 if classes == 2 else 1) / (n * model.l2)
        reference = LogisticRegression(C=c, solver="lbfgs", tol=1e-10, max_iter=100_000)
        reference.fit(x.numpy(), y.numpy())
        coef, bias = torch.from_numpy(reference.coef_.T), torch.from_numpy(reference.intercept_)
        if classes == 2:
            coef, bias = torch.cat([-coef, coef], 1) / 2, torch.cat([-bias, bias]) / 2
        expected = Logistic(coef, bias - bias.mean(), model.l2, True)
        assert model.converged
        assert objective(model, x, y) == pytest.approx(objective(expected, x, y), abs=1e-6)
        first, second = expected(unseen).topk(2).values.T
        sure = first - second > 0.05
        assert sure.any() or model.l2 >= 1
        assert torch.equal(model(unseen).argmax(1)[sure], expected(unseen).argmax(1)[sure])
        if model.l2 >= tight_from:
            torch.testing.assert_close(model.weight, expected.weight, atol=1e-3, rtol=0)
            torch.testing.assert_close(model.bias, expected.bias, atol=1e-3, rtol=0)


def test_a_strength_reached_by_the_path_is_that_fitted_alone() -> None:
    x, y = clusters(200, 16, 4, noise=2.0)
    x = Standardizer.fit(x)(x)
    warm = list(logistic_path(x, y, 4, L2_GRID))[5]
    [cold] = logistic_path(x, y, 4, [L2_GRID[5]])
    torch.testing.assert_close(warm.weight, cold.weight, atol=1e-3, rtol=0)


def test_several_labels_are_a_problem_of_scikit_learns_for_each_class() -> None:
    x, y = clusters(300, 12, 6, noise=2.0)
    labels = torch.stack([y % 2 == 0, y % 3 == 0, torch.zeros(300, dtype=torch.bool), y == 4], 1)
    standardize = Standardizer.fit(x)
    for model in logistic_path(x, labels, 4, L2_GRID, standardize):
        z = standardize(x)
        for number in (0, 1, 3):
            truth = labels[:, number]
            reference = LogisticRegression(C=1 / (300 * model.l2), solver="lbfgs", tol=1e-10, max_iter=100_000)
            reference.fit(z.numpy(), truth.numpy())
            weight, bias = torch.from_numpy(reference.coef_[0]), float(reference.intercept_[0])
            ours, theirs = (
                torch.nn.functional.binary_cross_entropy_with_logits(z @ w + b, truth.double())
                + 0.5 * model.l2 * w.square().sum()
                for w, b in ((model.weight[:, number], model.bias[number]), (weight, bias))
            )
            assert float(ours) == pytest.approx(float(theirs), abs=1e-6)
        # Nobody has it: it is never answered.
        assert model.bias[2] == -torch.inf
        assert model.converged


def test_large_problems_in_blocks_and_float32_answer_as_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = clusters(2000, 24, 8, noise=1.5)
    seen, unseen = x[:1500].float(), x[1500:].float()
    standardize = Standardizer.fit(seen)
    exact = list(logistic_path(seen, y[:1500], 8, L2_GRID[3:7], standardize))
    monkeypatch.setattr(logistic, "EXACT", 0)
    monkeypatch.setattr(logistic, "_BLOCK", 1000)
    for one, other in zip(exact, logistic_path(seen, y[:1500], 8, L2_GRID[3:7], standardize), strict=True):
        same = one(standardize(unseen)).argmax(1) == other(standardize(unseen)).argmax(1)
        assert same.double().mean() >= 0.996
        assert other.converged


def test_a_standardizer_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(100, 7, generator=torch.Generator().manual_seed(0)) * 3 + 1
    whole = Standardizer.fit(x)
    torch.testing.assert_close(whole(x).mean(0), torch.zeros(7).double(), atol=1e-7, rtol=0)
    torch.testing.assert_close(whole(x).std(0, correction=0), torch.ones(7).double())
    monkeypatch.setattr(logistic, "_BLOCK", 20)
    torch.testing.assert_close(Standardizer.fit(x).mean, whole.mean)
    torch.testing.assert_close(Standardizer.fit(x).inverse_std, whole.inverse_std)
