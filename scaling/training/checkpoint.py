"""Checkpoints: safetensors and JSON in a folder that is renamed into place, so that one is whole or absent.

checkpoint/step-00000120/  weights.safetensors  optimizer.safetensors  state.json
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from scaling.storage.files import (
    Location,
    local_copy,
    names,
    on_disk,
    read_json,
    remove,
    remove_tree,
    replacing,
    write_json,
)
from scaling.storage.space import room_for

WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"


def checkpoint_path(folder: Location, step: int) -> Location:
    """Where the checkpoint of a step lies under a run's folder."""
    return folder / "checkpoint" / f"step-{step:08d}"


def latest_checkpoint(folder: Location) -> Location | None:
    """The checkpoint of the highest step under a run's folder."""
    found = [folder / "checkpoint" / name for name in names(folder / "checkpoint") if name.startswith("step-")]
    return next((path for path in reversed(found) if (path / STATE).exists()), None)


def save_checkpoint(
    folder: Location,
    step: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    still_ours: Callable[[], None],
) -> None:
    """Write a checkpoint of `step` and remove the older ones.

    `still_ours` is called last before the rename and raises where another attempt has taken the run over.
    In an object store the state is uploaded last, in the rename's place. Raises `StudyError` where the disk is full;
    the checkpoint before stays whole.
    """
    final = checkpoint_path(folder, step)
    if not on_disk(final):
        _upload_checkpoint(final, module, optimizer, {**state, "step": step}, still_ours)
        return
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


def _upload_checkpoint(
    final: Location,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    still_ours: Callable[[], None],
) -> None:
    with room_for(f"the checkpoint of {final.parent.parent.name}"):
        if not (final / STATE).exists():
            for name, tensors in ((WEIGHTS, module.state_dict()), (OPTIMIZER, _optimizer_tensors(module, optimizer))):
                with replacing(final / name) as temporary:
                    save_file(tensors, temporary)
            still_ours()
            write_json(final / STATE, state)
    for name in names(final.parent):
        if name < final.name:
            remove_tree(final.parent / name)


def read_tensors(path: Location) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, on the CPU."""
    with local_copy(path) as local:
        return load_file(local)


def load_checkpoint(checkpoint: Location, module: nn.Module, optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    """Restore weights and (unless None) optimizer in place, bit for bit; returns the state that was saved."""
    module.load_state_dict(read_tensors(checkpoint / WEIGHTS))
    if optimizer is not None:
        tensors = read_tensors(checkpoint / OPTIMIZER)
        parameters = dict(module.named_parameters())
        for key, value in tensors.items():
            name, _, field = key.rpartition("/")
            # The fused AdamW keeps its step count beside the parameter, as it does its moments.
            optimizer.state[parameters[name]][field] = value.to(parameters[name].device)
    return read_state(checkpoint)


def read_state(checkpoint: Location) -> dict[str, Any]:
    """The state that was saved with a checkpoint; `step` is the number of steps done."""
    state: dict[str, Any] = read_json(checkpoint / STATE)
    return state


def drop_optimizer(folder: Location) -> None:
    """A finished run keeps its weights alone."""
    if checkpoint := latest_checkpoint(folder):
        remove(checkpoint / OPTIMIZER)


def _optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": value.contiguous()
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
