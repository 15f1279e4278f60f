"""The one place that reaches into Ray Train's insides: what its controller calls on the way of a worker group.

Ray offers no way to leave a default callback out, so a private method is replaced; a test names what is gone when Ray
changes it.
"""

from typing import Any

from ray.train.torch import TorchTrainer

CLEANER = "PlacementGroupCleanerCallback"


class LaneTrainer(TorchTrainer):
    """Without Ray Train's cleaner of placement groups, a process a lane whose work `Lanes._free_room` does.

    It asks the dashboard's API. Where a cluster has none, stopping it makes a lane's end 12 s longer, and fails.
    """

    def _create_default_callbacks(self) -> list[Any]:
        # Ray's types show the trainer of its former version.
        made = super()._create_default_callbacks()  # type: ignore[misc]
        return [callback for callback in made if type(callback).__name__ != CLEANER]
