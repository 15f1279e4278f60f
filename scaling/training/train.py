"""Training one run: a pure function of the run, its data and its first weights.

It knows `torch.distributed` (a group of workers that trains together) and nothing of Ray or MLflow. All
randomness is a function of (seed, step), so that a run interrupted anywhere goes on from its last checkpoint
to the same bits.
"""

import hashlib
import time
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from scaling.data.feed import Batch, Feed, keyed_generator
from scaling.models.encoder import build_encoder
from scaling.objectives.objective import alone, build_objective, workers
from scaling.study import Run
from scaling.training.attempt import Attempt, Progress
from scaling.training.augment import spec_augment
from scaling.training.checkpoint import drop_optimizer, latest_checkpoint, load_checkpoint, save_checkpoint
from scaling.training.curve import LearningCurve
from scaling.training.initialize import AUDIO, TEXT, load_part
from scaling.training.optim import build_optimizer, learning_rate

HOLDOUT_LOSSES = 4
"""How often the loss on the fixed holdout is taken in a run, the last time at its end."""
LOGGED_STEPS = 200
CHECKPOINT_SECONDS = 10.0

Weights = dict[str, torch.Tensor]


class InterruptedRunError(Exception):
    """The run was asked to stop; it has left a checkpoint."""


def build(run: Run, vocabulary: int, classes: dict[str, int], audio: Weights | None, text: Weights | None) -> nn.Module:
    """The objective of a run with its first weights.

    The encoder is drawn before anything else: twins of different objectives start from the same one. `audio`
    and `text` are the weights that initialize the encoder and the text side (None: random).
    """
    torch.manual_seed(run.seed)
    encoder = build_encoder(run.encoder, run.model)
    module = build_objective(run, encoder, vocabulary, classes)
    if audio is not None:
        load_part(module, audio, (AUDIO,), f"audio_init {run.audio_init}")
    if text is not None:
        load_part(module, text, TEXT, f"text_init {run.text_init}")
    return module


def train(
    run: Run,
    feed: Feed,
    module: nn.Module,
    attempt: Attempt,
    *,
    device: torch.device | None = None,
    progress: Progress = lambda step, rate: False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Train `module` (from `build`) for the run's steps, going on from the last checkpoint in the attempt's
    folder.

    Every worker of a group calls this with the same arguments; the first one writes. Returns what it cost:
    `wall_seconds` (over all attempts), `feed_wait_seconds`, `samples_seen`, `parameters`, `flops`,
    `holdout_loss`, a digest of the final `weights`. Raises `InterruptedRunError` after a checkpoint where
    `progress` asked to stop, `SupersededError` where another attempt took the run over, and
    `FloatingPointError` where the loss is not finite.
    """
    device = device or torch.device("cpu")
    worker = attempt.worker
    module.to(device)
    optimizer = build_optimizer(module, run)
    state: dict[str, Any] = {"step": 0, "wall_seconds": 0.0, "feed_wait_seconds": 0.0}
    if checkpoint := latest_checkpoint(attempt.folder):
        state = load_checkpoint(checkpoint, module, optimizer)
    first: int = state["step"]
    group = DistributedDataParallel(module) if workers() > 1 else module
    group.train()
    curve = LearningCurve(attempt, first) if worker == 0 else None
    holdout_steps = {round(run.steps * (i + 1) / HOLDOUT_LOSSES) for i in range(HOLDOUT_LOSSES)}
    log_every = max(1, run.steps // LOGGED_STEPS)
    began = time.monotonic()
    waited = 0.0

    def save(step: int) -> None:
        costs = {
            "wall_seconds": state["wall_seconds"] + time.monotonic() - began,
            "feed_wait_seconds": state["feed_wait_seconds"] + waited,
        }
        if worker == 0:
            save_checkpoint(attempt.folder, step, module, optimizer, costs, attempt.still_ours)
        state.update(costs, step=step)

    try:
        batches = feed.stream(first, run.steps, worker, workers())
        for step in range(first, run.steps):
            asked = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - asked
            loss, norm = _step(run, step, group, optimizer, batch, device, worker)
            done = step + 1
            logged = done % log_every == 0 or done in holdout_steps
            if logged and not (torch.isfinite(loss) and torch.isfinite(norm)):
                raise FloatingPointError(f"loss {loss.item()}, gradient norm {norm.item()} at step {done}")
            if curve and logged:
                row = {
                    "train/loss": loss.item(),
                    "train/gradient_norm": norm.item(),
                    "train/learning_rate": learning_rate(run, step),
                }
                if done in holdout_steps:
                    row["holdout/loss"] = holdout_loss(run, feed, module, device)
                curve.add(done, row)
            rate = (done - first) * run.batch_size / (time.monotonic() - began)
            asked_to_stop = progress(done, rate) if worker == 0 else False
            stop, due = _agreed(asked_to_stop, time.monotonic() - began >= checkpoint_seconds, done)
            if done < run.steps and (stop or due):
                save(done)
                began, waited, first = time.monotonic(), 0.0, done
            if stop and done < run.steps:
                raise InterruptedRunError(run.name)
        if state["step"] < run.steps or run.steps == 0:
            save(run.steps)
    finally:
        if curve:
            curve.close()
    if worker == 0:
        drop_optimizer(attempt.folder)
    module.eval()
    return {
        "wall_seconds": state["wall_seconds"],
        "feed_wait_seconds": state["feed_wait_seconds"],
        "samples_seen": run.steps * run.batch_size,
        "epochs": run.steps * run.batch_size / len(feed.places),
        "parameters": parameter_count(module),
        "encoder_parameters": parameter_count(module.get_submodule("encoder")),
        "flops": training_flops(run, feed, module, device),
        "holdout_loss": holdout_loss(run, feed, module, device),
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
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(int(keyed_generator("step", run.seed, step).integers(2**62)))
    features = spec_augment(batch["features"], batch["lengths"], run, generator, worker, workers())
    batch = {key: value.to(device, non_blocking=True) for key, value in {**batch, "features": features}.items()}
    for parameters in optimizer.param_groups:
        parameters["lr"] = learning_rate(run, step)
    optimizer.zero_grad(set_to_none=True)
    with _autocast(device):
        losses = group(batch, generator)
    losses["loss"].backward()
    norm = nn.utils.clip_grad_norm_(group.parameters(), 1.0)
    optimizer.step()
    return losses["loss"].detach(), norm


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def _agreed(stop: bool, due: bool, step: int) -> tuple[bool, bool]:
    """What the first worker decides for all; a group looks up every eighth step only, as agreeing costs a
    round trip."""
    if workers() == 1:
        return stop, due
    if step % 8:
        return False, False
    decision = [stop, due]
    dist.broadcast_object_list(decision)
    return decision[0], decision[1]


@torch.no_grad()
def holdout_loss(run: Run, feed: Feed, module: nn.Module, device: torch.device) -> float:
    """The loss on the fixed holdout, no masks, the draws of a fixed generator; computed by one worker alone."""
    training = module.training
    module.eval()
    generator = torch.Generator().manual_seed(0)
    total, clips = 0.0, 0
    with alone(), _autocast(device):
        for batch in feed.holdout():
            loss = module({key: value.to(device) for key, value in batch.items()}, generator)["loss"]
            total += loss.item() * len(batch["lengths"])
            clips += len(batch["lengths"])
    module.train(training)
    return total / max(clips, 1)


@torch.no_grad()
def training_flops(run: Run, feed: Feed, module: nn.Module, device: torch.device) -> float:
    """Floating-point operations of the whole run: those of a forward pass, counted, x 3 for forward and
    backward."""
    batch = next(feed.holdout())
    counter = FlopCounterMode(display=False)
    with counter, alone(), _autocast(device):
        module({key: value.to(device) for key, value in batch.items()}, torch.Generator().manual_seed(0))
    return 3.0 * counter.get_total_flops() / len(batch["lengths"]) * run.steps * run.batch_size


def parameter_count(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def weights_digest(module: nn.Module) -> str:
    """A digest of every weight's bytes: equal digests are equal models."""
    whole = hashlib.blake2b(digest_size=8)
    for name, value in sorted(module.state_dict().items()):
        whole.update(name.encode())
        whole.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
