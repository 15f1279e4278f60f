"""A score. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One number with its standard error; `note` says how the probe was chosen, and what a reader must know of it."""

    task: str
    domain: str
    pooling: str
    metric: str
    value: float
    stderr: float
    n_test: int
    note: str = ""
