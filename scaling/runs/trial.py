"""A trial: a run that is trained for its loss on the fixed holdout, and is not probed."""

import math
import time
from dataclasses import dataclass

import torch

from scaling.runs.folder import StudyFolder
from scaling.runs.perform import begun
from scaling.storage.files import write_json
from scaling.storage.own import read_own
from scaling.study.run import Run
from scaling.training.attempt import Attempt, Progress
from scaling.training.loop import train

FILE = "trial.json"
CURE = "remove it and start the search again, which does the trial again"


@dataclass(frozen=True)
class Trial:
    """What came of a trial: its loss, or at which step and how it `diverged`; and the seconds of its last attempt."""

    holdout_loss: float | None
    diverged: str
    seconds: float

    @property
    def loss(self) -> float:
        """What is compared: infinite where it diverged."""
        return math.inf if self.holdout_loss is None else self.holdout_loss


def done_trial(folder: StudyFolder, run: Run) -> Trial | None:
    """What came of a trial that was done before."""
    try:
        return read_own(folder.run(run.name).path / FILE, Trial, CURE)
    except FileNotFoundError:
        return None


def try_run(
    run: Run,
    folder: StudyFolder,
    *,
    device: torch.device,
    checkpoint_seconds: float,
    progress: Progress = lambda step, rate: False,
) -> Trial:
    """Train a run to its end, or to where it diverges, going on from its last checkpoint."""
    began = time.monotonic()
    if (known := done_trial(folder, run)) is not None:
        return known
    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    feed, module = begun(run, folder)
    loss, diverged = None, ""
    try:
        loss = train(
            run, feed, module, attempt, device=device, progress=progress, checkpoint_seconds=checkpoint_seconds
        ).holdout_loss
    except FloatingPointError as error:
        diverged = str(error)
    if loss is not None and not math.isfinite(loss):
        loss, diverged = None, "the loss on the holdout is not finite"
    trial = Trial(loss, diverged, time.monotonic() - began)
    attempt.still_ours()
    write_json(folder.run(run.name).path / FILE, {"holdout_loss": loss, "diverged": diverged, "seconds": trial.seconds})
    return trial
