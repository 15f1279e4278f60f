"""Whole studies with models of the transformers library by name, as a user starts them."""

import json
from pathlib import Path

import pytest
from public_models import write_audio, write_public
from started import Started
from study_corpus import write_corpus

SHORT = ("--preset", "smoke", "--clips", "16", "--steps", "6")
SIDES = {
    "audio-spectrogram-transformer": ("bert", "bart"),
    "whisper": ("distilbert", "bart"),
    "clap_audio_model": ("bert", "bart"),
    "wav2vec2": ("distilbert", "bart"),
    "wavlm": ("roberta", "bart"),
    "hubert": ("", ""),
}
"""A study of each kind of audio encoder, and the text encoder and decoder beside it; none is the project's own."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.long
@pytest.mark.parametrize("kind", SIDES)
def test_a_study_with_public_models_and_their_weights(kind: str, corpus: list[str], tmp_path: Path) -> None:
    """Its clips are heard in the encoder's own extractor's format, trained on and probed."""
    audio = str(write_audio(tmp_path / kind, kind))
    named = ["--encoder", audio, "--audio-init", audio]
    sides = dict(zip(("encoder", "decoder"), SIDES[kind], strict=True))
    for side, text in sides.items():
        if text:
            named += [f"--text-{side}", str(write_public(tmp_path / text, text))]
    public = any(sides.values())
    if public:
        named += ["--text-init", "public"]
    study = Started(tmp_path / "study", *SHORT, *named, *corpus)
    assert study.ended() == 0, study.log.read_text()
    results = study.results()
    grid = {name: result for name, result in results.items() if name.startswith(("contrastive", "captioning"))}
    assert len(grid) == 4
    for result in grid.values():
        assert {score["metric"] for score in result["scores"]} >= {"accuracy", "t2a_recall_at_10"}
        assert all(0 <= score["value"] <= 1 for score in result["scores"])
    # Nothing says where on this machine it lay.
    assert str(tmp_path) not in json.dumps(results)
    if all(sides.values()):
        for result in grid.values():
            assert result["run"]["objective"]["tokenizer"].startswith("tokenizer-")
            # From scratch runs are of the same networks.
            assert result["run"]["objective"]["text_weights"].startswith("checkpoint-")
        assert {result["run"]["initialization"]["text"] for result in grid.values()} == {"scratch", "public"}
    if sides == {"encoder": "roberta", "decoder": "bart"}:
        # Both have the same tokenizer, which every node can read.
        [tokenizer] = (study.out / "initial").iterdir()
        assert {result["run"]["objective"]["tokenizer"] for result in grid.values()} == {tokenizer.stem}
