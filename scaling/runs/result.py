"""What came of a run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NotRequired

from typing_extensions import TypedDict

from scaling.known import read_fields
from scaling.probes.score import Score
from scaling.study.run import Run, run_from_json, run_to_json
from scaling.training.cost import Cost

BORN_PROBES = ("logistic", "ridge", "head")
"""What runs were scored by when their results did not say it yet."""


@dataclass(frozen=True)
class Machine:
    """Where a run was done: `workers` together, each with `threads` CPU threads, on `device`."""

    device: str
    workers: int
    threads: int
    torch: str


class _Seconds(TypedDict):
    training: float
    probes: float


class ResultFile(TypedDict):
    """A result as plain data."""

    run: dict[str, Any]
    name: str
    clips: int
    captions: int
    hours: float
    cost: dict[str, Any]
    scores: list[dict[str, Any]]
    seconds: _Seconds
    machine: dict[str, Any]
    store: str
    source_hash: str
    commit: str
    probed: NotRequired[dict[str, float]]
    rank_me: NotRequired[float | None]
    probe_flops: NotRequired[dict[str, float]]


@dataclass(frozen=True)
class Result:
    """A finished run: its scores, what it cost, and by what it was made.

    Attributes:
        clips, captions, hours: of what it was trained on.
        training_seconds, probe_seconds: of the attempt that finished it.
        store: the fingerprint of the store that it read.
        source_hash, commit: of the code (`provenance`).
        probed: the probes that it was scored by, and what each took, in seconds.
        rank_me: of the encoder's mean frames of the probed clips (`models.rank_me`); None for what is no encoder.
        probe_flops: floating-point operations of the trainings of probes (a text side, an adapter, attention heads), by
            the probe's name; those that are solved are not counted. `cost.flops` has none of them.
    """

    run: Run
    clips: int
    captions: int
    hours: float
    cost: Cost
    scores: tuple[Score, ...]
    training_seconds: float
    probe_seconds: float
    machine: Machine
    store: str
    source_hash: str
    commit: str
    probed: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(BORN_PROBES, 0.0))
    rank_me: float | None = None
    probe_flops: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean_accuracy(self) -> float | None:
        """The mean over the classification tasks by mean frames, if it was probed on any."""
        values = [score.value for score in self.scores if (score.pooling, score.metric) == ("mean", "accuracy")]
        return sum(values) / len(values) if values else None

    @property
    def main_score(self) -> str:
        """What a person is shown."""
        accuracy = self.mean_accuracy
        return "done" if accuracy is None else f"{accuracy:.3f} mean accuracy"

    def to_json(self) -> "ResultFile":
        """As plain data."""
        return {
            "run": run_to_json(self.run),
            "name": self.run.name,
            "clips": self.clips,
            "captions": self.captions,
            "hours": self.hours,
            "cost": asdict(self.cost),
            "scores": [asdict(score) for score in self.scores],
            "seconds": {"training": self.training_seconds, "probes": self.probe_seconds},
            "machine": asdict(self.machine),
            "store": self.store,
            "source_hash": self.source_hash,
            "commit": self.commit,
            "probed": dict(self.probed),
            "rank_me": self.rank_me,
            "probe_flops": dict(self.probe_flops),
        }

    @classmethod
    def from_json(cls, described: ResultFile) -> "Result":
        """The result that `to_json` described.

        Raises `StudyError` where it is of another version of this project.
        """
        return cls(
            run_from_json(described["run"]),
            described["clips"],
            described["captions"],
            described["hours"],
            read_fields(Cost, described["cost"]),
            tuple(read_fields(Score, score) for score in described["scores"]),
            described["seconds"]["training"],
            described["seconds"]["probes"],
            read_fields(Machine, described["machine"]),
            described["store"],
            described["source_hash"],
            described["commit"],
            described.get("probed", dict.fromkeys(BORN_PROBES, 0.0)),
            described.get("rank_me"),
            described.get("probe_flops", {}),
        )
