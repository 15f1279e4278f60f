"""What configures an objective, and the table of known ones. Needs no torch.

`targets` says what an objective learns from: the captions of the mixture, or the labels of the labelled clips.
Objectives that read captions have `max_tokens`: longer captions are cut to so many, begin and end among them. Those
with a text side that may be a model of the `transformers` library (`text` says of which kind) have

`text_config`    its configuration (JSON), with `special_tokens`: the numbers that its own tokenizer has for padding,
                 unknown, begin, end and mask, where those are not this project's;
`tokenizer`      what captions are read by (`data.vocabulary`): "words", "bpe-8192", or a public model's, by its digest;
`text_weights`   the file of weights that `initialization.text` "public" starts it from, by its digest.
"""

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

from scaling.errors import StudyError
from scaling.known import Known, Table

Targets = Literal["captions", "labels"]
TextKind = Literal["encoder", "decoder"]


def check_text(config: str, max_tokens: int) -> None:
    """Raise `StudyError` where captions may be longer than a text model reads, or its configuration cannot be read."""
    try:
        fields = json.loads(config or "{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise StudyError(f"a text model's configuration that is no JSON object: {config[:80]}")
    positions = fields.get("max_position_embeddings", max_tokens)
    # RoBERTa's family counts positions from behind its padding.
    positions -= fields.get("pad_token_id", 1) + 1 if "roberta" in str(fields.get("model_type")) else 0
    if isinstance(positions, int) and positions < max_tokens:
        raise StudyError(
            f"captions of {max_tokens} tokens for a text model that reads {positions} at most: lower max_tokens"
        )


@dataclass(frozen=True)
class ContrastiveOptions:
    """Symmetric InfoNCE (`contrastive.py`): its temperature, and the sizes of the text encoder; or `text_config`, that
    of a BERT-like one of the `transformers` library; and the width of the space they share."""

    targets: ClassVar[Targets] = "captions"
    text: ClassVar[TextKind] = "encoder"
    temperature: float = 0.07
    text_width: int = 64
    text_layers: int = 1
    text_heads: int = 4
    max_tokens: int = 24
    text_config: str = ""
    joint_width: int = 128
    tokenizer: str = "words"
    text_weights: str = ""

    def __post_init__(self) -> None:
        check_text(self.text_config, self.max_tokens)


@dataclass(frozen=True)
class CaptioningOptions:
    """Captioning (`captioning.py`): the share of clips predicted autoregressively, and the sizes of the decoder; or
    `text_config`, that of a BART-shaped one of the `transformers` library."""

    targets: ClassVar[Targets] = "captions"
    text: ClassVar[TextKind] = "decoder"
    label_smoothing: float = 0.1
    autoregressive: float = 0.25
    text_width: int = 64
    text_layers: int = 1
    text_heads: int = 4
    max_tokens: int = 24
    text_config: str = ""
    tokenizer: str = "words"
    text_weights: str = ""

    def __post_init__(self) -> None:
        check_text(self.text_config, self.max_tokens)


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
