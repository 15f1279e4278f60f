"""What configures an objective, and the table of known ones. Needs no torch.

`targets` says what an objective learns from: the captions of the mixture, or the labels of the labelled clips.
Objectives that read captions have `max_tokens`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from scaling.known import Known, Table

Targets = Literal["captions", "labels"]


@dataclass(frozen=True)
class ContrastiveOptions:
    """Symmetric InfoNCE (`contrastive.py`): its temperature, and the sizes of the text encoder; or `text_config`, the
    configuration (JSON) of a BERT-like one of the `transformers` library; and the width of the space they share."""

    targets: ClassVar[Targets] = "captions"
    temperature: float = 0.07
    text_width: int = 64
    text_layers: int = 1
    text_heads: int = 4
    max_tokens: int = 24
    text_config: str = ""
    joint_width: int = 128


@dataclass(frozen=True)
class CaptioningOptions:
    """Captioning (`captioning.py`): the share of clips predicted autoregressively, and the sizes of the decoder; or
    `text_config`, the configuration (JSON) of a BART-shaped one of the `transformers` library."""

    targets: ClassVar[Targets] = "captions"
    label_smoothing: float = 0.1
    autoregressive: float = 0.25
    text_width: int = 64
    text_layers: int = 1
    text_heads: int = 4
    max_tokens: int = 24
    text_config: str = ""


@dataclass(frozen=True)
class SupervisedOptions:
    """Classification of labelled clips (`supervised.py`)."""

    targets: ClassVar[Targets] = "labels"


OBJECTIVES = Table(
    "objective",
    {
        "contrastive": Known(ContrastiveOptions, "scaling.objectives.contrastive:Contrastive"),
        "captioning": Known(CaptioningOptions, "scaling.objectives.captioning:Captioning"),
        "supervised": Known(SupervisedOptions, "scaling.objectives.supervised:Supervised"),
    },
)
