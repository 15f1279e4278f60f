"""Checkpoints: safetensors and JSON in a folder that is renamed into place, so that one is whole or absent.

checkpoint/step-00000120/  weights.safetensors  optimizer.safetensors  state.json
"""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from scaling.errors import StudyError

WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies under a run's folder."""
    return folder / "checkpoint" / f"step-{step:08d}"


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step under a run's folder."""
    found = sorted(path for path in (folder / "checkpoint").glob("step-*") if (path / STATE).is_file())
    return found[-1] if found else None


def save_checkpoint(
    folder: Path,
    step: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    still_ours: Callable[[], None],
) -> None:
    """Write a checkpoint of `step` and remove the older ones.

    `still_ours` is called last before the rename and raises where another attempt has taken the run over.
    Raises `StudyError` where the disk is full; the checkpoint before stays whole.
    """
    final = checkpoint_path(folder, step)
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        with room_for(f"the checkpoint of {folder.name}"):
            temporary.mkdir(parents=True)
            save_file(module.state_dict(), temporary / WEIGHTS)
            save_file(_optimizer_tensors(module, optimizer), temporary / OPTIMIZER)
            (temporary / STATE).write_text(json.dumps({**state, "step": step}))
            for file in temporary.iterdir():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
            still_ours()
            if not final.exists():
                temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    # Only what is older: a successor that took over a moment ago may be writing a later one.
    for other in final.parent.iterdir():
        if other.name.removeprefix(".") < final.name:
            shutil.rmtree(other, ignore_errors=True)


def load_checkpoint(checkpoint: Path, module: nn.Module, optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    """Restore weights and (unless None) optimizer in place, bit for bit; returns the state that was saved."""
    module.load_state_dict(load_file(checkpoint / WEIGHTS))
    if optimizer is not None:
        tensors = load_file(checkpoint / OPTIMIZER)
        parameters = dict(module.named_parameters())
        for key, value in tensors.items():
            name, _, field = key.rpartition("/")
            # The fused AdamW keeps its step count beside the parameter, as it does its moments.
            optimizer.state[parameters[name]][field] = value.to(parameters[name].device)
    return read_state(checkpoint)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state that was saved with a checkpoint; `step` is the number of steps done."""
    state: dict[str, Any] = json.loads((checkpoint / STATE).read_text())
    return state


def drop_optimizer(folder: Path) -> None:
    """A finished run keeps its weights alone."""
    if checkpoint := latest_checkpoint(folder):
        (checkpoint / OPTIMIZER).unlink(missing_ok=True)


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Raise `StudyError` where the block fails for want of space, naming what was being written."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors wraps the system's error and leaves only its text.
        full = isinstance(error, SafetensorError) and any(
            f"(os error {number})" in str(error) for number in (errno.ENOSPC, errno.EDQUOT)
        )
        if full or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
            raise StudyError(f"no space left for {what}: free some and start again") from error
        raise


def _optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": value.contiguous()
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
