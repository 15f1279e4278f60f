"""Checkpoints: safetensors and JSON in a folder that is renamed into place, so that one is whole or absent.

checkpoint/step-00000120/  weights.safetensors
                           optimizer.safetensors  the tensors of the optimizer's state
                           state.json             how far the run is, what else is in the optimizer's state, and the
                                                  digests of the two files
"""

import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NotRequired

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from typing_extensions import TypedDict

from scaling.storage.digest import file_digest
from scaling.storage.files import (
    Location,
    local_copy,
    names,
    on_disk,
    remove,
    remove_if_empty,
    replacing,
    write_json,
)
from scaling.storage.own import damaged, read_own
from scaling.storage.space import room_for

Tensors = dict[str, torch.Tensor]
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
PLAIN = (bool, int, float, str, type(None))
"""What an optimizer's state may hold beside tensors: what JSON gives back as it was."""
NAME = re.compile(r"step-\d{8}")
UNFINISHED = re.compile(r"\.(step-\d{8})\.[0-9a-f]{8}\.tmp")
CURE = "start the same command again, it does the run again from its beginning"


@dataclass(frozen=True)
class State:
    """How far a run is: steps done, and the seconds that they took over all attempts, of them spent waiting for
    batches."""

    step: int = 0
    wall_seconds: float = 0.0
    feed_wait_seconds: float = 0.0


class _Saved(TypedDict):
    """What state.json holds."""

    step: int
    wall_seconds: float
    feed_wait_seconds: float
    optimizer: NotRequired[dict[str, Any]]
    digests: dict[str, str]


def checkpoint_path(folder: Location, step: int) -> Location:
    """Where the checkpoint of a step lies under a run's folder."""
    return folder / "checkpoint" / f"step-{step:08d}"


def latest_checkpoint(folder: Location) -> Location | None:
    """The checkpoint of the highest step under a run's folder."""
    found = [folder / "checkpoint" / name for name in names(folder / "checkpoint") if NAME.fullmatch(name)]
    return next((path for path in reversed(found) if (path / STATE).exists()), None)


def check_whole(checkpoint: Location, optimizer: bool = True) -> None:
    """Read every byte of a checkpoint, its optimizer's too unless the run needs it no longer.

    Raises `StudyError` naming the file that is gone or has other bytes than were written.
    """
    digests = _saved(checkpoint)["digests"]
    for name in (WEIGHTS, OPTIMIZER) if optimizer else (WEIGHTS,):
        try:
            with local_copy(checkpoint / name) as local:
                digest = file_digest(local)
        except OSError as error:
            why = "it is not there" if isinstance(error, FileNotFoundError) else error
            raise damaged(checkpoint / name, why, CURE) from None
        if digest != digests.get(name):
            raise damaged(checkpoint / name, "its bytes are not those that were written", CURE)


def discard(checkpoint: Location) -> None:
    """Remove the files of a checkpoint, and nothing that anybody else has put beside them."""
    # The state first: without it there is no checkpoint.
    for name in (STATE, OPTIMIZER, WEIGHTS):
        remove(checkpoint / name)
    remove_if_empty(checkpoint)


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
    fields: dict[str, Any] = {**asdict(state), **({"optimizer": others} if others else {})}
    with room_for(f"the checkpoint of {folder.name}"):
        publish = _rename if on_disk(final) else _upload
        publish(final, tensors, fields, still_ours)
    # Only what is older: a successor that took over a moment ago may be writing a later one.
    for name in names(final.parent):
        unfinished = UNFINISHED.fullmatch(name)
        if (unfinished[1] if unfinished else name) < final.name and (unfinished or NAME.fullmatch(name)):
            discard(final.parent / name)


def _rename(
    final: Location, tensors: dict[str, Tensors], fields: dict[str, Any], still_ours: Callable[[], None]
) -> None:
    assert on_disk(final)
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        for name, content in tensors.items():
            save_file(content, temporary / name)
        digests = {name: file_digest(temporary / name) for name in tensors}
        (temporary / STATE).write_text(json.dumps({**fields, "digests": digests}))
        for file in temporary.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        still_ours()
        if not final.exists():
            temporary.rename(final)
        elif not (final / STATE).exists():
            # A damaged one was discarded, and something of somebody else's has kept its folder there.
            for name in (*tensors, STATE):
                (temporary / name).replace(final / name)
    finally:
        if temporary.exists():
            discard(temporary)


def _upload(
    final: Location, tensors: dict[str, Tensors], fields: dict[str, Any], still_ours: Callable[[], None]
) -> None:
    if (final / STATE).exists():
        return
    digests = {}
    for name, content in tensors.items():
        with replacing(final / name) as temporary:
            save_file(content, temporary)
            digests[name] = file_digest(temporary)
    still_ours()
    write_json(final / STATE, {**fields, "digests": digests})


def read_tensors(path: Location) -> Tensors:
    """The tensors of a safetensors file, on the CPU."""
    with local_copy(path) as local:
        return load_file(local)


def load_checkpoint(checkpoint: Location, module: nn.Module, optimizer: torch.optim.Optimizer | None) -> State:
    """Restore weights and (unless None) optimizer in place, bit for bit; returns the state that was saved."""
    module.load_state_dict(read_tensors(checkpoint / WEIGHTS))
    if optimizer is not None:
        parameters = dict(module.named_parameters())
        others = _saved(checkpoint).get("optimizer", {})
        for key, value in {**read_tensors(checkpoint / OPTIMIZER), **others}.items():
            name, _, field = key.rpartition("/")
            # The fused AdamW keeps its step count beside the parameter, as it does its moments.
            there = value.to(parameters[name].device) if isinstance(value, torch.Tensor) else value
            optimizer.state[parameters[name]][field] = there
    return read_state(checkpoint)


def read_state(checkpoint: Location) -> State:
    """The state that was saved with a checkpoint. Raises `StudyError` where it cannot be read."""
    saved = _saved(checkpoint)
    return State(saved["step"], saved["wall_seconds"], saved["feed_wait_seconds"])


def _saved(checkpoint: Location) -> _Saved:
    return read_own(checkpoint / STATE, _Saved, CURE)


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
