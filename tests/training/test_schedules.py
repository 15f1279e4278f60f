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


def test_eden_falls_with_steps_and_with_whole_passes() -> None:
    run = tiny_run(schedule="eden", learning_rate=0.045, eden_steps=100.0, eden_passes=2.0, eden_warmup=10.0)
    assert learning_rate(run, 0) == pytest.approx(0.045 / 2)
    assert learning_rate(run, 5) == pytest.approx(0.045 * 0.75 * (1 + 0.05**2) ** -0.25)
    assert learning_rate(run, 100) == pytest.approx(0.045 * 2**-0.25)
    assert learning_rate(run, 100, 2.9) == pytest.approx(0.045 * 2**-0.25 * 2**-0.25)
    assert learning_rate(run, 10_000, 0.9) == pytest.approx(0.045 / 10, rel=1e-3)
    assert learning_rate(tiny_run(schedule="eden", eden_warmup=0.0, learning_rate=1.0), 0) == 1.0
