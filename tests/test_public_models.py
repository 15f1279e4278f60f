"""Whole studies with models of the transformers library by name, as a user starts them."""

import json
from pathlib import Path

import pytest
from public_models import write_public
from started import Started
from study_corpus import write_corpus

SHORT = ("--preset", "smoke", "--clips", "16", "--steps", "6")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.long
def test_a_study_with_public_text_models_and_their_weights(corpus: list[str], tmp_path: Path) -> None:
    encoder, decoder = (str(write_public(tmp_path / kind, kind)) for kind in ("roberta", "bart"))
    named = ["--text-encoder", encoder, "--text-decoder", decoder, "--text-init", "public"]
    study = Started(tmp_path / "study", *SHORT, *named, *corpus)
    assert study.ended() == 0, study.log.read_text()
    results = study.results()
    grid = {name: result for name, result in results.items() if name.startswith(("contrastive", "captioning"))}
    assert len(grid) == 4
    for result in grid.values():
        assert result["run"]["objective"]["tokenizer"].startswith("tokenizer-")
        # From scratch runs are of the same networks.
        assert result["run"]["objective"]["text_weights"].startswith("checkpoint-")
    assert {result["run"]["initialization"]["text"] for result in grid.values()} == {"scratch", "public"}
    # Nothing says where on this machine it lay.
    assert str(tmp_path) not in json.dumps(results)
    # Both have the same tokenizer, which every node can read.
    [tokenizer] = (study.out / "initial").iterdir()
    assert {result["run"]["objective"]["tokenizer"] for result in grid.values()} == {tokenizer.stem}
