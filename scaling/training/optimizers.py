"""What updates the weights."""

from collections.abc import Sequence

import torch
from torch import nn

from scaling.objectives.objective import Objective
from scaling.study.run import Run
from scaling.training.scaled_adam import ScaledAdam

BETAS = (0.9, 0.98)


def build_optimizer(module: Objective, run: Run) -> torch.optim.Optimizer:
    """The run's optimizer; AdamW decays matrices only, not biases, norms and embeddings.

    Each group's `scale` multiplies the learning rate: 1 for the encoder, `text_rate` for everything else.
    """
    encoder = {id(p) for p in module.encoder.parameters()}
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    parameters = [p for p in module.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim <= 1 or id(p) in embeddings]
    optimization = run.optimization
    groups = [
        {"params": chosen, "weight_decay": decay, "scale": 1.0 if inside else optimization.text_rate}
        for some, decay in ((decayed, optimization.weight_decay), (others, 0.0))
        for inside in (True, False)
        if (chosen := [p for p in some if (id(p) in encoder) == inside])
    ]
    if optimization.optimizer == "scaled-adam":
        return ScaledAdam(groups, optimization.learning_rate, BETAS, optimization.clip)
    return torch.optim.AdamW(groups, lr=optimization.learning_rate, betas=BETAS, fused=True)


def clipped(parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer, run: Run) -> torch.Tensor:
    """The norm of the gradient, which is then cut to the run's greatest one unless the optimizer cuts it itself."""
    if isinstance(optimizer, ScaledAdam):
        return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None], foreach=True)
    return nn.utils.clip_grad_norm_(parameters, run.optimization.clip, foreach=True)
