"""Text models by name: what they set, and names, kinds and tokenizers that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from public_models import write_public

from scaling.errors import StudyError
from scaling.objectives.options import CaptioningOptions, ContrastiveOptions
from scaling.study.texts import named_text, with_text, with_tokenizer


def test_a_model_brings_its_tokenizer_and_on_request_its_weights(tmp_path: Path) -> None:
    folder = write_public(tmp_path / "model", "roberta")
    text = named_text(str(folder), "encoder", weights=True)
    objective = with_text(ContrastiveOptions(), text)
    assert text.files[objective.tokenizer] == folder / "tokenizer.json"
    assert text.files[objective.text_weights] == folder / "model.safetensors"
    assert json.loads(objective.text_config)["special_tokens"] == [1, 3, 0, 2, 290]
    # Wherever it lies.
    (tmp_path / "model").rename(tmp_path / "copy")
    assert with_text(ContrastiveOptions(), named_text(str(tmp_path / "copy"), "encoder", weights=True)) == objective


def test_special_tokens_are_found_by_their_usual_names_too(tmp_path: Path) -> None:
    folder = write_public(tmp_path, "bart")
    config = named_text(str(folder), "decoder").changes["text_config"]
    (folder / "special_tokens_map.json").unlink()
    assert named_text(str(folder), "decoder").changes["text_config"] == config


def test_without_a_tokenizer_the_captions_make_one(tmp_path: Path) -> None:
    folder = write_public(tmp_path, "bert", tokenizer=False)
    words = json.loads((folder / "config.json").read_text())["vocab_size"] + 300
    config = {**json.loads((folder / "config.json").read_text()), "vocab_size": words}
    (folder / "config.json").write_text(json.dumps(config))
    objective = with_text(ContrastiveOptions(), named_text(str(folder), "encoder"))
    assert objective.tokenizer == f"bpe-{words}"
    assert "special_tokens" not in json.loads(objective.text_config)


BERT = {"model_type": "bert", "vocab_size": 300}
PIECES = {"model": {"vocab": {"[PAD]": 0, "a": 1}}, "added_tokens": []}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no text encoder .*: give a folder with a config.json, or a name whose files are in the local cache"),
        ({"config.json": "{"}, "is no JSON object"),
        ({"config.json": {"model_type": "gpt2"}}, "is of the kind gpt2: known are bert, roberta"),
        ({"config.json": {**BERT, "vocab_size": "many"}}, "has a vocab_size of many"),
        ({"config.json": {**BERT, "vocab_size": 99}}, "its vocab_size of 99 is too small for a byte-level BPE"),
        ({"config.json": BERT, "vocab.txt": ""}, "is of an older form: save it anew"),
        ({"config.json": BERT, "tokenizer.json": PIECES}, "has no unk_token of its own"),
        ({"config.json": {**BERT, "vocab_size": 1}, "tokenizer.json": PIECES}, "has 2 tokens, its model 1"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, files: dict[str, Any], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(StudyError, match=said) as refused:
        named_text(str(tmp_path), "encoder")
    assert "\n" not in str(refused.value)


def test_weights_that_are_not_at_hand_are_one_line(tmp_path: Path) -> None:
    folder = write_public(tmp_path, "bert")
    (folder / "model.safetensors").unlink()
    with pytest.raises(StudyError, match=r"neither model\.safetensors nor pytorch_model\.bin is there"):
        named_text(str(folder), "encoder", weights=True)


@pytest.mark.parametrize("name", ["google-bert/not-there", "", "a/b/c", "../nowhere", "a\0b", "~nobody-here/x"])
def test_a_name_that_is_not_there_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match="no text decoder") as refused:
        named_text(name, "decoder")
    assert "\n" not in str(refused.value)


def test_vocabularies_as_typed() -> None:
    assert with_tokenizer(ContrastiveOptions(), "bpe").tokenizer == "bpe-8192"
    assert with_tokenizer(CaptioningOptions(), "bpe-500").tokenizer == "bpe-500"
    assert with_tokenizer(ContrastiveOptions(tokenizer="bpe-500"), "words") == ContrastiveOptions()
    for name in ("bpe-5", "bpe-x", "letters", "bpe-99999999"):
        with pytest.raises(StudyError, match=f"no tokenizer {name}: give words, bpe or bpe-<tokens>, 261 to 1,048,576"):
            with_tokenizer(ContrastiveOptions(), name)


def test_captions_that_a_model_cannot_read_are_refused_at_once() -> None:
    with pytest.raises(StudyError, match="captions of 128 tokens for a text model that reads 40 at most"):
        CaptioningOptions(max_tokens=128, text_config='{"model_type": "bart", "max_position_embeddings": 40}')
    with pytest.raises(StudyError, match="reads 40 at most"):
        ContrastiveOptions(
            max_tokens=41, text_config='{"model_type": "roberta", "max_position_embeddings": 42, "pad_token_id": 1}'
        )
    with pytest.raises(StudyError, match="that is no JSON object"):
        ContrastiveOptions(text_config="[")
