"""Checkpoints: safetensors and JSON in a folder that is renamed into place, so that one is whole or absent.

checkpoint/step-00000120/  weights.safetensors
                           optimizer.safetensors  the tensors of the optimizer's state
                           state.json             how far the run is, and what else is in the optimizer's state
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
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

Tensors = dict[str, torch.Tensor]
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
PLAIN = (bool, int, float, str, type(None))
"""What an optimizer's state may hold beside tensors: what JSON gives back as it was."""


@dataclass(frozen=True)
class State:
    """How far a run is: steps done, and the seconds that they took over all attempts, of them spent waiting for
    batches."""

    step: int = 0
    wall_seconds: float = 0.0
    feed_wait_seconds: float = 0.0


def checkpoint_path(folder: Location, step: int) -> Location:
    """Where the checkpoint of a step lies under a run's folder."""
    return folder / "checkpoint" / f"step-{step:08d}"


def latest_checkpoint(folder: Location) -> Location | None:
    """The checkpoint of the highest step under a run's folder."""
    found = [folder / "checkpoint" / name for name in names(folder / "checkpoint") if name.startswith("step-")]
    return next((path for path in reversed(found) if (path / STATE).exists()), None)


def save_checkpoint(
    folder: Location,
    state: State,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    still_ours: Callable[[], None],
) -> None:
    """Write the checkpoint of a state and remove the older ones.

    `still_ours` is called last before the rename and raises where another attempt has taken the run over.
    In an object store the state is uploaded last, in the rename's place. Raises `StudyError` where the disk is full;
    the checkpoint before stays whole. Raises `TypeError` where the optimizer's state holds what cannot be saved.
    """
    final = checkpoint_path(folder, state.step)
    moments, others = _optimizer_state(module, optimizer)
    tensors = {WEIGHTS: module.state_dict(), OPTIMIZER: moments}
    fields = {**asdict(state), **({"optimizer": others} if others else {})}
    if not on_disk(final):
        _upload_checkpoint(final, tensors, fields, still_ours)
        return
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        with room_for(f"the checkpoint of {folder.name}"):
            temporary.mkdir(parents=True)
            for name, content in tensors.items():
                save_file(content, temporary / name)
            (temporary / STATE).write_text(json.dumps(fields))
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
    final: Location, tensors: dict[str, Tensors], fields: dict[str, Any], still_ours: Callable[[], None]
) -> None:
    with room_for(f"the checkpoint of {final.parent.parent.name}"):
        if not (final / STATE).exists():
            for name, content in tensors.items():
                with replacing(final / name) as temporary:
                    save_file(content, temporary)
            still_ours()
            write_json(final / STATE, fields)
    for name in names(final.parent):
        if name < final.name:
            remove_tree(final.parent / name)


def read_tensors(path: Location) -> Tensors:
    """The tensors of a safetensors file, on the CPU."""
    with local_copy(path) as local:
        return load_file(local)


def load_checkpoint(checkpoint: Location, module: nn.Module, optimizer: torch.optim.Optimizer | None) -> State:
    """Restore weights and (unless None) optimizer in place, bit for bit; returns the state that was saved."""
    module.load_state_dict(read_tensors(checkpoint / WEIGHTS))
    if optimizer is not None:
        parameters = dict(module.named_parameters())
        others: dict[str, Any] = read_json(checkpoint / STATE).get("optimizer", {})
        for key, value in {**read_tensors(checkpoint / OPTIMIZER), **others}.items():
            name, _, field = key.rpartition("/")
            # The fused AdamW keeps its step count beside the parameter, as it does its moments.
            there = value.to(parameters[name].device) if isinstance(value, torch.Tensor) else value
            optimizer.state[parameters[name]][field] = there
    return read_state(checkpoint)


def read_state(checkpoint: Location) -> State:
    """The state that was saved with a checkpoint."""
    return State(**{key: value for key, value in read_json(checkpoint / STATE).items() if key != "optimizer"})


def drop_optimizer(folder: Location) -> None:
    """A finished run keeps its weights alone."""
    if checkpoint := latest_checkpoint(folder):
        remove(checkpoint / OPTIMIZER)


def _optimizer_state(module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Tensors, dict[str, Any]]:
    """The tensors of an optimizer's state and what else is in it, by "name of the parameter/field"."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    tensors: Tensors = {}
    others: dict[str, Any] = {}
    for parameter, values in optimizer.state.items():
        for field, value in values.items():
            key = f"{names[id(parameter)]}/{field}"
            if isinstance(value, torch.Tensor):
                tensors[key] = value.contiguous()
            elif type(value) in PLAIN:
                others[key] = value
            else:
                raise TypeError(f"{field} of the optimizer's state is a {type(value).__name__}, which is not saved")
    return tensors, others
