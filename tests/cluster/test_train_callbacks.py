"""What is replaced inside Ray Train is still there to be replaced."""

from pathlib import Path

from ray.train.torch import TorchConfig, TorchTrainer

from scaling.cluster.train_callbacks import CLEANER, LaneTorch, LaneTrainer, Meeting

CHANGED = "Ray Train has changed: see scaling/cluster/train_callbacks.py, and whether lanes still end fast without it"


def test_the_cleaner_of_placement_groups_and_nothing_else_is_left_out():
    assert hasattr(TorchTrainer, "_create_default_callbacks"), CHANGED
    theirs, ours = (
        [type(callback).__name__ for callback in trainer(lambda: None)._create_default_callbacks()]
        for trainer in (TorchTrainer, LaneTrainer)
    )
    assert theirs.count(CLEANER) == 1, CHANGED
    assert ours == [name for name in theirs if name != CLEANER]


def test_a_worker_alone_meets_nobody(tmp_path: Path):
    config = LaneTorch(tmp_path)
    assert issubclass(config.backend_cls, TorchConfig().backend_cls), CHANGED
    assert config.backend_cls is Meeting
    # Ray's own would ask the worker for an address.
    assert Meeting().on_start([None], config) is None
