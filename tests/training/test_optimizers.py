"""The learning rate at known steps, and what decays."""

import math

import pytest
from tiny import tiny_module, tiny_run
from torch import nn

from scaling.training.optimizers import build_optimizer, learning_rate


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


@pytest.mark.parametrize("objective", ["contrastive", "captioning"])
def test_biases_norms_and_embeddings_do_not_decay(objective: str) -> None:
    run = tiny_run(objective, weight_decay=0.05)
    module = tiny_module(run, 30)
    decays = {id(p): g["weight_decay"] for g in build_optimizer(module, run).param_groups for p in g["params"]}
    assert len(decays) == len(list(module.parameters()))
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            matrix = isinstance(part, nn.Linear) and name == "weight"
            assert decays[id(parameter)] == (0.05 if matrix else 0.0)
