"""The learning rate as a function of the step."""

import math

from scaling.study.run import Optimization, Run


def learning_rate(run: Run, step: int, passes: float = 0.0) -> float:
    """The rate of a step (0-based) before which so many passes over the clips were made."""
    optimization = run.optimization
    by_name = {"cosine": _cosine(optimization, run.steps, step), "eden": _eden(optimization, step, passes)}
    return optimization.learning_rate * by_name[optimization.schedule]


def _cosine(optimization: Optimization, steps: int, step: int) -> float:
    """Linear warm-up over a share of the run, then half a cosine down to zero."""
    warmup = max(1, round(optimization.warmup * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _eden(optimization: Optimization, step: int, passes: float) -> float:
    """Warm-up from a half; then a fall by the square root, of steps and of whole passes (Yao et al. 2024)."""
    warmup = 0.5 + 0.5 * min(1.0, step / optimization.eden_warmup) if optimization.eden_warmup > 0 else 1.0
    by_steps: float = (1 + (step / optimization.eden_steps) ** 2) ** -0.25
    by_passes: float = (1 + (int(passes) / optimization.eden_passes) ** 2) ** -0.25
    return warmup * by_steps * by_passes
