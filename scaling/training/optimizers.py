"""What updates the weights."""

import torch
from torch import nn

from scaling.objectives.objective import Objective
from scaling.study.run import Run


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
