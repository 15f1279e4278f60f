"""Studies made up from known laws, and what is said of them: gains in compute, decisions, tasks, losses, best sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from planted_study import CLIPS, PARAMETERS, design, drawn, table

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.compute import gained, gains
from scaling.analysis.claims.differences import differences
from scaling.analysis.claims.isoflops import isoflop_claims, isoflops
from scaling.analysis.claims.pairs import pairs
from scaling.analysis.claims.two_axes import planes
from scaling.analysis.curves.forms import Floats
from scaling.analysis.scores.design import Design, Factor
from scaling.analysis.scores.resamples import Draws, draw
from scaling.analysis.scores.schema import schema

SIZES = (1000, 4000, 16000, 64000)
A, B, a, b = 40.0, 3.0, 0.45, 0.4  # a surface
GRID = {"clips": (500, 2000, 8000, 32000), "parameters": (20_000, 60_000, 200_000, 500_000)}


def gain(times: float, seeds: int, noise: float, rng: int, dearer: float = 1.0) -> Claim:
    """What is said of two arms of which the first needs so many times less compute for every error."""
    asked = design(CLIPS, levels=("one", "two"))

    def law(run: Mapping[str, Any]) -> float:
        more = times if run["objective"] == "one" else 1.0
        return float(0.08 + 1.5 * (more * cost(run) / 1e9) ** -0.3)

    def cost(run: Mapping[str, Any]) -> float:
        return float(1e9 * run["clips"] * (dearer if run["objective"] == "one" else 1.0))

    scores = table(asked, {"clips": SIZES}, law, cost, seeds=seeds, noise=noise, rng=rng)
    draws = drawn(scores, asked)
    compared = pairs(draws.cells, asked)
    return gained(gains(draws, scores, asked, compared, differences(draws, compared)), asked)[0]


def best_size(compute: float) -> float:
    """In closed form, at 60 flops a parameter and clip (Hoffmann et al. 2022, equation 4)."""
    return float((a * A / (b * B)) ** (1 / (a + b)) * (compute / 60) ** (b / (a + b)))


def equal_compute(seeds: int, noise: float, rng: int) -> list[Claim]:
    """What is said of runs of equal compute on a known surface."""
    asked = design(CLIPS, PARAMETERS)
    scores = table(
        asked, GRID, lambda run: 0.15 + A * run["parameters"] ** -a + B * run["clips"] ** -b,
        lambda run: 60.0 * run["parameters"] * run["clips"], seeds=seeds, noise=noise, rng=rng,
    )  # fmt: skip
    return isoflop_claims(isoflops(planes(drawn(scores, asked), scores, asked)))


@dataclass(frozen=True)
class Many:
    """A study of several arms on several tasks, whose laws are drawn anew with every study.

    Attributes:
        arms, tasks, seeds: how many.
        noise: of ln error, half of its variance common to the tasks of a run.
        between: how much an arm's ln error varies from task to task.
        loss: noise of the loss on the holdout; errors follow from the loss by a sigmoid. None: no loss.
        useless: tasks on which no two arms differ, of those.
    """

    arms: int = 4
    tasks: int = 9
    seeds: int = 3
    noise: float = 0.03
    between: float = 0.1
    loss: float | None = None
    useless: int = 0
    n_test: int = 1000
    sizes: tuple[int, ...] = SIZES

    @property
    def design(self) -> Design:
        """What it asks."""
        levels = tuple(f"arm {i}" for i in range(self.arms))
        return Design("Many", "Which?", (CLIPS,), (Factor("objective", levels),))

    def scores(self, rng: np.random.Generator) -> tuple[pl.DataFrame, Floats]:
        """The table, and (arms, tasks, sizes) true errors."""
        level = np.array([1, 1.06, 1.1, 1.2, 1.3, 1.35, 1.42, 1.5])[: self.arms, None]
        steep = np.array([0.3, 0.32, 0.28, 0.35, 0.3, 0.26, 0.31, 0.33])[: self.arms, None]
        own, turn = (s * rng.standard_normal((self.arms, self.tasks)) for s in (self.between, 0.02))
        tells = (np.arange(self.tasks) >= self.useless).astype(float)
        ease = rng.uniform(0.7, 1.2, self.tasks)
        x = np.array(self.sizes) / 1000
        ln = (np.log(level) + own) * tells
        true = 0.3 * ease[:, None] * np.exp(ln[..., None]) * x ** -(0.3 + (steep - 0.3 + turn) * tells)[..., None]
        slope, middle = rng.uniform(1.5, 3.0, self.tasks), rng.uniform(2.5, 3.0, self.tasks)
        rows: list[dict[str, Any]] = []
        for i in range(self.arms):
            for k, clips in enumerate(self.sizes):
                loss = 1.5 + 0.1 * i + 6.0 * clips**-0.25
                if self.loss is not None:
                    true[i, :, k] = 0.9 / (1 + np.exp(-slope * (loss - middle)))
                for seed in range(self.seeds):
                    z = self.noise * np.sqrt(0.5) * (rng.standard_normal() + rng.standard_normal(self.tasks))
                    wrong = rng.binomial(self.n_test, np.minimum(true[i, :, k] * np.exp(z), 0.95)) / self.n_test
                    seen = None if self.loss is None else loss * np.exp(self.loss * rng.standard_normal())
                    rows += [self._row(i, clips, seed, j, float(wrong[j]), seen) for j in range(self.tasks)]
        columns = schema(self.design)
        whole = pl.DataFrame(rows)
        missing = [pl.lit(None).alias(name) for name in columns if name not in whole.columns]
        whole = whole.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in columns.items())
        return whole, true

    def _row(self, i: int, clips: int, seed: int, j: int, wrong: float, loss: float | None) -> dict[str, Any]:
        error = np.sqrt(max(wrong, 1 / self.n_test) * (1 - wrong) / self.n_test)
        return {
            "study": "many", "run": f"{i}-{clips}-{seed}", "reference": "", "protocol": "steps", "clips": clips,
            "seed": seed, "task": f"task {j}", "domain": "sounds", "pooling": "mean", "metric": "accuracy",
            "value": 1 - wrong, "stderr": float(error), "n_test": self.n_test, "note": "", "excluded": False,
            "reason": "", "objective": f"arm {i}", "holdout_loss": loss,
        }  # fmt: skip

    def drawn(self, rng: np.random.Generator) -> tuple[pl.DataFrame, Draws, Floats]:
        """Scores, what is resampled of them, and the truth."""
        scores, true = self.scores(rng)
        return scores, draw(scores, None, self.design), true


def holds(interval: Any, truth: float) -> bool:
    """Whether an interval, open or unknown at an end, holds it."""
    low, high = interval or (None, None)
    return (-np.inf if low is None else low) <= truth <= (np.inf if high is None else high)


def spread(true: Floats) -> Floats:
    """(tasks,) true signals of (arms, tasks, sizes) errors."""
    ln = np.log(true) - np.log(true).mean(axis=0)
    return np.asarray(np.sqrt((ln**2).sum(axis=0).mean(axis=1) / (len(true) - 1)))
