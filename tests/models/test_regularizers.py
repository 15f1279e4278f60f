"""Balancer and Whiten: their closed forms are what autograd finds of the penalties they stand for."""

import pytest
import torch

from scaling.models.chances import constant
from scaling.models.regularizers import Balancer, LargeScores, Whiten


def rows(spread: float, shift: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 30, 16, generator=generator) * spread * torch.rand(16, generator=generator)
    return x + shift * torch.randn(16, generator=generator), torch.randn(4, 30, 16, generator=generator)


def changed(part: Balancer | Whiten | LargeScores, x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient of x behind a part."""
    x = x.clone().requires_grad_()
    out = part(x)
    assert torch.equal(out, x)
    out.backward(gradient)
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize(("spread", "shift"), [(1.0, 0.0), (20.0, 1.0), (0.1, 0.1), (1.0, 3.0)])
def test_a_balancer_adds_the_gradient_of_its_penalty(spread: float, shift: float) -> None:
    x, gradient = rows(spread, shift)
    part = Balancer((0.45, 0.55), (0.2, 4.0), constant(1.0))
    part.at_step(0, 0.5)
    flat = x.double().reshape(-1, 16).requires_grad_()
    square = flat.square().mean(dim=0)
    relative = flat.mean(dim=0) / (square - flat.mean(dim=0).square()).sqrt()
    _, low, high, least, most, strength = part.limits.tolist()
    penalty = (relative - relative.clamp(low, high)).abs() + (
        square.sqrt().clamp(least, most) / square.sqrt()
    ).log().abs()
    (wanted,) = torch.autograd.grad(penalty.sum(), flat)
    wanted = strength * wanted / wanted.square().mean(dim=0).sqrt().clamp(min=1e-20)
    expected = gradient + gradient.abs() * wanted.view(gradient.shape).float()
    torch.testing.assert_close(changed(part, x, gradient), expected, atol=1e-4, rtol=0)
    assert not torch.equal(expected, gradient)


def test_what_keeps_within_its_limits_is_left_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    x, gradient = torch.randn(2, 4000, 8, generator=generator).unbind()
    part = Balancer((0.3, 0.7), (0.2, 4.0), constant(1.0))
    part.at_step(0, 0.5)
    assert torch.equal(changed(part, x, gradient), gradient)


@pytest.mark.parametrize(
    "x", [torch.zeros(50, 3), torch.ones(50, 3), torch.full((50, 3), 1e-25)], ids=["0", "1", "tiny"]
)
def test_channels_without_a_deviation_have_finite_gradients(x: torch.Tensor) -> None:
    balancer, whiten = Balancer(often=constant(1.0)), Whiten(constant(2.0))
    balancer.at_step(0, 0.0)
    whiten.at_step(0, 0.0)
    for part in (balancer, whiten):
        assert changed(part, x, torch.ones_like(x)).isfinite().all()


@pytest.mark.parametrize("groups", [1, 4])
def test_whitening_adds_the_gradient_of_its_metric(groups: int) -> None:
    x, gradient = rows(2.0, 1.0)
    part = Whiten(constant(1.05), groups, strength=0.1)
    part.at_step(0, 0.1)
    flat = x.double().reshape(-1, 16).requires_grad_()
    parts = (flat - flat.mean(dim=0)).view(-1, groups, 16 // groups).transpose(0, 1)
    covariance = parts.transpose(1, 2) @ parts
    metric = covariance.square().sum() / 16 / covariance.diagonal(dim1=1, dim2=2).mean().square()
    assert metric > 1.05
    (wanted,) = torch.autograd.grad(metric, flat)
    expected = gradient + (0.1 * gradient.norm() * wanted / wanted.norm()).view(gradient.shape).float()
    torch.testing.assert_close(changed(part, x, gradient), expected, atol=1e-5, rtol=0)


def test_whitening_looks_seldom_while_all_is_well() -> None:
    x, gradient = rows(2.0, 1.0)
    part = Whiten(constant(1e6))
    assert part.violated == 1
    part.at_step(0, 0.1)
    assert torch.equal(changed(part, x, gradient), gradient)
    assert part.violated == 0
    # It does not look now where it would have looked before, and so does not see.
    part.limit = constant(1.0)
    part.at_step(1, 0.1)
    assert torch.equal(changed(part, x, gradient), gradient)
    assert part.violated == 0
    part.at_step(2, 0.01)
    assert not torch.equal(changed(part, x, gradient), gradient)
    assert part.violated == 1


def test_large_scores_are_held_back() -> None:
    part = LargeScores(limit=2.0, strength=0.5)
    part.at_step(0, 0.05)
    x = torch.tensor([-3.0, -1.0, 0.0, 2.5])
    assert changed(part, x, torch.zeros(4)).tolist() == [-0.5, 0.0, 0.0, 0.5]


def test_outside_training_and_in_most_steps_there_is_nothing() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    for part in (Balancer(often=constant(0.5)), Whiten(constant(1.0)), LargeScores()):
        part.at_step(0, 0.9)
        assert part(x) is x
        part.at_step(0, 0.0)
        assert part(x) is not x
        assert part.eval()(x) is x
