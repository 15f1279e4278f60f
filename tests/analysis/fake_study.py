"""Fake but lawful studies: errors from known power laws, answers to the same test clips in every run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

SIZES = (400, 1000, 4000, 10000)
CLASSIFY = {
    "speaker": "speech", "pitch": "speech", "instrument": "music", "mode": "music",
    "event": "environment", "event-order": "environment",
}  # fmt: skip
RETRIEVE = {"retrieve-speech": "speech", "retrieve-music": "music", "retrieve-environment": "environment"}
RECALLS = [f"{way}_recall_at_{k}" for way in ("a2t", "t2a") for k in (1, 5, 10)]
N_TEST = {"accuracy": 300, "recall": 200}


def planted_error(task: str, metric: str, pooling: str, objective: str, init: str, clips: float) -> float:
    """The law behind the fake scores."""
    place = [*CLASSIFY, *RETRIEVE].index(task)
    offset, scale, exponent = 0.03 + 0.03 * place, 1.6 + 0.2 * place, 0.22 + 0.02 * (place % 4)
    if metric != "accuracy":
        offset += {"1": 0.15, "5": 0.05, "10": 0.0}[metric.rpartition("_")[2]]
    if objective == "captioning":
        scale, exponent = scale * 1.5, exponent + 0.03
    if init == "supervised":
        scale *= 0.75
    if pooling == "head":
        offset *= 0.8
    if task == "event-order" and init == "supervised":
        return float(min(0.9, 0.25 + 0.04 * np.log(clips / 100)))
    return float(min(0.95, offset + scale * clips**-exponent))


class Maker:
    """Writes the rows of one fake study."""

    def __init__(self, noise: float, tasks: Sequence[str]) -> None:
        self.rng = np.random.default_rng(7)
        self.noise, self.tasks = noise, tasks
        self.scores: list[dict[str, object]] = []
        self.predictions: dict[str, list[pl.DataFrame]] = {}
        self.difficulty = {
            task: self.rng.normal(size=N_TEST["accuracy" if task in CLASSIFY else "recall"]) for task in tasks
        }

    def add(self, run: dict[str, object], task: str, pooling: str, metric: str, error: float) -> None:
        hard = self.difficulty[task]
        # Clips are hard for all runs alike, as in life: that is what pairing wins by.
        score = hard + 0.6 * self.rng.normal(size=hard.size)
        wrong = np.zeros(hard.size)
        wrong[np.argsort(-score)[: round(error * hard.size)]] = 1
        value = float(1 - wrong.mean())
        domain = {**CLASSIFY, **RETRIEVE}[task]
        self.scores.append(
            {**run, "task": task, "domain": domain, "pooling": pooling, "metric": metric, "value": value,
             "stderr": float(np.sqrt(value * (1 - value) / hard.size)), "n_test": hard.size,
             "excluded": False, "reason": "", "mlflow_run_id": f"id-{run['run']}"}
        )  # fmt: skip
        table = pl.DataFrame({"clip": [f"{task}-{i:04d}" for i in range(hard.size)], "correct": 1 - wrong})
        keys = [pl.lit(v).alias(k) for k, v in (("task", task), ("pooling", pooling), ("metric", metric))]
        answers = [pl.lit("yes").alias("truth"), pl.lit("no").alias("answer")]
        self.predictions.setdefault(str(run["run"]), []).append(table.select(*keys, "clip", *answers, "correct"))

    def run(self, objective: str, init: str, clips: int, seed: int) -> None:
        name = f"{objective}-{init}-{clips}-s{seed}"
        run = describe(name, objective, "transformer", init, clips, seed)
        shake = np.exp(self.noise * self.rng.normal())
        for task in self.tasks:
            for pooling in ("mean", "head") if objective == "contrastive" and task in RETRIEVE else ("mean",):
                for metric in ("accuracy",) if task in CLASSIFY else RECALLS:
                    planted = planted_error(task, metric, pooling, objective, init, clips)
                    self.add(run, task, pooling, metric, min(0.97, planted * shake))

    def references(self) -> None:
        levels = {"chance": 0.9, "log-mel": 0.68, "transformer": 0.74}
        runs = [describe(f"reference-{n}", "none", n, "scratch", 0, 0) for n in levels]
        runs.append(describe("supervised-s0", "supervised", "transformer", "scratch", 2000, 0))
        for run in runs:
            level = levels.get(str(run["encoder"]), 0.5) if run["objective"] == "none" else 0.45
            for task in self.tasks:
                for metric in ("accuracy",) if task in CLASSIFY else RECALLS:
                    self.add(run, task, "mean", metric, level)

    def write(self, folder: Path) -> Path:
        (folder / "report").mkdir(parents=True)
        pl.DataFrame(self.scores).write_parquet(folder / "report" / "scores.parquet")
        for run, tables in self.predictions.items():
            (folder / "runs" / run).mkdir(parents=True)
            pl.concat(tables).write_parquet(folder / "runs" / run / "predictions.parquet")
        return folder


def describe(name: str, objective: str, encoder: str, init: str, clips: int, seed: int) -> dict[str, object]:
    return {
        "study": "data-scale", "run": name, "objective": objective, "encoder": encoder, "audio_init": init,
        "text_init": "scratch", "sources": "all", "protocol": "equal-steps", "clips": clips,
        "captions": int(clips * 1.4), "hours": clips * 1.6 / 3600, "samples_seen": 64000 if clips else 0,
        "epochs": 64000 / clips if clips else 0.0, "seed": seed,
    }  # fmt: skip


def make_study(
    folder: Path, seeds: int = 1, noise: float = 0.02, tasks: Sequence[str] = (*CLASSIFY, *RETRIEVE)
) -> Path:
    """Write a fake study of 2 objectives x 2 initializations x 4 sizes x seeds, with its references."""
    maker = Maker(noise, tasks)
    for objective in ("contrastive", "captioning"):
        for init in ("scratch", "supervised"):
            for clips in SIZES:
                for seed in range(seeds):
                    maker.run(objective, init, clips, seed)
    maker.references()
    return maker.write(folder)
