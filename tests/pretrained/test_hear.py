"""HEAR's contract, as its validator checks it (hearvalidator/validate.py)."""

from pathlib import Path

import pytest
import torch
from pretrained.made import KINDS, folder, sound

from scaling.pretrained import hear


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> hear.HearModel:
    return hear.load_model(str(folder(tmp_path / "encoder", KINDS[request.param])))


def test_what_a_model_says_of_itself(model: hear.HearModel) -> None:
    assert isinstance(model, torch.nn.Module)
    assert model.sample_rate in (16_000, 22_050, 32_000, 44_100, 48_000)
    for name in ("sample_rate", "scene_embedding_size", "timestamp_embedding_size"):
        assert type(getattr(model, name)) is int


@pytest.mark.parametrize("seconds", [0.02, 1.07, 1.98, 4.0])
def test_timestamps_are_even_and_within_the_clip(model: hear.HearModel, seconds: float) -> None:
    audio = torch.stack([sound(seconds, seed) for seed in range(2)])
    embeddings, stamps = hear.get_timestamp_embeddings(audio, model)
    assert embeddings.dtype == torch.float32
    assert embeddings.shape == (2, stamps.shape[1], model.timestamp_embedding_size)
    assert stamps.shape[0] == 2
    spaces = stamps.diff(dim=1)
    if spaces.numel():
        assert (spaces - spaces.mean()).abs().max() < 1
    assert stamps.min() >= 0
    assert stamps.max() <= 1000 * seconds
    hop = 1000 * model.encoder.hop_seconds
    assert stamps.max() >= 1000 * seconds - 2 * hop


def test_a_scene_is_a_vector(model: hear.HearModel) -> None:
    audio = torch.stack([sound(2.74, seed) for seed in range(4)])
    embeddings = hear.get_scene_embeddings(audio, model)
    assert embeddings.dtype == torch.float32
    assert embeddings.shape == (4, model.scene_embedding_size)
    assert (embeddings[0] - embeddings[1]).abs().max() > 1e-4
