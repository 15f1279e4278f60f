"""Training one run: a pure function of the run, its data and its first weights.

It knows `torch.distributed` (a group of workers that trains together) and nothing of Ray or MLflow. All
randomness is a function of (seed, step), so that a run interrupted anywhere goes on from its last checkpoint
to the same bits.
"""

import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from scaling.data.feed import Feed, keyed_generator
from scaling.errors import StudyError
from scaling.objectives.objective import Batch, Losses, Objective, summed_over_workers, workers
from scaling.storage.files import Location
from scaling.study.run import Run
from scaling.training.attempt import Attempt, InterruptedRunError, Progress
from scaling.training.augment import spec_augment
from scaling.training.checkpoint import (
    checkpoint_path,
    drop_optimizer,
    latest_checkpoint,
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from scaling.training.group import from_first
from scaling.training.learning_curve import LearningCurve
from scaling.training.measures import autocast, holdout_loss, parameter_count, training_flops, weights_digest
from scaling.training.optimizers import build_optimizer, learning_rate

HOLDOUT_LOSSES = 4
"""How often the loss on the fixed holdout is taken in a run, the last time at its end."""
LOGGED_STEPS = 200
CHECKPOINT_SECONDS = 10.0
UPLOAD_SHARE, UPLOAD_SECONDS = 10.0, 300.0
"""Checkpoints that go to an object store are this many times as far apart as one takes, up to these seconds."""
MEETING_SECONDS = 0.5


def train(
    run: Run,
    feed: Feed,
    module: Objective,
    attempt: Attempt,
    *,
    device: torch.device | None = None,
    progress: Progress = lambda step, rate: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Train `module` (from `build`) for the run's steps, going on from the last checkpoint in the attempt's
    folder.

    Every worker of a group calls this with the same arguments; the first one writes. Returns what it cost:
    `wall_seconds` (over all attempts), `feed_wait_seconds`, `samples_seen`, `epochs`, `parameters`,
    `encoder_parameters`, `flops`, `holdout_loss`, a digest of the final `weights`. Raises
    `InterruptedRunError` after a checkpoint where `progress` asked to stop, `SupersededError` where another
    attempt took the run over, `FloatingPointError` where the loss is not finite, and `StudyError` where the
    batch cannot be shared out equally or the disk is full.
    """
    if run.optimization.batch_size % workers():
        raise StudyError(
            f"a batch of {run.optimization.batch_size} clips cannot be shared out equally to {workers()} workers"
        )
    device = device or torch.device("cpu")
    worker = attempt.worker
    module.to(device)
    optimizer = build_optimizer(module, run)
    state: dict[str, Any] = {"step": 0, "wall_seconds": 0.0, "feed_wait_seconds": 0.0}
    if checkpoint := _first_workers_checkpoint(attempt.folder):
        finished = read_state(checkpoint)["step"] >= run.steps
        state = load_checkpoint(checkpoint, module, None if finished else optimizer)
    first: int = state["step"]
    group = DistributedDataParallel(module) if workers() > 1 else module
    group.train()
    holdout_steps = {round(run.steps * (i + 1) / HOLDOUT_LOSSES) for i in range(HOLDOUT_LOSSES)}
    log_every = max(1, run.steps // LOGGED_STEPS)
    meetings = _Meetings(first)
    began = saved = time.monotonic()
    waited, pause, held_out = 0.0, checkpoint_seconds, None

    def costs() -> dict[str, float]:
        return {
            "wall_seconds": state["wall_seconds"] + time.monotonic() - began,
            "feed_wait_seconds": state["feed_wait_seconds"] + waited,
        }

    curve = LearningCurve(attempt, first) if worker == 0 else None

    def save(step: int) -> float:
        """Write a checkpoint; returns the seconds until the next one is due."""
        asked = time.monotonic()
        if curve:
            # Before the state it belongs to: a resumed run keeps the rows up to its checkpoint.
            curve.publish()
            save_checkpoint(attempt.folder, step, module, optimizer, costs(), attempt.still_ours)
        if isinstance(attempt.folder, Path):
            return checkpoint_seconds
        return max(checkpoint_seconds, min(UPLOAD_SHARE * (time.monotonic() - asked), UPLOAD_SECONDS))

    try:
        batches = feed.stream(first, run.steps, worker, workers())
        for done in range(first + 1, run.steps + 1):
            asked = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - asked
            losses = _step(run, done - 1, group, optimizer, batch, device, worker)
            rate = (done - first) * run.optimization.batch_size / (time.monotonic() - began)
            stop = progress(done, rate) if worker == 0 else False
            stop, due = meetings.agreed(done, stop, time.monotonic() - saved >= pause)
            logged = done % log_every == 0 or done in holdout_steps
            # Nothing that is not finite is ever saved: the last step is a holdout step.
            if logged or stop or due:
                row = _means(losses)
                if not all(math.isfinite(value) for value in row.values()):
                    raise FloatingPointError(f"loss or gradient not finite at step {done}: {row}")
                row["train/learning_rate"] = learning_rate(run, done - 1)
                if curve and done in holdout_steps:
                    row["holdout/loss"] = held_out = holdout_loss(feed, module, device)
                if curve and logged:
                    curve.add(done, row)
            if stop or due or done == run.steps:
                pause = save(done)
                saved = time.monotonic()
            if stop and done < run.steps:
                raise InterruptedRunError(run.name)
        if run.steps == 0:
            save(0)
    finally:
        if curve:
            curve.close()
    spent = costs() if first < run.steps else state
    if worker == 0:
        attempt.still_ours()
        drop_optimizer(attempt.folder)
    module.eval()
    return {
        "wall_seconds": spent["wall_seconds"],
        "feed_wait_seconds": spent["feed_wait_seconds"],
        "samples_seen": run.steps * run.optimization.batch_size,
        "epochs": run.steps * run.optimization.batch_size / len(feed.places),
        "parameters": parameter_count(module),
        "encoder_parameters": parameter_count(module.encoder),
        "flops": training_flops(run, feed, module, device),
        "holdout_loss": holdout_loss(feed, module, device) if held_out is None else held_out,
        "weights": weights_digest(module),
    }


def _step(
    run: Run,
    step: int,
    group: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    device: torch.device,
    worker: int,
) -> Losses:
    """One update; the losses of this worker and the norm of the group's gradient."""
    generator = torch.Generator().manual_seed(int(keyed_generator("step", run.seed, step).integers(2**62)))
    features = spec_augment(batch["features"], batch["lengths"], run.data, generator, worker, workers())
    batch = {key: value.to(device, non_blocking=True) for key, value in {**batch, "features": features}.items()}
    for parameters in optimizer.param_groups:
        parameters["lr"] = learning_rate(run, step) * parameters["scale"]
    optimizer.zero_grad(set_to_none=True)
    with autocast(device):
        losses: Losses = group(batch, generator)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(group.parameters(), 1.0)
    optimizer.step()
    return {**{key: value.detach() for key, value in losses.items()}, "gradient_norm": norm}


def _means(losses: Losses) -> dict[str, float]:
    """The mean of every loss over the workers, under the name it is logged by; equal on all of them."""
    values = summed_over_workers(torch.stack([value.float() for value in losses.values()])) / workers()
    return {f"train/{key}": value for key, value in zip(losses, values.tolist(), strict=True)}


class _Meetings:
    """What the first worker wants its group to do after a step: stop, write a checkpoint.

    Telling it costs a round trip, and on a GPU a wait for all that is queued there, so a group meets every
    `MEETING_SECONDS`, counted in steps so that all workers know when. A request waits for the next meeting.
    """

    def __init__(self, step: int) -> None:
        self._last, self._next = step, step + 1
        self._time = time.monotonic()
        self._stop = False

    def agreed(self, step: int, stop: bool, due: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to write a checkpoint after this step, the same on every worker."""
        if workers() == 1:
            return stop, due
        # Who asks to stop asks once; steps between meetings must not lose it.
        self._stop |= stop
        if step < self._next:
            return False, False
        now = time.monotonic()
        seconds_a_step = (now - self._time) / (step - self._last)
        steps = max(1, int(MEETING_SECONDS / max(seconds_a_step, 1e-6)))
        stop, due, steps = from_first(lambda: (self._stop, due, steps))
        self._last, self._next, self._time = step, step + steps, now
        return stop, due


def _first_workers_checkpoint(folder: Location) -> Location | None:
    """The checkpoint to go on from: the one the first worker sees, as an attempt that is being superseded may
    write another one while the workers look."""

    def step() -> int:
        found = latest_checkpoint(folder)
        return int(read_state(found)["step"]) if found else -1

    first = from_first(step)
    return checkpoint_path(folder, first) if first >= 0 else None
