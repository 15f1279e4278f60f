"""What is probed and how: the tables of references and of probes. Needs no torch.

A reference is what a curve is read against. It stands in the encoder's place of a run without an objective, and the
table names what scores it: called with the labelled clips and a device, it returns what `scores.score` returns. (The
untrained encoder, the third reference, is a run without an objective whose encoder is one.)

A probe scores a frozen encoder on the tasks of one kind; the table names a function of a task and a `Subject`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from scaling.known import Known, Table


@dataclass(frozen=True)
class ChanceOptions:
    """The most frequent label, and the expected recall of a random order."""

    parameters: ClassVar[int] = 0


@dataclass(frozen=True)
class LogMelOptions:
    """Mean and standard deviation over time of a clip's log-mels, in an encoder's place."""

    parameters: ClassVar[int] = 0


REFERENCES = Table(
    "reference",
    {
        "chance": Known(ChanceOptions, "scaling.probes.references:score_chance"),
        "log-mel": Known(LogMelOptions, "scaling.probes.references:score_log_mel"),
    },
)


TaskKind = Literal["accuracy", "recall"]
"""What a task asks of a clip: its one label, or to be found by its caption (and the caption by it)."""


@dataclass(frozen=True)
class LogisticOptions:
    """Multinomial logistic regression on mean frames (`classification.py`)."""

    kind: ClassVar[TaskKind] = "accuracy"


@dataclass(frozen=True)
class RidgeOptions:
    """Retrieval through a ridge map from mean frames to fixed text features (`ridge_retrieval.py`)."""

    kind: ClassVar[TaskKind] = "recall"


@dataclass(frozen=True)
class HeadOptions:
    """Retrieval in the joint space that an objective has learned, where it has one (`head_retrieval.py`)."""

    kind: ClassVar[TaskKind] = "recall"


PROBES = Table(
    "probe",
    {
        "logistic": Known(LogisticOptions, "scaling.probes.classification:logistic"),
        "ridge": Known(RidgeOptions, "scaling.probes.ridge_retrieval:ridge"),
        "head": Known(HeadOptions, "scaling.probes.head_retrieval:head"),
    },
)
