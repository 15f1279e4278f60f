"""Training one run: a pure function of the run, its data and its first weights.

It knows `torch.distributed` (a group of workers that trains together) and nothing of Ray or MLflow. All
randomness is a function of (seed, step), so that a run interrupted anywhere goes on from its last checkpoint
to the same bits.
"""

import math
import time
from contextlib import nullcontext

import torch
from torch.nn.parallel import DistributedDataParallel

from scaling.data.batches import unshared
from scaling.data.feed import Feed
from scaling.data.keyed import keyed_generator
from scaling.errors import StudyError
from scaling.models.batch import Batch
from scaling.objectives.objective import Losses, Objective, summed_over_workers, workers
from scaling.storage.files import Location, on_disk
from scaling.study.run import Run
from scaling.training.attempt import Attempt, InterruptedRunError, Progress
from scaling.training.augment import spec_augment
from scaling.training.average import Average
from scaling.training.checkpoint import (
    State,
    check_whole,
    checkpoint_path,
    discard,
    drop_optimizer,
    latest_checkpoint,
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from scaling.training.cost import Cost
from scaling.training.group import Meetings, from_first
from scaling.training.learning_curve import LearningCurve
from scaling.training.measures import autocast, measured_holdout, parameter_count, training_flops, weights_digest
from scaling.training.optimizers import build_optimizer, clipped
from scaling.training.schedules import learning_rate
from scaling.training.staging import staged

HOLDOUT_LOSSES = 4
"""How often the loss on the fixed holdout is taken in a run, and the rank of its embeddings: at fixed shares of the
steps, the last time at its end."""
LOGGED_STEPS = 200
FEED_THREADS = 4
"""Beside a GPU; on a CPU they would take the cores that train."""
CHECKPOINT_SECONDS = 10.0
UPLOAD_SHARE, UPLOAD_SECONDS = 10.0, 300.0
"""Checkpoints that go to an object store are this many times as far apart as one takes, up to these seconds."""


def train(
    run: Run,
    feed: Feed,
    module: Objective,
    attempt: Attempt,
    *,
    device: torch.device | None = None,
    progress: Progress = lambda step, rate: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Cost:
    """Train `module` (from `build`) for the run's steps, going on from the last checkpoint in the attempt's
    folder; returns what it cost.

    Every worker of a group calls this with the same arguments; the first one writes. Raises
    `InterruptedRunError` after a checkpoint where `progress` asked to stop, `SupersededError` where another
    attempt took the run over, `FloatingPointError` where the loss is not finite, and `StudyError` where the
    batch cannot be shared out equally or the disk is full.
    """
    of = run.optimization
    if not feed.batches.shares(workers() * of.accumulate):
        raise unshared(run, workers())
    if of.at_once and type(module).forward is not Objective.forward:
        raise StudyError(f"{run.objective_name} takes its loss of a whole batch: set optimization.at_once to 0")
    training = Training(run, feed, module, attempt, device or torch.device("cpu"), checkpoint_seconds)
    try:
        training.work(progress)
    finally:
        training.close()
    return training.settled()


class Training:
    """One attempt of one worker at a run: the steps that are left, their logs and their checkpoints."""

    def __init__(
        self,
        run: Run,
        feed: Feed,
        module: Objective,
        attempt: Attempt,
        device: torch.device,
        checkpoint_seconds: float,
    ) -> None:
        self.run, self.feed, self.module, self.attempt, self.device = run, feed, module.to(device), attempt, device
        module.at_once = run.optimization.at_once
        self.optimizer = build_optimizer(module, run)
        self.before = self._resumed()
        self.average = Average(run, module, self.optimizer)
        # The first step with something in it that is not finite; read only where a step waits for the device anyway.
        self.not_finite = torch.full((), math.inf, device=device)
        self.group = DistributedDataParallel(module) if workers() > 1 else module
        self.group.train()
        self.parameters = list(self.group.parameters())
        self.meetings = Meetings(self.before.step)
        self.checkpoint_seconds = self.until_checkpoint = checkpoint_seconds
        self.began = self.saved = time.monotonic()
        self.waited = 0.0
        self.last_holdout: float | None = None
        self.curve = LearningCurve(attempt, self.before.step) if attempt.worker == 0 else None

    def work(self, progress: Progress) -> None:
        """Every step that is left, each followed by what is logged and saved after it."""
        first, last = self.before.step, self.run.steps
        gpu = self.device.type == "cuda"
        threads = FEED_THREADS if gpu else 1
        fed = self.feed.stream(first, last, self.attempt.worker, workers(), threads, pin=gpu)
        batches = staged(fed, self.device)
        for done in range(first + 1, last + 1):
            asked = time.monotonic()
            batch = next(batches)
            self.waited += time.monotonic() - asked
            losses = self.step(done - 1, batch)
            stop, due = self.asked(done, progress)
            self.log(done, losses, check=stop or due)
            if stop or due or done == last:
                self.save(done)
            if stop and done < last:
                raise InterruptedRunError(self.run.name)
        if last == 0:
            self.save(0)

    def step(self, step: int, batch: Batch) -> Losses:
        """One update; the losses of this worker and the norm of the group's gradient."""
        generator = torch.Generator().manual_seed(int(keyed_generator("step", self.run.seed, step).integers(2**62)))
        # What networks draw for themselves.
        seed = int(keyed_generator("network", self.run.seed, step, self.attempt.worker).integers(2**62))
        # torch.manual_seed would look for devices of every kind, which takes longer than a layer.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        self.module.encoder.at_step(step)
        features, lengths = batch["features"], batch["lengths"]
        masked = spec_augment(
            features, lengths, self.run.data, generator, self.attempt.worker, workers(), self.feed.heard.frame
        )
        batch = {**batch, "features": masked}
        rate = self.rate(step)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate * parameters["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        losses = self._backward(batch, generator)
        norm = clipped(self.parameters, self.optimizer, self.run)
        self.optimizer.step()
        self.average.after(step + 1)
        finite = (losses["loss"] + norm).isfinite()
        self.not_finite = torch.where(finite, self.not_finite, self.not_finite.clamp(max=step + 1))
        return {**losses, "gradient_norm": norm}

    def rate(self, step: int) -> float:
        """The learning rate of a step (0-based)."""
        return learning_rate(self.run, step, self.feed.batches.clips_seen(step) / len(self.feed.places))

    def _backward(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The losses of a batch, whose gradients are left in the parameters; in parts, if the run says so."""
        parts = self.run.optimization.accumulate
        total: Losses = {}
        for part in range(parts):
            some = batch if parts == 1 else {key: value[part::parts] for key, value in batch.items()}
            several = isinstance(self.group, DistributedDataParallel) and part < parts - 1
            with self.group.no_sync() if several else nullcontext():  # type: ignore[operator]
                with autocast(self.device):
                    losses: Losses = self.group(some, generator)
                (losses["loss"] / parts).backward()  # type: ignore[no-untyped-call]
            total = {key: total.get(key, 0) + value.detach() / parts for key, value in losses.items()}
        return total

    def asked(self, done: int, progress: Progress) -> tuple[bool, bool]:
        """Whether to stop, and whether a checkpoint is due, after so many steps: the same on every worker."""
        clips = self.feed.batches.clips_seen(done) - self.feed.batches.clips_seen(self.before.step)
        stop = progress(done, clips / (time.monotonic() - self.began)) if self.attempt.worker == 0 else False
        return self.meetings.agreed(done, stop, time.monotonic() - self.saved >= self.until_checkpoint)

    def log(self, done: int, losses: Losses, check: bool) -> None:
        """Log a step where its turn is; raise `FloatingPointError` where it is not finite (looked at there, and on
        `check`): nothing such is ever saved, as the last step is a holdout step."""
        holdout = done in {round(self.run.steps * (i + 1) / HOLDOUT_LOSSES) for i in range(HOLDOUT_LOSSES)}
        logged = holdout or done % max(1, self.run.steps // LOGGED_STEPS) == 0
        if not (logged or check):
            return
        row = _means(losses)
        if math.isfinite(first := self.not_finite.item()) or not all(map(math.isfinite, row.values())):
            step = int(min(first, done))
            clips = map(self.feed.store.clip_id, self.feed.drawn(step - 1)[0].tolist())
            raise FloatingPointError(f"loss or gradient not finite at step {step}, of the clips {', '.join(clips)}")
        if self.curve and logged:
            row["train/learning_rate"] = self.rate(done - 1)
            if holdout:
                found = measured_holdout(self.feed, self.module, self.device)
                row["holdout/loss"] = self.last_holdout = found.loss
                row |= {} if found.rank_me is None else {"holdout/rank_me": found.rank_me}
            self.curve.add(done, row)

    def save(self, step: int) -> None:
        """Write a checkpoint, and say when the next one is due."""
        asked = time.monotonic()
        if self.curve:
            # Before the state it belongs to: a resumed run keeps the rows up to its checkpoint.
            self.curve.publish()
            folder, still_ours = self.attempt.folder, self.attempt.still_ours
            save_checkpoint(folder, self.state(step), self.module, self.optimizer, still_ours)
        self.saved = time.monotonic()
        if not on_disk(self.attempt.folder):
            upload = min(UPLOAD_SHARE * (self.saved - asked), UPLOAD_SECONDS)
            self.until_checkpoint = max(self.checkpoint_seconds, upload)

    def state(self, step: int) -> State:
        """How far the run is now."""
        wall, wait = self.before.wall_seconds, self.before.feed_wait_seconds
        return State(step, wall + time.monotonic() - self.began, wait + self.waited)

    def close(self) -> None:
        """Show what was logged, however this ends."""
        if self.curve:
            self.curve.close()

    def settled(self) -> Cost:
        """What the finished run cost; its optimizer is no longer needed."""
        run, steps = self.run, self.run.steps
        spent = self.state(steps) if self.before.step < steps else self.before
        if self.attempt.worker == 0:
            self.attempt.still_ours()
            drop_optimizer(self.attempt.folder)
        self.module.eval()
        if self.last_holdout is None:
            self.last_holdout = measured_holdout(self.feed, self.module, self.device).loss
        samples = self.feed.batches.clips_seen(steps)
        return Cost(
            samples_seen=samples,
            epochs=samples / len(self.feed.places),
            wall_seconds=spent.wall_seconds,
            feed_wait_seconds=spent.feed_wait_seconds,
            parameters=parameter_count(self.module),
            encoder_parameters=parameter_count(self.module.encoder),
            flops=training_flops(run, self.feed, self.module, self.device),
            holdout_loss=self.last_holdout,
            weights=weights_digest(self.module),
        )

    def _resumed(self) -> State:
        """Weights and optimizer as the attempts before have left them, and how far they came."""
        checkpoint = _first_workers_checkpoint(self.attempt, self.run.steps)
        if checkpoint is None:
            return State()
        finished = read_state(checkpoint).step >= self.run.steps
        return load_checkpoint(checkpoint, self.module, None if finished else self.optimizer)


def _means(losses: Losses) -> dict[str, float]:
    """The mean of every loss over the workers, under the name it is logged by; equal on all of them."""
    values = summed_over_workers(torch.stack([value.float() for value in losses.values()])) / workers()
    return {f"train/{key}": value for key, value in zip(losses, values.tolist(), strict=True)}


def _first_workers_checkpoint(attempt: Attempt, steps: int) -> Location | None:
    """The checkpoint to go on from: the one the first worker sees, as an attempt that is being superseded may
    write another one while the workers look. One that is damaged is removed, and `StudyError` says so."""

    def step() -> int:
        found = latest_checkpoint(attempt.folder)
        if found is None:
            return -1
        try:
            reached = read_state(found).step
            check_whole(found, optimizer=reached < steps)
        except StudyError:
            attempt.still_ours()
            discard(found)
            raise
        return reached

    first = from_first(step)
    return checkpoint_path(attempt.folder, first) if first >= 0 else None
