"""Tables of scores from planted laws, for studies of any axes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.scores.design import Axis, Design, Factor
from scaling.analysis.scores.resamples import Draws, draw
from scaling.analysis.scores.schema import schema

CLIPS = Axis()
PARAMETERS = Axis("parameters", "parameters of the encoder", "parameters")
SEEN = Axis("samples_seen", "clips seen", "clips seen")
TASKS = {"pitch": 0.9, "event": 1.1}  # and their errors in units of the law's

Law = Callable[[Mapping[str, Any]], float]


def design(*axes: Axis, levels: Sequence[str] = ("contrastive",)) -> Design:
    return Design("A study", "A question?", axes, (Factor("objective", tuple(levels)),))


def table(
    asked: Design,
    places: Mapping[str, Sequence[Any]],
    law: Law,
    flops: Callable[[Mapping[str, Any]], float | None] = lambda run: None,
    seeds: int = 3,
    noise: float = 0.01,
    rng: int = 0,
) -> pl.DataFrame:
    """Scores of every level at every place with every seed; a run's errors share its seed's noise.

    `law` and `flops` know a run's places and its objective.
    """
    shake = np.random.default_rng(rng)
    rows = []
    for level in asked.factors[0].levels:
        for at in product(*places.values()):
            run = {"objective": level, **dict(zip(places, at, strict=True))}
            name = "-".join(str(value) for value in run.values())
            for seed in range(seeds):
                error = law(run) * np.exp(noise * shake.standard_normal())
                fixed: dict[str, Any] = {
                    "study": "planted",
                    "run": f"{name}-s{seed}",
                    "reference": "",
                    "protocol": "passes",
                }
                fixed |= {"clips": 1000, "samples_seen": 1000, "parameters": 1000, "seed": seed, "domain": "sounds"}
                fixed |= {"pooling": "mean", "metric": "accuracy", "n_test": 1000, "stderr": 0.002, "note": ""}
                fixed |= {"excluded": False, "reason": "", "flops": flops(run)}
                rows += [{**fixed, **run, "task": task, "value": 1 - times * error} for task, times in TASKS.items()]
    columns = schema(asked)
    whole = pl.DataFrame(rows, infer_schema_length=None)
    missing = [pl.lit(None).alias(name) for name in columns if name not in whole.columns]
    return whole.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in columns.items())


def drawn(scores: pl.DataFrame, asked: Design) -> Draws:
    """Without predictions: seeds and standard errors are the noise."""
    return draw(scores, None, asked)
