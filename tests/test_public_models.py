"""Whole studies with models of the transformers library by name, as a user starts them."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from corpora import labelled_tones
from public_models import OWN_BINS, write_audio, write_public
from started import Started
from study_corpus import write_corpus
from tiny import tiny_run, tiny_store

from scaling.models.formats import Format, LogMel, Waveform
from scaling.models.options import HubOptions
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.study.checkpoints import named_initialization
from scaling.study.encoders import named_encoder
from scaling.training.attempt import Attempt

SHORT = ("--preset", "smoke", "--clips", "16", "--steps", "6")


FORMATS: dict[int, tuple[Format, ...]] = {
    16_000: (LogMel(128, fft=400, floor=1e-10, scale="slaney"), Waveform(16_000)),
    48_000: (Waveform(48_000),),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, StudyFolder]:
    """Of each sample rate the folder of a study whose store holds all that such encoders hear."""
    found = {}
    for rate, formats in FORMATS.items():
        root = tmp_path_factory.mktemp(f"heard-at-{rate}")
        found[rate] = StudyFolder(root / "study")
        tiny_store(found[rate].store, formats=formats)
        shutil.copytree(labelled_tones(root / "tones", formats).store.folder, found[rate].store / "labelled")
    return found


@pytest.mark.long
@pytest.mark.parametrize("kind", [*OWN_BINS, "wav2vec2", "wavlm", "hubert"])
def test_a_run_of_each_kind_of_audio_encoder_from_its_public_weights(
    kind: str, folders: dict[int, StudyFolder], tmp_path: Path
) -> None:
    """Trained and probed; heard in its own extractor's format."""
    options = named_encoder(str(write_audio(tmp_path, kind)))
    assert isinstance(options, HubOptions)
    folder = folders[options.hears.rate]
    name, files = named_initialization(str(tmp_path), ())
    run = tiny_run(steps=2, batch_size=4, encoder=options, audio=name)
    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    result = perform(run, folder.with_checkpoints(files), attempt, device=torch.device("cpu"))
    assert result is not None
    assert {score.metric for score in result.scores} >= {"accuracy", "a2t_recall_at_1"}
    assert all(0 <= score.value <= 1 for score in result.scores)
    assert math.isfinite(result.cost.holdout_loss or math.nan)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.long
def test_a_study_with_public_models_and_their_weights(corpus: list[str], tmp_path: Path) -> None:
    audio = str(write_audio(tmp_path / "wavlm", "wavlm"))
    encoder, decoder = (str(write_public(tmp_path / kind, kind)) for kind in ("roberta", "bart"))
    named = ["--encoder", audio, "--audio-init", audio]
    named += ["--text-encoder", encoder, "--text-decoder", decoder, "--text-init", "public"]
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
