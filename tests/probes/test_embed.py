"""Embeddings by a frozen encoder: windows, batches, and the reference features."""

import numpy as np
import polars as pl
import pytest
import torch
from corpora import TinyCorpus, lay_down, tone, write
from torch import nn

from scaling.data.labelled import LabelledStore
from scaling.data.labelled import write_tasks as write_labelled_tasks
from scaling.data.store import Store, write_index
from scaling.data.tasks.toml import Labelled, Task
from scaling.models.pooling import masked_mean
from scaling.probes import embed as embedding
from scaling.probes.embed import embed, log_mel_statistics
from scaling.study.study import Model
from scaling.training.initialize import build_encoder

CPU = torch.device("cpu")
CLIPS = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """30 clips of 0.2 to 0.9 s."""
    root = tmp_path_factory.mktemp("embed")
    corpus = TinyCorpus(root / "audio")
    for index in range(CLIPS):
        corpus.add("birds", f"{index:03d}", tone(index, 0.2 + 0.023 * index))
    description = lay_down(root / "store", corpus)
    write(root / "store", corpus, description, *range(4))
    assert write_index(root / "store") == CLIPS
    return Store(root / "store")


ALL = np.arange(CLIPS)


class Frames(nn.Module):
    """An encoder whose frames are the log-mels themselves."""

    width = 80

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features, lengths


@pytest.fixture(scope="module")
def encoder() -> nn.Module:
    torch.manual_seed(0)
    return build_encoder("transformer", Model(width=32, layers=2, heads=2))


def test_a_clip_longer_than_the_crop_is_the_mean_over_all_its_frames(store: Store):
    assert store.frames.max() > 4 * 21
    vectors = embed(store, ALL, Frames(), 0.2, CPU)
    direct = torch.stack([torch.from_numpy(store.log_mel(i).astype(np.float32)).mean(0) for i in range(CLIPS)])
    torch.testing.assert_close(vectors, direct, atol=1e-5, rtol=1e-5)
    assert vectors.dtype == torch.float32


def test_windows_are_weighted_by_their_frames(store: Store, encoder: nn.Module):
    place, size = int(store.frames.argmax()), 1 + 3200 // 160
    whole = torch.from_numpy(store.log_mel(place).astype(np.float32))
    total, weight = torch.zeros(32), 0
    with torch.no_grad():
        for window in whole.split(size):
            frames, lengths = encoder.eval()(window[None], torch.tensor([len(window)]))
            total += masked_mean(frames, lengths)[0] * lengths[0]
            weight += int(lengths[0])
    torch.testing.assert_close(embed(store, ALL, encoder, 0.2, CPU)[place], total / weight, atol=1e-5, rtol=1e-5)


def test_only_the_clips_asked_for_are_embedded(store: Store, encoder: nn.Module):
    some = embed(store, np.array([3, 1]), encoder, 0.2, CPU)
    torch.testing.assert_close(some[[1, 3]], embed(store, ALL, encoder, 0.2, CPU)[[1, 3]], atol=1e-5, rtol=1e-5)
    assert some.isnan().any(dim=1).sum() == CLIPS - 2


@pytest.mark.parametrize("crop_seconds", [0.2, 5.0])
def test_an_embedding_does_not_depend_on_its_batch(
    store: Store, encoder: nn.Module, crop_seconds: float, monkeypatch: pytest.MonkeyPatch
):
    one = embed(store, ALL, encoder, crop_seconds, CPU)
    for size in (1, 7):
        monkeypatch.setattr(embedding, "BATCH", size)
        torch.testing.assert_close(embed(store, ALL, encoder, crop_seconds, CPU), one, atol=1e-5, rtol=1e-5)


def test_the_encoder_is_frozen_and_the_same_twice(store: Store, encoder: nn.Module):
    encoder.train()
    one = embed(store, ALL, encoder, 0.2, CPU)
    assert not encoder.training
    assert not one.requires_grad
    assert torch.equal(embed(store, ALL, encoder, 0.2, CPU), one)


def test_log_mel_statistics(store: Store):
    statistics = log_mel_statistics(store).numpy()
    assert statistics.shape == (CLIPS, 160)
    for place in (0, CLIPS - 1):
        frames = store.log_mel(place).astype(np.float64)
        np.testing.assert_allclose(statistics[place, :80], frames.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(
            statistics[place, 80:], np.sqrt(((frames - frames.mean(axis=0)) ** 2).mean(axis=0)), atol=1e-4
        )


def test_labels_point_at_the_clips_that_were_prepared(store: Store):
    ids = store.index["id"].to_list()
    rows = [("one", ids[5], "train", "b"), ("one", ids[2], "train", "a"), ("one", ids[9], "test", "c")]
    rows += [("two", ids[2], "val", "x"), ("two", "birds/rejected", "train", "y"), ("two", ids[4], "train", "z")]
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    tasks = (Task("one", "environment"), Task("two", "environment", supervised=False))
    write_labelled_tasks(store.folder, Labelled(tasks, (), table, ""))
    labelled = LabelledStore(store.folder)
    train = labelled.split("one", "train")
    assert (train.places.tolist(), train.ids, train.labels) == ([2, 5], [ids[2], ids[5]], ["a", "b"])
    # A clip that decoding rejected is in no split, and its label is no class.
    assert labelled.split("two", "train").ids == [ids[4]]
    classes, matrix = labelled.label_matrix()
    assert classes == {"one": 2, "two": 2}
    assert matrix[[2, 4, 5]].tolist() == [[0, 0], [-1, 1], [1, -1]]
    assert (np.delete(matrix, [2, 4, 5], axis=0) == -1).all()
    assert labelled.supervised_places("train").tolist() == [2, 4, 5]
