"""What is replaced inside Ray Train is still there to be replaced."""

from ray.train.torch import TorchTrainer

from scaling.cluster.train_callbacks import CLEANER, LaneTrainer

CHANGED = "Ray Train has changed: see scaling/cluster/train_callbacks.py, and whether lanes still end fast without it"


def test_the_cleaner_of_placement_groups_and_nothing_else_is_left_out():
    assert hasattr(TorchTrainer, "_create_default_callbacks"), CHANGED
    theirs, ours = (
        [type(callback).__name__ for callback in trainer(lambda: None)._create_default_callbacks()]
        for trainer in (TorchTrainer, LaneTrainer)
    )
    assert theirs.count(CLEANER) == 1, CHANGED
    assert ours == [name for name in theirs if name != CLEANER]
