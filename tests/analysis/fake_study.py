"""Fake but lawful studies: errors from known power laws, answers to the same test clips in every run."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scaling.analysis.scores import Axis, Design, Factor, read_predictions, read_study, schema

SIZES = (400, 1000, 4000, 10000)
CLASSIFY = {
    "speaker": "speech", "pitch": "speech", "instrument": "music", "mode": "music",
    "event": "environment", "event-order": "environment",
}  # fmt: skip
RETRIEVE = {"retrieve-speech": "speech", "retrieve-music": "music", "retrieve-environment": "environment"}
RECALLS = [f"{way}_recall_at_{k}" for way in ("a2t", "t2a") for k in (1, 5, 10)]
N_TEST = {"accuracy": 300, "recall": 200}

OBJECTIVE = Factor("objective", ("contrastive", "captioning"))
INITIALIZATION = Factor("initialization", ("from scratch", "initialized"), "from scratch")
SOURCES = Factor("sources", ("all sources", "without speech", "without web"), "all sources")
CLIPS = Axis()
PARAMETERS = Axis("parameters", "parameters of the encoder", "parameters")
RATE = Axis("rate", "learning rate", "", "nominal")
DATA_SCALE = Design(
    "data-scale", "Which objective, and does initialization pay?", (CLIPS,), (OBJECTIVE, INITIALIZATION)
)

Tables = tuple[pl.DataFrame, pl.DataFrame, Design]
Run = Mapping[str, Any]
Law = Callable[[Run, str, str, str], float]  # a run, a task, a metric and a pooling -> its error


def planted_error(run: Run, task: str, metric: str, pooling: str) -> float:
    """The law behind the scores of `make_study`."""
    place = [*CLASSIFY, *RETRIEVE].index(task)
    initialized = run["initialization"] == "initialized"
    offset, scale, exponent = 0.03 + 0.03 * place, 1.6 + 0.2 * place, 0.22 + 0.02 * (place % 4)
    if metric != "accuracy":
        offset += {"1": 0.15, "5": 0.05, "10": 0.0}[metric.rpartition("_")[2]]
    if run["objective"] == "captioning":
        scale, exponent = scale * 1.5, exponent + 0.03
    if initialized:
        scale *= 0.75
    if pooling == "head":
        offset *= 0.8
    if task == "event-order" and initialized:
        return float(min(0.9, 0.25 + 0.04 * np.log(run["clips"] / 100)))
    return float(min(0.95, offset + scale * run["clips"] ** -exponent))


class Maker:
    """Writes the rows of one fake study."""

    def __init__(self, design: Design, noise: float, tasks: Sequence[str]) -> None:
        self.rng = np.random.default_rng(7)
        self.design, self.noise, self.tasks = design, noise, tasks
        self.scores: list[dict[str, object]] = []
        self.predictions: dict[str, list[pl.DataFrame]] = {}
        self.difficulty = {
            task: self.rng.normal(size=N_TEST["accuracy" if task in CLASSIFY else "recall"]) for task in tasks
        }

    def add(self, run: Run, task: str, pooling: str, metric: str, error: float) -> None:
        hard = self.difficulty[task]
        # Clips are hard for all runs alike, as in life: that is what pairing wins by.
        score = hard + 0.6 * self.rng.normal(size=hard.size)
        wrong = np.zeros(hard.size)
        wrong[np.argsort(-score)[: round(error * hard.size)]] = 1
        value = float(1 - wrong.mean())
        domain = {**CLASSIFY, **RETRIEVE}[task]
        self.scores.append(
            {**run, "task": task, "domain": domain, "pooling": pooling, "metric": metric, "value": value,
             "stderr": float(np.sqrt(value * (1 - value) / hard.size)), "n_test": hard.size, "note": "",
             "excluded": False, "reason": "", "mlflow_run_id": f"id-{run['run']}"}
        )  # fmt: skip
        table = pl.DataFrame({"clip": [f"{task}-{i:04d}" for i in range(hard.size)], "correct": 1 - wrong})
        keys = [pl.lit(v).alias(k) for k, v in (("task", task), ("pooling", pooling), ("metric", metric))]
        answers = [pl.lit("yes").alias("truth"), pl.lit("no").alias("answer")]
        self.predictions.setdefault(str(run["run"]), []).append(table.select(*keys, "clip", *answers, "correct"))

    def run(self, levels: Run, seed: int, law: Law) -> None:
        run = describe("-".join(str(level) for level in levels.values()) + f"-s{seed}", seed, levels)
        shake = np.exp(self.noise * self.rng.normal())
        for task in self.tasks:
            two = levels.get("objective") == "contrastive" and task in RETRIEVE
            for pooling in ("mean", "head") if two else ("mean",):
                for metric in ("accuracy",) if task in CLASSIFY else RECALLS:
                    self.add(run, task, pooling, metric, min(0.97, law(run, task, metric, pooling) * shake))

    def references(self) -> None:
        none = {factor.name: "" for factor in self.design.factors}
        for name, level in {"chance": 0.9, "log-mel": 0.68, "untrained": 0.74, "supervised": 0.45}.items():
            run = describe(f"{name}-s0", 0, {**none, "clips": 0, "reference": name})
            for task in self.tasks:
                for metric in ("accuracy",) if task in CLASSIFY else RECALLS:
                    self.add(run, task, "mean", metric, level)

    def write(self, folder: Path) -> Path:
        (folder / "report").mkdir(parents=True)
        columns = schema(self.design)
        table = pl.DataFrame(self.scores, infer_schema_length=None)
        absent = [pl.lit(None).alias(name) for name in columns if name not in table.columns]
        table = table.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in columns.items())
        table.write_parquet(folder / "report" / "scores.parquet")
        described = {"version": 2, "study": self.design.title, "design": asdict(self.design)}
        (folder / "study.json").write_text(json.dumps(described))
        for run, tables in self.predictions.items():
            (folder / "runs" / run).mkdir(parents=True)
            pl.concat(tables).write_parquet(folder / "runs" / run / "predictions.parquet")
        return folder


def describe(name: str, seed: int, levels: Run) -> dict[str, Any]:
    """What a row of scores says of its run."""
    clips = levels.get("clips", 1000)
    return {
        "study": "fake", "run": name, "reference": "", "protocol": "equal-steps", "clips": clips,
        "captions": int(clips * 1.4), "hours": clips * 1.6 / 3600, "samples_seen": 64000 if clips else 0,
        "epochs": 64000 / clips if clips else 0.0, "parameters": 100_000, "flops": 1e12, "seed": seed, **levels,
    }  # fmt: skip


def make(
    folder: Path, design: Design, law: Law, places: Mapping[str, Sequence[Any]], tasks: Sequence[str], seeds: int = 1,
    noise: float = 0.02,
) -> Path:  # fmt: skip
    """Write a fake study of every combination of levels and `places` (values of each axis), with its references."""
    maker = Maker(design, noise, tasks)
    columns = [*(factor.name for factor in design.factors), *places]
    for levels in product(*(factor.levels for factor in design.factors), *places.values()):
        for seed in range(seeds):
            maker.run(dict(zip(columns, levels, strict=True)), seed, law)
    maker.references()
    return maker.write(folder)


def make_study(
    folder: Path, seeds: int = 1, noise: float = 0.02, tasks: Sequence[str] = (*CLASSIFY, *RETRIEVE)
) -> Path:
    """Write a fake study of 2 objectives x 2 initializations x 4 sizes x seeds, with its references."""
    return make(folder, DATA_SCALE, planted_error, {"clips": SIZES}, tasks, seeds, noise)


def read_tables(folder: Path) -> Tables:
    """Scores, predictions and design of the study in a folder, as `gather` takes them."""
    scores, design = read_study(folder)
    return scores, read_predictions(folder, scores), design
