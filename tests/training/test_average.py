"""The mean of the last weights: over which steps, and what is left at the end."""

import pytest
import torch
from tiny import tiny_run
from torch import nn

from scaling.training.average import FIELD, Average, averaged_steps


def test_which_steps_are_averaged() -> None:
    assert list(averaged_steps(tiny_run(steps=100, average_every=10, average_last=0.3))) == [70, 80, 90, 100]
    assert list(averaged_steps(tiny_run(steps=95, average_every=10, average_last=0.3))) == [75, 85, 95]
    assert list(averaged_steps(tiny_run(steps=5, average_every=10, average_last=0.2))) == [5]
    assert len(averaged_steps(tiny_run(steps=100))) == 0


def test_the_mean_takes_the_weights_place_at_the_end() -> None:
    layer = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters())
    average = Average(tiny_run(steps=8, average_every=2, average_last=0.5), layer, optimizer)
    for done in range(1, 9):
        with torch.no_grad():
            layer.weight.fill_(done)
        average.after(done)
        assert done == 8 or layer.weight.item() == done
    assert layer.weight.item() == pytest.approx((4 + 6 + 8) / 3)
    assert optimizer.state[layer.weight][FIELD].item() == pytest.approx(6)
