"""Text encoders and decoders of the `transformers` library by name, with their own tokenizers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from scaling.errors import StudyError
from scaling.objectives.options import TextKind
from scaling.study.checkpoints import file_name, initialization_name
from scaling.study.model_files import CONFIG, WEIGHTS, WHERE, model_file, model_weights, read_config, read_object
from scaling.study.run import Run

WORDS, BPE, TOKENIZER = "words", "bpe", "tokenizer"
"""Kinds of vocabularies (`data.vocabulary`)."""
BPE_SIZE = 8192
LEAST_BPE = 5 + 256
"""Special tokens and bytes."""
MOST_BPE = 2**20

KINDS: Mapping[TextKind, tuple[str, ...]] = {
    "encoder": ("bert", "roberta", "xlm-roberta", "distilbert", "electra"),
    "decoder": ("bart",),
}
"""Kinds of the library that a text side may be."""
NO_SHAPE = ("architectures", "transformers_version", "dtype", "torch_dtype", "id2label", "label2id")
"""What of a configuration says nothing of the network."""
NAMES = (
    ("pad_token",),
    ("unk_token",),
    ("cls_token", "bos_token"),
    ("sep_token", "eos_token"),
    ("mask_token",),
)
"""What tokenizers call padding, unknown, begin, end and mask."""
USUAL = (("[PAD]", "<pad>"), ("[UNK]", "<unk>"), ("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[MASK]", "<mask>"))
"""The same where a tokenizer.json comes alone."""


@dataclass(frozen=True)
class TextModel:
    """The fields of an objective's options that a named model sets, and where the files lie that they name."""

    changes: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)


def named_text(name: str, kind: TextKind, weights: bool = False) -> TextModel:
    """A text encoder (BERT- or RoBERTa-like) or a decoder (BART-shaped), from a folder or the hub's local cache: its
    configuration, its own tokenizer (or, where none is at hand, a byte-level BPE of the study's captions), and with
    `weights` which those are that `initialization.text` "public" starts it from.

    Raises `StudyError` for a name that is not there, another kind of model, a tokenizer that does not fit it, and
    weights that are not at hand.
    """
    config = model_file(name, CONFIG)
    if config is None:
        raise StudyError(f"no text {kind} {name}: give {WHERE}")
    described = {key: value for key, value in read_config(config).items() if key not in NO_SHAPE}
    if (found := str(described.get("model_type", "unnamed"))) not in KINDS[kind]:
        raise StudyError(f"the text {kind} {name} is of the kind {found}: known are {', '.join(KINDS[kind])}")
    words = described.get("vocab_size", BPE_SIZE)
    if not isinstance(words, int) or words < 1:
        raise StudyError(f"the text {kind} {name} has a vocab_size of {words}: it must be a positive number")
    changes: dict[str, Any] = {}
    files: dict[str, Path] = {}
    if (tokenizer := model_file(name, "tokenizer.json")) is not None:
        numbers = _numbers(read_object(tokenizer))
        if max(numbers.values(), default=0) >= words:
            raise StudyError(f"the tokenizer of {name} has {1 + max(numbers.values()):,} tokens, its model {words:,}")
        described["special_tokens"] = list(_special(name, numbers))
        changes["tokenizer"] = file_name(TOKENIZER, tokenizer)
        files[changes["tokenizer"]] = tokenizer
    elif any(model_file(name, file) is not None for file in ("vocab.txt", "vocab.json", "spiece.model")):
        raise StudyError(
            f"the tokenizer of {name} is of an older form: save it anew with "
            "transformers.AutoTokenizer.from_pretrained(name).save_pretrained(folder), which writes a tokenizer.json"
        )
    elif words < LEAST_BPE:
        raise StudyError(
            f"the text {kind} {name} comes without a tokenizer.json, and its vocab_size of {words} is too small for a "
            f"byte-level BPE of the captions: give {LEAST_BPE} at least"
        )
    else:
        changes["tokenizer"] = f"{BPE}-{min(BPE_SIZE, words)}"
    changes["text_config"] = json.dumps(described, sort_keys=True)
    if weights:
        if (path := model_weights(name)) is None:
            raise StudyError(f"the weights of {name} are not at hand: neither {' nor '.join(WEIGHTS)} is there")
        changes["text_weights"] = initialization_name(path)
        files[changes["text_weights"]] = path
    return TextModel(changes, files)


def is_named(run: Run) -> bool:
    """Whether a run has a model of the `transformers` library in it."""
    return run.encoder_name == "hub" or bool(getattr(run.objective, "text_config", ""))


def with_text(objective: Any, text: TextModel) -> Any:
    """The options of an objective with a named text model."""
    known = {each.name for each in fields(objective)}
    return replace(objective, **{name: value for name, value in text.changes.items() if name in known})


def with_tokenizer(objective: Any, name: str) -> Any:
    """The options of an objective that reads captions by a vocabulary as typed: "words", "bpe" or "bpe-" and its size;
    a public model then starts with words that it does not know.

    Raises `StudyError` for another one.
    """
    kind, _, size = name.partition("-")
    if name != WORDS and not (kind == BPE and (not size or (size.isdecimal() and LEAST_BPE <= int(size) <= MOST_BPE))):
        raise StudyError(f"no tokenizer {name}: give {WORDS}, {BPE} or {BPE}-<tokens>, {LEAST_BPE} to {MOST_BPE:,}")
    config = json.loads(objective.text_config or "{}")
    config.pop("special_tokens", None)
    return replace(
        objective,
        tokenizer=f"{BPE}-{BPE_SIZE}" if name == BPE else name,
        text_config=json.dumps(config, sort_keys=True) if config else "",
    )


def _numbers(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """The number of every token of a tokenizer.json."""
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens") or []
    words = model.get("vocab") if isinstance(model, dict) else None
    found = dict(words) if isinstance(words, dict) else {piece: number for number, (piece, _) in enumerate(words or [])}
    return {**found, **{token["content"]: token["id"] for token in added}}


def _special(name: str, numbers: Mapping[str, int]) -> Iterator[int]:
    """The numbers of padding, unknown, begin, end and mask.

    Raises `StudyError` where one is missing or two are the same.
    """
    said: dict[str, Any] = {}
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        if (path := model_file(name, file)) is not None:
            said |= read_object(path)
    found: list[int] = []
    for names, usual in zip(NAMES, USUAL, strict=True):
        words = [word["content"] if isinstance(word, dict) else word for word in map(said.get, names) if word]
        number = next((numbers[word] for word in (*words, *usual) if word in numbers), None)
        if number is None or number in found:
            raise StudyError(f"the tokenizer of {name} has no {' or '.join(names)} of its own: it cannot be used here")
        found.append(number)
    return iter(found)
