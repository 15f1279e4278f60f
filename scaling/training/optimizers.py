"""AdamW with a linear warm-up and a cosine to zero; the learning rate is a function of the step."""

import math

import torch
from torch import nn

from scaling.objectives.objective import Objective
from scaling.study.run import Run


def learning_rate(run: Run, step: int) -> float:
    """The rate of a step (0-based): linear warm-up over a share of the run, then half a cosine down to zero."""
    warmup = max(1, round(run.optimization.warmup * run.steps))
    if step < warmup:
        return run.optimization.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, run.steps - warmup)
    return run.optimization.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def build_optimizer(module: Objective, run: Run) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only, not on biases, norms and embeddings.

    Each group's `scale` multiplies the learning rate: 1 for the encoder, `text_rate` for everything else.
    """
    encoder = {id(p) for p in module.encoder.parameters()}
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    parameters = [p for p in module.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim <= 1 or id(p) in embeddings]
    groups = [
        {"params": chosen, "weight_decay": decay, "scale": 1.0 if inside else run.optimization.text_rate}
        for some, decay in ((decayed, run.optimization.weight_decay), (others, 0.0))
        for inside in (True, False)
        if (chosen := [p for p in some if (id(p) in encoder) == inside])
    ]
    return torch.optim.AdamW(groups, lr=run.optimization.learning_rate, betas=(0.9, 0.98), fused=True)
