"""What a study works with: never a scientific field, and in no run's name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a study may use: `threads` CPU threads a worker, `group` workers a lane, `gpus` (0 or 1) a worker
    (None: one where there are any), on nodes with `accelerator` (a type as Ray names it; empty: on any node).

    `lanes` is how many groups work side by side (None: as many as the cluster has room for). The thread count
    decides the bits of a run on a CPU, so it is set explicitly and recorded.
    """

    threads: int = 1
    group: int = 1
    gpus: int | None = None
    lanes: int | None = None
    accelerator: str = ""
    checkpoint_seconds: float = 10.0


@dataclass(frozen=True)
class Group:
    """What works on the grid: `lanes` groups of `workers`, each with a GPU or only with CPUs."""

    lanes: int
    workers: int
    gpu: bool
