"""The mean of a run's weights over its last steps, which is what it ends with."""

import torch
from torch import nn

from scaling.study.run import Run

FIELD = "average"


def averaged_steps(run: Run) -> range:
    """The steps (1-based) after which weights go into the mean; none where the run has none."""
    every = run.optimization.average_every
    if every == 0:
        return range(0)
    first = run.steps - int(run.optimization.average_last * run.steps / every) * every
    return range(max(first, 1), run.steps + 1, every)


class Average:
    """The mean so far, kept in the optimizer's state: it is saved and resumed with it."""

    def __init__(self, run: Run, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.steps = averaged_steps(run)
        self.state = optimizer.state
        self.parameters = [p for p in module.parameters() if p.requires_grad]

    @torch.no_grad()
    def after(self, done: int) -> None:
        """Take in the weights after so many steps, where it is their turn; the last time, put the mean in their
        place."""
        if done not in self.steps:
            return
        weight = 1 / (self.steps.index(done) + 1)
        for parameter in self.parameters:
            mean = self.state[parameter].setdefault(FIELD, torch.zeros_like(parameter))
            mean.lerp_(parameter, weight)
            if done == self.steps[-1]:
                parameter.copy_(mean)
