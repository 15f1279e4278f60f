"""The learning rate at known steps."""

import math

import pytest
from tiny import tiny_run

from scaling.training.schedules import learning_rate


def test_warm_up_then_half_a_cosine() -> None:
    run = tiny_run(steps=100, warmup=0.1, learning_rate=1e-3)
    assert learning_rate(run, 0) == pytest.approx(1e-4)
    assert learning_rate(run, 4) == pytest.approx(5e-4)
    assert learning_rate(run, 9) == pytest.approx(1e-3)
    assert learning_rate(run, 10) == pytest.approx(1e-3)
    assert learning_rate(run, 55) == pytest.approx(5e-4)
    assert learning_rate(run, 99) == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert learning_rate(run, 100) == pytest.approx(0, abs=1e-12)


def test_a_run_of_one_step_trains_at_the_full_rate() -> None:
    assert learning_rate(tiny_run(steps=1, learning_rate=1e-3), 0) == pytest.approx(1e-3)
