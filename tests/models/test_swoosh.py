"""Activations and norm against their formulas."""

import pytest
import torch

from scaling.models import swoosh as module
from scaling.models.chances import Chances
from scaling.models.swoosh import LEFT, RIGHT, BiasNorm, dropped, swoosh


@pytest.mark.parametrize(("kind", "shift", "fall"), [(LEFT, 4.0, 0.035), (RIGHT, 1.0, 0.313261687)])
def test_swoosh_is_its_formula_and_its_derivative(kind: tuple[float, float], shift: float, fall: float) -> None:
    x = torch.linspace(-30, 100, 261, dtype=torch.float64, requires_grad=True)
    expected = torch.logaddexp(x - shift, torch.zeros_like(x)) - 0.08 * x - fall
    torch.testing.assert_close(swoosh(x, kind), expected, atol=1e-8, rtol=0)
    (wanted,) = torch.autograd.grad(expected.sum(), x)
    (found,) = torch.autograd.grad(swoosh(x, kind).sum(), x)
    torch.testing.assert_close(found, wanted, atol=1e-8, rtol=0)


@pytest.mark.parametrize("turned", [False, True])
def test_a_swoosh_in_pieces_is_that_of_the_whole(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CACHED", 7)
    x = torch.randn(5, 11, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(11, 5, dtype=torch.float64).T
    expected = torch.logaddexp(x - 4, torch.zeros_like(x)) - 0.08 * x - 0.035
    found = swoosh(x.T if turned else x, LEFT)
    found = found.T if turned else found
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=0)
    wanted = [torch.autograd.grad(out, x, towards)[0] for out in (found, expected)]
    torch.testing.assert_close(*wanted, atol=1e-8, rtol=0)


def test_a_norm_divides_by_what_is_left_without_the_bias() -> None:
    norm = BiasNorm(4, Chances())
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    x = torch.randn(2, 3, 4)
    level = (x - norm.bias).square().mean(dim=-1, keepdim=True).sqrt()
    torch.testing.assert_close(norm(x, None), x / level * torch.e)


def test_channels_are_dropped_for_all_of_a_clips_frames() -> None:
    torch.manual_seed(0)
    x = dropped(torch.ones(50, 7, 40), torch.tensor(0.2))
    assert torch.equal(x.amax(dim=1), x.amin(dim=1))
    assert set(x.unique().tolist()) == {0.0, 1.25}
    assert (x > 0).float().mean().item() == pytest.approx(0.8, abs=0.03)
