"""Frames on disk: what is read is what was kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from corpora import CLIPS, clips_of_many_lengths

from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.probes import frames as module
from scaling.probes.embed import embed
from scaling.probes.frames import FramesFile
from scaling.storage.cache import cache_folder

CPU = torch.device("cpu")


class LogMels(Encoder):
    """An encoder whose frames are the log-mels themselves."""

    width = 80

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features, lengths


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return clips_of_many_lengths(tmp_path_factory.mktemp("frames"))


@pytest.mark.parametrize("crop_seconds", [0.2, 5.0])
def test_a_clips_frames_are_all_there_in_order_whatever_its_windows(store: Store, crop_seconds: float):
    kept = FramesFile(80)
    places = np.array([2, 29, 7])
    means = embed(store, places, LogMels(), crop_seconds, CPU, kept)
    frames = kept.frames(CLIPS)
    batch, lengths = frames.batch([29, 2])
    assert frames.lengths([0, 29, 2]).tolist() == [0, store.frames[29], store.frames[2]]
    for row, length, place in zip(batch, lengths, (29, 2), strict=True):
        torch.testing.assert_close(row[:length], torch.from_numpy(store.log_mel(place).astype(np.float32)))
        assert not row[length:].any()
        torch.testing.assert_close(row[:length].mean(0), means[place], atol=2e-3, rtol=0)


def test_nothing_is_left_in_the_cache_and_its_bound_holds(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = FramesFile(80)
    embed(store, np.arange(CLIPS), LogMels(), 5.0, CPU, kept)
    assert list(cache_folder().iterdir()) == []
    monkeypatch.setattr(module, "bound", lambda held: 1000.0)
    with pytest.raises(StudyError, match="XDG_CACHE_HOME"):
        embed(store, np.arange(CLIPS), LogMels(), 5.0, CPU, FramesFile(80))


def test_an_encoder_whose_output_is_not_finite_is_named(store: Store):
    class Broken(LogMels):
        def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return features / 0, lengths

    with pytest.raises(StudyError, match="not finite for 2 of 2 clips, birds/"):
        embed(store, np.array([0, 1]), Broken(), 5.0, CPU)
    with pytest.raises(StudyError, match="not finite"):
        embed(store, np.array([0, 1]), Broken(), 5.0, CPU, FramesFile(80))


def test_no_frames_at_all_are_no_error():
    frames = FramesFile(4).frames(3)
    batch, lengths = frames.batch([0, 2])
    assert batch.shape == (2, 1, 4)
    assert lengths.tolist() == [0, 0]
