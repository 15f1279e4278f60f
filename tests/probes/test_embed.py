"""Embeddings by a frozen encoder: windows and batches."""

import numpy as np
import pytest
import torch
from corpora import CLIPS, clips_of_many_lengths

from scaling.data.store import Store
from scaling.models.encoder import Encoder
from scaling.models.formats import Waveform
from scaling.models.options import TransformerOptions
from scaling.models.pooling import masked_mean
from scaling.models.transformer import Transformer
from scaling.probes import embed as embedding
from scaling.probes.embed import LEAST, embed

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return clips_of_many_lengths(tmp_path_factory.mktemp("embed"))


ALL = np.arange(CLIPS)


class Frames(Encoder):
    """An encoder whose frames are the log-mels themselves."""

    width = 80

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features, lengths


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Transformer(TransformerOptions(width=32, layers=2, heads=2))


def test_a_clip_longer_than_the_crop_is_the_mean_over_all_its_frames(store: Store):
    assert store.frames.max() > 4 * 21
    vectors = embed(store, ALL, Frames(), 0.2, CPU)
    direct = torch.stack([torch.from_numpy(store.log_mel(i).astype(np.float32)).mean(0) for i in range(CLIPS)])
    torch.testing.assert_close(vectors, direct, atol=1e-5, rtol=1e-5)
    assert vectors.dtype == torch.float32


class Squares(Encoder):
    """An encoder whose frames are the squares of samples."""

    width = 1

    def __init__(self) -> None:
        super().__init__(Waveform())

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features[..., None].square(), lengths


@pytest.mark.parametrize("crop_seconds", [0.2, 5.0])
def test_of_a_waveform_no_sample_is_heard_twice_and_few_are_left_out(
    tmp_path_factory: pytest.TempPathFactory, crop_seconds: float
):
    store = clips_of_many_lengths(tmp_path_factory.mktemp("audio"), (Waveform(),))
    vectors = embed(store, ALL, Squares(), crop_seconds, CPU)
    window = int(crop_seconds * 16_000)
    for place in range(CLIPS):
        samples = store.waveform(place)
        rest = len(samples) % window
        if len(samples) > window and rest < LEAST * 160:
            samples = samples[:-rest]
        torch.testing.assert_close(vectors[place, 0].item(), float(np.square(samples).mean()), atol=1e-6, rtol=1e-4)


def test_windows_are_weighted_by_their_frames(store: Store, encoder: Encoder):
    place, size = int(store.frames.argmax()), 1 + 3200 // 160
    whole = torch.from_numpy(store.log_mel(place).astype(np.float32))
    total, weight = torch.zeros(32), 0
    with torch.no_grad():
        for window in whole.split(size):
            frames, lengths = encoder.eval()(window[None], torch.tensor([len(window)]))
            total += masked_mean(frames, lengths)[0] * lengths[0]
            weight += int(lengths[0])
    torch.testing.assert_close(embed(store, ALL, encoder, 0.2, CPU)[place], total / weight, atol=1e-5, rtol=1e-5)


def test_only_the_clips_asked_for_are_embedded(store: Store, encoder: Encoder):
    some = embed(store, np.array([3, 1]), encoder, 0.2, CPU)
    torch.testing.assert_close(some[[1, 3]], embed(store, ALL, encoder, 0.2, CPU)[[1, 3]], atol=1e-5, rtol=1e-5)
    assert some.isnan().any(dim=1).sum() == CLIPS - 2


@pytest.mark.parametrize("crop_seconds", [0.2, 5.0])
def test_an_embedding_does_not_depend_on_its_batch(
    store: Store, encoder: Encoder, crop_seconds: float, monkeypatch: pytest.MonkeyPatch
):
    one = embed(store, ALL, encoder, crop_seconds, CPU)
    for size in (1, 7):
        monkeypatch.setattr(embedding, "BATCH", size)
        torch.testing.assert_close(embed(store, ALL, encoder, crop_seconds, CPU), one, atol=1e-5, rtol=1e-5)


def test_the_encoder_is_frozen_and_the_same_twice(store: Store, encoder: Encoder):
    encoder.train()
    one = embed(store, ALL, encoder, 0.2, CPU)
    assert not encoder.training
    assert not one.requires_grad
    assert torch.equal(embed(store, ALL, encoder, 0.2, CPU), one)
