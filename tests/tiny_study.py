"""A small study and what a lane leaves of its runs, without doing any."""

from typing import Any

import polars as pl
from tiny import OBJECTIVES, tiny_run

from scaling.probes.score import Score
from scaling.runs.folder import RunFolder
from scaling.runs.result import Machine, Result
from scaling.study.run import Run
from scaling.study.study import Cell, Factor, Study, clips_axis
from scaling.training.attempt import Attempt
from scaling.training.cost import Cost


def tiny_study(sizes: tuple[int, ...] = (10, 20), **changes: Any) -> Study:
    """{contrastive, captioning} x {from scratch, initialized} x sizes; `changes` as in `tiny_run`, of the template."""
    objectives = {name: {"objective": OBJECTIVES[name]} for name in ("contrastive", "captioning")}
    starts = {"from scratch": {}, "initialized": {"initialization.audio": "supervised"}}
    return Study(
        name="data-scale",
        preset="smoke",
        title="How does it grow?",
        question="Does it pay?",
        template=tiny_run(**changes),
        axes=(clips_axis(sizes),),
        factors=(Factor("objective", objectives), Factor("initialization", starts, baseline="from scratch")),
    )


def tiny_result(run: Run, *scores: Score) -> Result:
    """A result of a run with these scores."""
    clips = run.data.clips if isinstance(run.data.clips, int) else 0
    cost = Cost(samples_seen=64, epochs=1.0, weights="abc")
    machine = Machine("cpu", workers=1, threads=1, torch="2")
    return Result(run, clips, clips, 0.1, cost, scores, 1.0, 1.0, machine, "s", "h", "c")


def score(task: str, metric: str, value: float) -> Score:
    return Score(task, "environment", "mean", metric, value, stderr=0.1, n_test=25)


def finish(folder: RunFolder, cell: Cell, *scores: Score) -> None:
    """What a lane leaves of a finished run."""
    folder.begin(cell)
    attempt = Attempt(folder.path)
    attempt.claim()
    (folder.path / "metrics.jsonl").write_text('{"step": 1, "time": 1000, "train/loss": 2.0}\n')
    folder.finish(attempt, tiny_result(cell.run, *scores), pl.DataFrame())
