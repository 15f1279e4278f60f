"""The one place that reaches into Ray Train's insides: what its controller calls on the way of a worker group.

Ray offers no way to leave a default callback out, nor to say where the workers of a group meet, so private methods are
replaced; a test names what is gone when Ray changes it.
"""

import secrets
from pathlib import Path
from typing import Any

import ray
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _setup_torch_process_group
from ray.train.torch.config import _TorchBackend as TorchBackend

CLEANER = "PlacementGroupCleanerCallback"
LOOPBACK = ("127.0.0.1", "::1")


class LaneTrainer(TorchTrainer):
    """Without Ray Train's cleaner of placement groups, a process a lane whose work `Lanes._free_room` does.

    It asks the dashboard's API. Where a cluster has none, stopping it makes a lane's end 12 s longer, and fails.
    """

    def _create_default_callbacks(self) -> list[Any]:
        # Ray's types show the trainer of its former version.
        made = super()._create_default_callbacks()  # type: ignore[misc]
        return [callback for callback in made if type(callback).__name__ != CLEANER]


class LaneTorch(TorchConfig):
    """Torch's process group without an open door: its first worker listens for the others on every interface.

    A worker alone has nobody to meet. Workers on a Ray that keeps to the loopback meet in a file in `folder`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    @property
    def backend_cls(self) -> type[TorchBackend]:
        return Meeting


class Meeting(TorchBackend):
    """How the workers of a group find each other, see `LaneTorch`."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        if len(worker_group) == 1:
            return
        if ray.util.get_node_ip_address() not in LOOPBACK:  # type: ignore[no-untyped-call]
            super().on_start(worker_group, backend_config)
            return
        backend = "nccl" if worker_group.get_resources_per_worker().get("GPU") else "gloo"
        place = (backend_config.folder / secrets.token_hex(8)).as_uri()
        members = range(len(worker_group))
        join = _setup_torch_process_group
        ray.get([worker_group.execute_single_async(rank, join, backend, rank, len(members), place) for rank in members])
