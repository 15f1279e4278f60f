"""What a run reads captions by."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from public_models import write_public
from tiny import OBJECTIVES, tiny_feed, tiny_run, tiny_store

from scaling.data.store import Store
from scaling.data.subwords import Subwords
from scaling.data.tokenizer import normalized
from scaling.data.vocabulary import first_captions, vocabulary_of
from scaling.errors import StudyError
from scaling.models.tokens import PAD
from scaling.study.texts import named_text, with_text


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return tiny_store(tmp_path_factory.mktemp("vocabulary") / "store")


def test_words_are_those_of_the_store(store: Store) -> None:
    assert vocabulary_of(OBJECTIVES["contrastive"], store, {}) is store.tokenizer


def test_the_captions_of_a_vocabulary_are_the_catalogues(store: Store) -> None:
    everything = [caption for place in range(len(store)) for caption in store.captions(place)]
    assert first_captions(store.folder) == everything


def test_a_batch_is_read_by_the_pieces_of_the_same_captions(store: Store) -> None:
    """Which caption is drawn does not depend on what reads it."""
    run = tiny_run()
    pieces = vocabulary_of(replace(run.objective, tokenizer="bpe-400"), store, {})
    assert isinstance(pieces, Subwords)
    assert vocabulary_of(replace(run.objective, tokenizer="bpe-400"), store, {}) is pieces
    plain = replace(tiny_feed(run, store), max_tokens=99)
    words, subwords = plain.batch(3), replace(plain, subwords=pieces).batch(3)
    assert torch.equal(words["caption"], subwords["caption"])
    for one, other in zip(words["tokens"], subwords["tokens"], strict=True):
        assert store.tokenizer.text(one.tolist()) == pieces.text(other.tolist()) == normalized(pieces.text(other))
        assert (other != PAD).sum() >= (one != PAD).sum()
    short = replace(plain, subwords=pieces, max_tokens=6).batch(3)["tokens"]
    assert short.shape[1] == 6
    assert torch.equal(short[:, :5], subwords["tokens"][:, :5])


def test_a_public_tokenizer_is_known_by_its_bytes(store: Store, tmp_path: Path) -> None:
    text = named_text(str(write_public(tmp_path, "bert")), "encoder")
    objective = with_text(OBJECTIVES["contrastive"], text)
    assert objective.tokenizer.startswith("tokenizer-")
    assert str(tmp_path) not in repr(objective)
    pieces = vocabulary_of(objective, store, text.files)
    assert isinstance(pieces, Subwords)
    assert pieces.text(pieces.encode("a dog barks", 9)) == "a dog barks"
    path = tmp_path / "tokenizer.json"
    changed = json.loads(path.read_text())
    changed["version"] = "2.0"
    path.write_text(json.dumps(changed))
    with pytest.raises(StudyError, match=r"tokenizer\.json has changed since a run was named by it: start the study"):
        vocabulary_of(replace(objective, max_tokens=9), Store(store.folder), text.files)
    path.unlink()
    with pytest.raises(StudyError, match=r"tokenizer\.json is gone: start the study again"):
        vocabulary_of(objective, Store(store.folder), text.files)
