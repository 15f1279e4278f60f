"""A parent whose weights are damaged is done again, as long as somebody needs them."""

from pathlib import Path

import pytest
from tiny import tiny_module
from tiny_study import finish, tiny_study

from scaling.driver.parents import reopened_parents
from scaling.runs.folder import StudyFolder
from scaling.training.checkpoint import State, latest_checkpoint, save_checkpoint
from scaling.training.optimizers import build_optimizer


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flipped, Path.unlink])
def test_a_damaged_parent_is_done_again(tmp_path: Path, damage) -> None:
    study, folder = tiny_study(), StudyFolder(tmp_path)
    parent = next(cell for cell in study.cells if cell.reference == "supervised")
    path = folder.run(parent.run.name).path
    module = tiny_module(parent.run, 30)
    finish(folder.run(parent.run.name), parent)
    save_checkpoint(path, State(3), module, build_optimizer(module, parent.run), lambda: None)
    checkpoint = latest_checkpoint(path)
    assert checkpoint is not None
    # A finished run has no optimizer left, and needs none.
    (checkpoint / "optimizer.safetensors").unlink()
    assert reopened_parents(study, folder) == {}

    damage(checkpoint / "weights.safetensors")
    children = [cell for cell in study.cells if cell.run.initialization.parent]
    for child in children[1:]:
        finish(folder.run(child.run.name), child)
    said = reopened_parents(study, folder)
    assert list(said) == [parent.run.name]
    assert str(checkpoint / "weights.safetensors") in said[parent.run.name]
    assert not folder.run(parent.run.name).done
    # What nobody starts from any more may be damaged.
    finish(folder.run(parent.run.name), parent)
    finish(folder.run(children[0].run.name), children[0])
    assert reopened_parents(study, folder) == {}
    assert folder.run(parent.run.name).done
