"""Checkpoints: safetensors and JSON in a folder that is renamed into place, so that one is whole or absent.

checkpoint/step-00000120/  weights.safetensors  optimizer.safetensors  state.json
"""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from scaling.errors import StudyError

WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"


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
    """
    root = folder / "checkpoint"
    root.mkdir(exist_ok=True)
    final = root / f"step-{step:08d}"
    temporary = root / f".{final.name}.{secrets.token_hex(4)}.tmp"
    temporary.mkdir()
    try:
        save_file(module.state_dict(), temporary / WEIGHTS)
        save_file(_optimizer_tensors(module, optimizer), temporary / OPTIMIZER)
        (temporary / STATE).write_text(json.dumps({**state, "step": step}))
        for file in temporary.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        still_ours()
        if not final.exists():
            temporary.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StudyError(f"no space left for the checkpoint of {folder.name}: free some and start again") from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for older in root.iterdir():
        if older != final:
            shutil.rmtree(older, ignore_errors=True)


def load_checkpoint(checkpoint: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Restore weights and optimizer in place, bit for bit; returns the state that was saved."""
    module.load_state_dict(load_file(checkpoint / WEIGHTS))
    tensors = load_file(checkpoint / OPTIMIZER)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            prefix = names[id(parameter)] + "/"
            saved = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            if saved:
                # AdamW keeps its step count on the CPU and its moments beside the parameter.
                optimizer.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device) for key, value in saved.items()
                }
    state: dict[str, Any] = json.loads((checkpoint / STATE).read_text())
    return state


def drop_optimizer(folder: Path) -> None:
    """A finished run keeps its weights alone."""
    if checkpoint := latest_checkpoint(folder):
        (checkpoint / OPTIMIZER).unlink(missing_ok=True)


def _optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": value.contiguous()
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
