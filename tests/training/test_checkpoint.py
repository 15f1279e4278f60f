"""Checkpoints: whole or absent, bit for bit."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import torch
from tiny import random_batch, tiny_module, tiny_run

from scaling.errors import StudyError
from scaling.training import checkpoint
from scaling.training.checkpoint import State, latest_checkpoint, load_checkpoint, save_checkpoint
from scaling.training.optimizers import build_optimizer


def trained(seed: int = 0) -> tuple[torch.nn.Module, torch.optim.AdamW]:
    run = tiny_run(seed=seed)
    module = tiny_module(run, 30)
    optimizer = build_optimizer(module, run)
    for step in range(3):
        optimizer.zero_grad()
        module(random_batch(4, seed=step), torch.Generator())["loss"].backward()
        optimizer.step()
    return module, optimizer


def save(folder: Path, step: int, seed: int = 0) -> tuple[torch.nn.Module, torch.optim.AdamW]:
    module, optimizer = trained(seed)
    save_checkpoint(folder, State(step, 1.5), module, optimizer, lambda: None)
    return module, optimizer


def same_state(one: torch.optim.AdamW, other: torch.optim.AdamW) -> bool:
    pairs = zip(one.param_groups, other.param_groups, strict=True)
    parameters = [pair for a, b in pairs for pair in zip(a["params"], b["params"], strict=True)]
    return all(
        one.state[p].keys() == other.state[q].keys()
        and all(torch.equal(value, other.state[q][key]) for key, value in one.state[p].items())
        for p, q in parameters
    )


def test_weights_and_adamw_come_back_bit_for_bit(tmp_path: Path) -> None:
    module, optimizer = save(tmp_path, 3)
    there = latest_checkpoint(tmp_path)
    assert there is not None
    again = tiny_module(tiny_run(seed=9), 30)
    its_optimizer = build_optimizer(again, tiny_run())
    assert load_checkpoint(there, again, its_optimizer) == State(3, 1.5)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in module.state_dict().items())
    assert same_state(optimizer, its_optimizer)
    # And they go on to the same bits.
    for one, its in ((module, optimizer), (again, its_optimizer)):
        its.zero_grad()
        one(random_batch(4, seed=7), torch.Generator())["loss"].backward()
        its.step()
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in module.state_dict().items())


class Odd(torch.optim.Optimizer):
    """An optimizer whose state is of every kind that is saved."""

    def __init__(self, parameters: Iterable[torch.Tensor]) -> None:
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["steps"] = state.get("steps", 0) + 1
            state["rate"] = state.get("rate", 0.1) / 3
            state["mean"] = 0.9 * state.get("mean", torch.zeros_like(parameter)) + parameter.grad
            state |= {"phase": "warm “up”/a", "best": None, "large": float("inf"), "restarted": False}
            parameter -= state["rate"] * state["mean"] / state["steps"]


def test_an_optimizer_may_hold_other_than_tensors(tmp_path: Path) -> None:
    module = tiny_module(tiny_run(), 30)
    optimizer = Odd(module.parameters())
    again = tiny_module(tiny_run(seed=9), 30)
    its_optimizer = Odd(again.parameters())

    def train(steps: range, one: torch.nn.Module, its: Odd) -> None:
        for step in steps:
            its.zero_grad()
            one(random_batch(4, seed=step), torch.Generator())["loss"].backward()
            its.step()

    train(range(2), module, optimizer)
    save_checkpoint(tmp_path, State(2), module, optimizer, lambda: None)
    there = latest_checkpoint(tmp_path)
    assert there is not None
    assert load_checkpoint(there, again, its_optimizer) == State(2)
    for one, other in zip(module.parameters(), again.parameters(), strict=True):
        mine, theirs = dict(optimizer.state[one]), dict(its_optimizer.state[other])
        assert torch.equal(mine.pop("mean"), theirs.pop("mean"))
        assert mine == theirs
    for one, its in ((module, optimizer), (again, its_optimizer)):
        train(range(2, 4), one, its)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in module.state_dict().items())
    # What would come back as something else is not taken.
    optimizer.state[next(module.parameters())]["history"] = [torch.zeros(1)]
    with pytest.raises(TypeError, match="history of the optimizer's state is a list"):
        save_checkpoint(tmp_path, State(3), module, optimizer, lambda: None)


def test_nothing_but_safetensors_and_json(tmp_path: Path) -> None:
    save(tmp_path, 3)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert [path.name for path in files] == ["optimizer.safetensors", "state.json", "weights.safetensors"]
    for path in files:
        header = path.read_bytes()
        if path.suffix == ".safetensors":
            header = header[8 : 8 + int.from_bytes(header[:8], "little")]
        json.loads(header)


def test_older_ones_are_removed_and_later_ones_left(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        save(tmp_path, step)
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names == ["step-00000009", "step-00000010"]
    there = latest_checkpoint(tmp_path)
    assert there is not None
    assert there.name == "step-00000010"


def test_a_kill_before_the_rename_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 2)
    pid = os.fork()
    if pid == 0:
        module, optimizer = trained()
        save_checkpoint(tmp_path, State(4), module, optimizer, lambda: os._exit(9))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    left = [path for path in (tmp_path / "checkpoint").iterdir() if path.name.endswith(".tmp")]
    assert len(left) == 1
    assert sorted(path.name for path in left[0].iterdir())[-1] == "weights.safetensors"
    there = latest_checkpoint(tmp_path)
    assert there is not None
    assert there.name == "step-00000002"
    save(tmp_path, 6)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000006"]


def test_one_that_is_superseded_is_not_published(tmp_path: Path) -> None:
    save(tmp_path, 2)
    module, optimizer = trained()

    def superseded() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        save_checkpoint(tmp_path, State(4), module, optimizer, superseded)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000002"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one checkpoint and not for two."""
    folder = tmp_path / "disk"
    folder.mkdir()
    save(tmp_path / "elsewhere", 2)
    size = sum(path.stat().st_size for path in (tmp_path / "elsewhere").rglob("*.*"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size * 3 // 2}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_one_line_and_leaves_the_checkpoint_before(small_disk: Path) -> None:
    module, optimizer = save(small_disk, 2)
    with pytest.raises(StudyError, match=r"^no space left for the checkpoint of disk: [^\n]*$"):
        save(small_disk, 4)
    there = latest_checkpoint(small_disk)
    assert there is not None
    assert [path.name for path in (small_disk / "checkpoint").iterdir()] == ["step-00000002"]
    load_checkpoint(there, module, optimizer)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(122, "Disk quota exceeded")])
def test_a_full_disk_is_noticed_wherever_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    save(tmp_path, 2)

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StudyError, match="no space left"):
        save(tmp_path, 4)
    error = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        save(tmp_path, 4)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000002"]
