"""The learning rate as a function of the step."""

import math

from scaling.study.run import Run


def learning_rate(run: Run, step: int) -> float:
    """The rate of a step (0-based): linear warm-up over a share of the run, then half a cosine down to zero."""
    warmup = max(1, round(run.optimization.warmup * run.steps))
    if step < warmup:
        return run.optimization.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, run.steps - warmup)
    return run.optimization.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
