"""Files as samples, with soundfile and soxr and without."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from scaling.errors import StudyError
from scaling.pretrained.audio import at_rate, read_audio


@pytest.mark.parametrize("width", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_python_alone_reads_what_soundfile_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: str, channels: int
) -> None:
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (500, channels))
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype=width)
    theirs, rate = read_audio(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    ours, same = read_audio(tmp_path / "a.wav")
    assert rate == same == 8_000
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_no_audio_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    if alone:
        monkeypatch.setitem(sys.modules, "soundfile", None)
    for name in ("a.wav", "none.wav"):
        with pytest.raises(StudyError, match="cannot read") as refused:
            read_audio(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_another_rate_is_never_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.zeros(44_100, np.float32)
    assert len(at_rate(samples, 44_100, 16_000)) == 16_000
    monkeypatch.setitem(sys.modules, "soxr", None)
    torch.testing.assert_close(at_rate(samples, 16_000, 16_000), torch.zeros(44_100))
    with pytest.raises(StudyError, match="audio of 44100 Hz for an encoder that hears 16000 Hz"):
        at_rate(samples, 44_100, 16_000)
