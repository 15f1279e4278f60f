"""Products in pieces are the products: forward, backward, with a balancer between them and without."""

import pytest
import torch
from torch import nn

from scaling.models import products
from scaling.models.chances import constant
from scaling.models.regularizers import Balancer
from scaling.models.swoosh import LEFT, swoosh
from scaling.models.zipformer_front import over_channels


@pytest.mark.parametrize("draw", [0.0, 0.9], ids=["balanced", "alone"])
def test_pieces_give_what_the_whole_gives(draw: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "ROWS", 7)
    torch.manual_seed(0)
    first, second = nn.Conv2d(5, 11, 1).double(), nn.Conv2d(11, 4, 1).double()
    balancer = Balancer((0.45, 0.55), (0.2, 0.3), constant(0.5)).train()
    balancer.at_step(0, draw)
    x, towards = torch.randn(2, 3, 9, 5, dtype=torch.float64), torch.randn(2, 3, 9, 4, dtype=torch.float64)
    bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
    found = []
    for whole in (True, False):
        asked = x.clone().requires_grad_()
        if whole:
            out = over_channels(swoosh(balancer(over_channels(asked + bias, first)), LEFT), second)
        else:
            out = products.products(asked, bias, first, second, balancer)
        wanted = (asked, bias, first.weight, first.bias, second.weight, second.bias)
        found.append((out, *torch.autograd.grad(out, wanted, towards)))  # type: ignore[arg-type]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-7, rtol=1e-6)
