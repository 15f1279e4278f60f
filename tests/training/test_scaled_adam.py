"""ScaledAdam: what it does not depend on, and the sizes it learns."""

import pytest
import torch
from torch import nn

from scaling.training.scaled_adam import NORMS, ScaledAdam


def trained(scale: float = 1.0, steps: int = 120, *, clip: float = 2.0) -> nn.Sequential:
    """A small network after some steps with the gradient times a number."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 1)).double()
    optimizer = ScaledAdam([{"params": list(network.parameters())}], lr=0.03, clip=clip)
    for step in range(steps):
        # Now and then a gradient that is to be cut.
        x = torch.randn(16, 6, dtype=torch.float64) * (30 if step % 37 == 5 else 1)
        optimizer.zero_grad()
        (scale * (network(x) - x.sum(dim=1, keepdim=True)).square().mean()).backward()
        optimizer.step()
    return network


@pytest.mark.parametrize("scale", [0.1, 1e3])
def test_the_scale_of_the_gradient_does_not_matter(scale: float) -> None:
    for one, other in zip(trained().parameters(), trained(scale).parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_gradients_beyond_the_median_of_late_are_cut() -> None:
    assert NORMS < 120
    one, other = trained(clip=2.0), trained(clip=1e9)
    assert any(not torch.allclose(a, b, rtol=0.01) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_steps_are_in_proportion_to_a_parameters_size() -> None:
    moved = []
    for size in (0.1, 1.0):
        parameter = nn.Parameter(size * torch.tensor([1.0, -1.0, 1.0, -1.0]))
        optimizer = ScaledAdam([{"params": [parameter]}], lr=0.01)
        before = parameter.detach().clone()
        # At a right angle to the parameter: its size is to stay.
        parameter.grad = torch.tensor([1.0, 1.0, 1.0, 1.0])
        optimizer.step()
        moved.append((parameter.detach() - before).abs().mean().item())
    assert moved[1] == pytest.approx(10 * moved[0], rel=1e-4)
    # The first step of Adam, and its first tenth of momentum.
    assert moved[1] == pytest.approx(0.01 * 0.1, rel=1e-4)


def test_a_single_number_keeps_within_its_limit() -> None:
    single = nn.Parameter(torch.ones(()))
    optimizer = ScaledAdam([{"params": [single]}], lr=0.2)
    for _ in range(700):
        single.grad = -torch.ones(())
        optimizer.step()
    assert single.item() == 10.0
