"""What is drawn for a step, and numbers that follow a schedule."""

import pytest
import torch

from scaling.models.chances import Chances, constant, limited, schedule


def test_a_schedule_is_linear_between_its_points_and_constant_outside() -> None:
    rate = schedule((100, 0.5), (200, 0.1), (300, 0.1), (400, 1.0))
    found = [rate.at(step) for step in (0, 100, 150, 200, 250, 350, 400, 9999)]
    assert found == pytest.approx([0.5, 0.5, 0.3, 0.1, 0.1, 0.55, 1.0, 1.0])
    assert constant(3.0).at(7) == 3.0


def test_clips_skip_and_switches_are_on_as_often_as_said() -> None:
    chances = Chances()
    never, half = chances.skip(constant(0.0)), chances.skip(schedule((0, 0.0), (10, 0.5)))
    on, value = chances.switch(constant(0.25)), chances.value(schedule((0, 0.0), (10, 3.0)))
    torch.manual_seed(0)
    switched = 0.0
    for _ in range(400):
        chances.at_step(10)
        drawn = chances(50)
        assert drawn.kept[never].min() == 1
        assert drawn.numbers[value] == 3.0
        switched += drawn.numbers[on].item()
    assert switched / 400 == pytest.approx(0.25, abs=0.08)
    chances.at_step(10)
    assert chances(10_000).kept[half].mean().item() == pytest.approx(0.5, abs=0.03)
    chances.at_step(0)
    assert chances(100).kept[half].min() == 1


def test_the_same_seed_draws_the_same() -> None:
    chances = Chances()
    chances.skip(constant(0.5))
    chances.switch(constant(0.5))
    seen = []
    for _ in range(2):
        torch.manual_seed(3)
        chances.at_step(1)
        drawn = chances(64)
        seen.append((drawn.kept.clone(), drawn.numbers.clone()))
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


def test_a_parameter_outside_its_limits_only_goes_back() -> None:
    x = torch.tensor([-2.0, -2.0, 0.0, 2.0, 2.0], requires_grad=True)
    towards = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])
    for on, expected in ((1.0, [-1.0, -1.0, 1.0, 1.0, 1.0]), (0.0, towards.tolist())):
        (gradient,) = torch.autograd.grad(
            limited(x, torch.tensor(-1.0), torch.tensor(1.0), torch.tensor(on)), x, towards
        )
        assert gradient.tolist() == expected
