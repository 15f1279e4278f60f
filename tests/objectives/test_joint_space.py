"""The learned temperature: where it starts, its bound, and the way back from it."""

import math

import pytest
import torch

from scaling.objectives.joint_space import GREATEST_SCALE, Scale


def test_a_fixed_temperature_learns_nothing() -> None:
    scale = Scale(0.07, learned=False)
    assert not list(scale.parameters())
    assert scale() == pytest.approx(1 / 0.07)


def test_a_learned_one_starts_there_and_is_bounded_on_a_way_with_a_return() -> None:
    scale = Scale(0.07, learned=True)
    assert scale.log is not None
    assert torch.as_tensor(scale()).item() == pytest.approx(1 / 0.07, rel=1e-6)
    with torch.no_grad():
        scale.log.fill_(9.0)
    found = scale()
    assert isinstance(found, torch.Tensor)
    assert found.item() == pytest.approx(GREATEST_SCALE, rel=1e-6)
    found.backward()
    assert scale.log.grad is not None
    assert scale.log.grad.item() == pytest.approx(GREATEST_SCALE, rel=1e-6)
    assert scale.log.item() == pytest.approx(math.log(GREATEST_SCALE))


def test_outside_training_it_is_not_touched() -> None:
    scale = Scale(0.07, learned=True).eval()
    assert scale.log is not None
    with torch.no_grad():
        scale.log.fill_(9.0)
    assert torch.as_tensor(scale()).item() == pytest.approx(math.exp(9.0))
    assert scale.log.item() == 9.0
