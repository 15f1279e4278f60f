"""What is probed and how: the tables of references and of probes. Needs no torch.

A reference is what a curve is read against. It stands in the encoder's place of a run without an objective, and the
table names what scores it: called with the labelled clips and a device, it returns what `scores.score` returns. (The
untrained encoder, the third reference, is a run without an objective whose encoder is one.)

A probe scores a frozen encoder on the tasks of its `kinds`; the table names a function of a task and a `Subject`. One
that reads frames has `needs_frames`, one that is not among the default ones `costly`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from scaling.errors import StudyError
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


TaskKind = Literal["accuracy", "map", "recall", "events", "questions"]
"""What a task asks of a clip: its one label, its several labels, to be found by its caption (and the caption by it),
what sounds in it from when to when, or questions with choices."""


@dataclass(frozen=True)
class LogisticOptions:
    """Logistic regression on mean frames (`classification.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("accuracy", "map")


@dataclass(frozen=True)
class AttentionOptions:
    """A multi-head attention head with learned queries on all frames (`classification.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("accuracy", "map")
    needs_frames: ClassVar[bool] = True
    costly: ClassVar[bool] = True


@dataclass(frozen=True)
class EventsOptions:
    """Detection of events by logistic regression on every frame (`events.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("events",)
    needs_frames: ClassVar[bool] = True
    costly: ClassVar[bool] = True


@dataclass(frozen=True)
class RidgeOptions:
    """Retrieval through a ridge map from mean frames to fixed text features (`ridge_retrieval.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("recall",)


@dataclass(frozen=True)
class HeadOptions:
    """Retrieval in the joint space that an objective has learned, where it has one (`head_retrieval.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("recall",)


@dataclass(frozen=True)
class TextRetrievalOptions:
    """Retrieval by a text encoder and projections that are trained against frozen frames (`text_retrieval.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("recall",)
    needs_frames: ClassVar[bool] = True
    costly: ClassVar[bool] = True


@dataclass(frozen=True)
class TextCaptioningOptions:
    """Captioning by a decoder that is trained on frozen frames (`text_captioning.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("recall",)
    needs_frames: ClassVar[bool] = True
    costly: ClassVar[bool] = True


@dataclass(frozen=True)
class QuestionsOptions:
    """Questions answered by a frozen language model, through an adapter that is trained on frozen frames
    (`answering.py`)."""

    kinds: ClassVar[tuple[TaskKind, ...]] = ("questions",)
    needs_frames: ClassVar[bool] = True
    costly: ClassVar[bool] = True


PROBES = Table(
    "probe",
    {
        "logistic": Known(LogisticOptions, "scaling.probes.classification:logistic"),
        "attention": Known(AttentionOptions, "scaling.probes.classification:attention"),
        "events": Known(EventsOptions, "scaling.probes.events:events"),
        "ridge": Known(RidgeOptions, "scaling.probes.ridge_retrieval:ridge"),
        "head": Known(HeadOptions, "scaling.probes.head_retrieval:head"),
        "text-retrieval": Known(TextRetrievalOptions, "scaling.probes.text_retrieval:text_retrieval"),
        "captioning": Known(TextCaptioningOptions, "scaling.probes.text_captioning:text_captioning"),
        "questions": Known(QuestionsOptions, "scaling.probes.answering:questions"),
    },
)


def named_probes(names: Sequence[str] = ("default",)) -> tuple[str, ...]:
    """Probes by name, in the table's order: "all" stands for every one, "default" for those that take a small part of a
    small run's time (whose options are not `costly`).

    Raises `StudyError` for an unknown one, or none.
    """
    cheap = [name for name, known in PROBES.items() if not getattr(known.options, "costly", False)]
    groups = {"default": cheap, "all": list(PROBES)}
    wanted = {one for name in names for one in groups.get(name, [name])}
    if unknown := sorted(wanted - set(PROBES)):
        raise StudyError(f"there is no probe {unknown[0]}: known are {', '.join((*groups, *PROBES))}")
    if not wanted:
        raise StudyError(f"--probes names none: known are {', '.join((*groups, *PROBES))}")
    return tuple(name for name in PROBES if name in wanted)


def needs_frames(names: Sequence[str]) -> bool:
    """Whether one of these probes reads frames, and not their mean alone."""
    return any(getattr(PROBES[name].options, "needs_frames", False) for name in names)
