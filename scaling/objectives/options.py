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
import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from scaling.errors import StudyError
from scaling.known import Known, Table

Targets = Literal["captions", "labels"]
TextKind = Literal["encoder", "decoder"]


def check_text(config: str, max_tokens: int) -> None:
    """Raise `StudyError` where captions may be longer than a text model reads, or its configuration cannot be read."""
    if (most := most_tokens(config)) < max_tokens:
        raise StudyError(
            f"captions of {max_tokens} tokens for a text model that reads {most} at most: lower max_tokens"
        )


def most_tokens(config: str) -> float:
    """How many tokens a text model reads, by its configuration; infinitely many where that does not say.

    Raises `StudyError` for a configuration that cannot be read.
    """
    try:
        fields = json.loads(config or "{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise StudyError(f"a text model's configuration that is no JSON object: {config[:80]}")
    positions = fields.get("max_position_embeddings")
    if not isinstance(positions, int):
        return math.inf
    # RoBERTa's family counts positions from behind its padding.
    behind = fields.get("pad_token_id", 1) + 1 if "roberta" in str(fields.get("model_type")) else 0
    return positions - int(behind)


Sharing = Literal["nothing", "coca", "mammut"]


@dataclass(frozen=True)
class ContrastiveOptions:
    """Symmetric InfoNCE (`contrastive.py`): its temperature, or where that starts if it is learned; and the sizes of
    the text encoder; or `text_config`, that of a BERT-like one of the `transformers` library; and the width of the
    space they share."""

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
    learned_temperature: bool = False

    def __post_init__(self) -> None:
        check_text(self.text_config, self.max_tokens)
        _check_temperature(self.temperature)


@dataclass(frozen=True)
class SiglipOptions:
    """A sigmoid loss a pair (`siglip.py`): where its learned temperature and bias start, and sizes as of
    `ContrastiveOptions`."""

    targets: ClassVar[Targets] = "captions"
    text: ClassVar[TextKind] = "encoder"
    temperature: float = 0.1
    bias: float = -10.0
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
        _check_temperature(self.temperature)


@dataclass(frozen=True)
class CaptioningOptions:
    """Captioning (`captioning.py`): the share of clips predicted autoregressively, and the sizes of the decoder; or
    `text_config`, that of a BART-shaped one of the `transformers` library.

    With `length_leaks` a parallel prediction has as many positions as its caption has words, as in the CaptionStew
    study's toolkit, and so is told how long it is; without, every caption has the same number.
    """

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
    length_leaks: bool = False

    def __post_init__(self) -> None:
        check_text(self.text_config, self.max_tokens)
        _check_share("autoregressive", self.autoregressive)


@dataclass(frozen=True)
class HybridOptions:
    """Contrastive and captioning at once (`hybrid.py`): the loss is `captioning` of the second and the rest of the
    first. What each has of its own is as in `ContrastiveOptions` and `CaptioningOptions`.

    `shared` says what the text side shares: "nothing", a text encoder beside the decoder (of `text_config` and
    `decoder_config`, if they are given); "coca", the decoder's lower half is the text encoder (Yu et al. 2022);
    "mammut", the whole decoder is, in a pass without frames (Kuo et al. 2023). 2/3 is CoCa's weighting.
    """

    targets: ClassVar[Targets] = "captions"
    text: ClassVar[TextKind] = "encoder"
    captioning: float = 0.5
    shared: Sharing = "nothing"
    temperature: float = 0.07
    learned_temperature: bool = False
    label_smoothing: float = 0.1
    autoregressive: float = 0.25
    length_leaks: bool = False
    text_width: int = 64
    text_layers: int = 1
    text_heads: int = 4
    max_tokens: int = 24
    text_config: str = ""
    decoder_config: str = ""
    joint_width: int = 128
    tokenizer: str = "words"
    text_weights: str = ""

    def __post_init__(self) -> None:
        check_text(self.text_config, self.max_tokens)
        check_text(self.decoder_config, self.max_tokens)
        _check_temperature(self.temperature)
        _check_share("captioning", self.captioning)
        _check_share("autoregressive", self.autoregressive)
        if self.shared not in get_args(Sharing):
            raise StudyError(f"a hybrid that shares {self.shared}: known are {', '.join(get_args(Sharing))}")
        if self.shared != "nothing" and (self.text_config or self.decoder_config):
            raise StudyError(f"a text side of the transformers library is not shared: give a hybrid no {self.shared}")


@dataclass(frozen=True)
class TaggingOptions:
    """Tagging (`tagging.py`): which of some hundred words mined from the captions does a clip's caption hold?

    The tags are the `tags` most frequent words, without those that more than `common` of all captions hold: they tell
    nothing of a clip.
    """

    targets: ClassVar[Targets] = "captions"
    tags: int = 800
    common: float = 0.2
    max_tokens: int = 24

    def __post_init__(self) -> None:
        _check_share("common", self.common)
        if self.tags < 1:
            raise StudyError(f"tagging with {self.tags} tags: it needs one at least")


@dataclass(frozen=True)
class SupervisedOptions:
    """Classification of labelled clips (`supervised.py`)."""

    targets: ClassVar[Targets] = "labels"


Prediction = CaptioningOptions | HybridOptions
"""Options of what predicts captions."""
TextSizes = ContrastiveOptions | SiglipOptions | HybridOptions
"""Options of what has a text encoder."""


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise StudyError(f"a temperature of {temperature:g}: it must be positive")


def _check_share(what: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise StudyError(f"an objective with {what} {share:g}: give a share from 0 to 1")


OBJECTIVES = Table(
    "objective",
    {
        "contrastive": Known(ContrastiveOptions, "scaling.objectives.contrastive:Contrastive"),
        "siglip": Known(SiglipOptions, "scaling.objectives.siglip:Siglip"),
        "captioning": Known(CaptioningOptions, "scaling.objectives.captioning:Captioning"),
        "hybrid": Known(HybridOptions, "scaling.objectives.hybrid:Hybrid"),
        "tagging": Known(TaggingOptions, "scaling.objectives.tagging:Tagging"),
        "supervised": Known(SupervisedOptions, "scaling.objectives.supervised:Supervised"),
    },
)
