"""What decays, and what does not."""

import pytest
from tiny import tiny_module, tiny_run
from torch import nn

from scaling.training.optimizers import build_optimizer


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
