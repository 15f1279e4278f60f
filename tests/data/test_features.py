"""Audio to log-mels, against direct formulas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.data.clip import UnusableClipError
from scaling.data.embedded import sounds as synthetic
from scaling.data.features import SAMPLE_RATE, SYNTHETIC, _import_torchaudio, log_mel, resampled, waveform
from scaling.models.formats import LogMel

RNG = np.random.default_rng(0)


def direct_log_mel(samples: np.ndarray) -> np.ndarray:
    """The definition, in float64 and without any audio library: [frames, 80]."""
    padded = np.pad(samples.astype(np.float64), 256, mode="reflect")
    window = np.zeros(512)
    # 25 ms in the middle of the FFT; a periodic Hann window.
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[i : i + 512] * window for i in range(0, len(padded) - 511, 160)])
    n = np.arange(512)
    dft = np.exp(-2j * np.pi * np.outer(n, np.arange(257)) / 512)
    power = np.abs(frames @ dft) ** 2
    # HTK: mel = 2595 log10(1 + f / 700); 80 triangles between 82 points equally far apart from 0 to 8 kHz.
    top = 2595 * np.log10(1 + 8000 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, 82) / 2595) - 1)
    hertz = np.arange(257) * 16000 / 512
    bank = np.zeros((257, 80))
    for m in range(80):
        low, centre, high = edges[m : m + 3]
        bank[:, m] = np.maximum(0, np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
    return np.log(np.maximum(power @ bank, 1e-6))


def sine(hertz: float, seconds: float = 1.0, rate: int = SAMPLE_RATE, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        RNG.standard_normal(16_000).astype(np.float32) * 0.1,
        sine(440.0),
        synthetic.waveform(7, seed=0, split="pretrain"),
        np.zeros(1000, np.float32),
        RNG.standard_normal(257).astype(np.float32),
    ],
    ids=["noise", "sine", "embedded", "zeros", "short"],
)
def test_log_mel_is_what_its_definition_says(samples: np.ndarray):
    ours = log_mel(torch.from_numpy(samples)).numpy()
    assert ours.dtype == np.float32
    # Where hardly anything is, float32 rounding shows in the logarithm: near the floor powers are compared.
    np.testing.assert_allclose(np.exp(ours), np.exp(direct_log_mel(samples)), rtol=1e-4, atol=1e-6)
    loud = direct_log_mel(samples) > np.log(1e-2)
    np.testing.assert_allclose(ours[loud], direct_log_mel(samples)[loud], atol=1e-4)


WHISPER = LogMel(bins=128, fft=400, floor=1e-10, scale="slaney")


@pytest.mark.parametrize(
    "of", [LogMel(), LogMel(bins=128), LogMel(64, 1024, 480, 48_000, 1e-10, 1024), WHISPER], ids=str
)
def test_log_mel_is_torchaudios(of: LogMel):
    transforms = _import_torchaudio().transforms
    slaney = {"norm": "slaney", "mel_scale": "slaney"} if of.scale == "slaney" else {}
    theirs = transforms.MelSpectrogram(of.rate, of.fft, of.window, of.hop, n_mels=of.bins, power=2.0, **slaney)
    for samples in (synthetic.waveform(7, seed=0, split="pretrain"), RNG.standard_normal(16_000).astype(np.float32)):
        power = theirs(torch.from_numpy(samples)).clamp(min=of.floor).log().T
        torch.testing.assert_close(log_mel(torch.from_numpy(samples), of), power, atol=5e-6, rtol=0)


def test_log_mel_is_whispers():
    """All but what it does to a whole clip: the logarithm to base 10, 80 dB below the loudest at most, the last frame
    left out."""
    transformers = pytest.importorskip("transformers")
    samples = RNG.standard_normal(16_000).astype(np.float32)
    theirs = transformers.WhisperFeatureExtractor(feature_size=128)
    found = theirs._np_extract_fbank_features(samples[None], "cpu")[0].T
    ours = log_mel(torch.from_numpy(samples), WHISPER).numpy()[:-1] / np.log(10)
    np.testing.assert_allclose(np.maximum(ours, ours.max() - 8) / 4 + 1, found, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4000))
def test_one_frame_every_10_ms(count: int):
    frames = log_mel(torch.from_numpy(sine(300.0)[:count]))
    assert frames.shape == (1 + max(count, 257) // 160, 80)
    assert torch.isfinite(frames).all()


def test_very_short_clips_are_padded_with_zeros():
    few = torch.from_numpy(RNG.standard_normal(100).astype(np.float32))
    padded = torch.nn.functional.pad(few, (0, 157))
    torch.testing.assert_close(log_mel(few), log_mel(padded))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 22_254, 32_000, 44_100, 44_101, 48_000, 96_000])
def test_resampling_keeps_frequency_level_and_length(rate: int, tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", sine(1000.0, rate=rate), rate, subtype="FLOAT")
    samples = waveform("a.wav", str(tmp_path)).numpy()
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=1)
    # Away from the ends, where the filter sees what lies outside, the sine itself is known.
    middle = slice(2000, 14_000)
    np.testing.assert_allclose(samples[middle], sine(1000.0)[middle], atol=1e-5)
    spectrum = np.abs(np.fft.rfft(samples[:15_999]))
    assert spectrum.argmax() * SAMPLE_RATE / 15_999 == pytest.approx(1000.0, abs=2)


@pytest.mark.parametrize("rate", [44_100, 22_254 * 2])
def test_resampling_takes_away_what_would_fold_back(rate: int):
    folded = resampled(sine(11_000.0, rate=rate), rate)
    assert np.abs(folded[2000:14_000]).max() < 1e-5


def test_16_khz_is_read_to_the_bit(tmp_path: Path):
    samples = np.round(sine(440.0) * 32767) / 32768
    soundfile.write(tmp_path / "a.flac", samples, SAMPLE_RATE)
    np.testing.assert_array_equal(waveform("a.flac", str(tmp_path)).numpy(), samples)
    np.testing.assert_array_equal(waveform(str(tmp_path / "a.flac"), "/elsewhere").numpy(), samples)


def test_a_cut_is_the_part_it_names(tmp_path: Path):
    ramp = (np.arange(1, 16_001) / 32768).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", ramp, SAMPLE_RATE)

    def cut(start: float, seconds: float | None) -> np.ndarray:
        return waveform("a.flac", str(tmp_path), start, seconds).numpy()

    np.testing.assert_array_equal(cut(0.25, 0.5), ramp[4000:12_000])
    np.testing.assert_array_equal(cut(0.75, None), ramp[12_000:])
    np.testing.assert_array_equal(cut(0.75, 9.0), ramp[12_000:])
    for start in (1.0, 5.0):
        with pytest.raises(UnusableClipError, match=r"^empty audio$"):
            cut(start, 0.5)


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path):
    left, right = RNG.standard_normal((2, 8000)).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_allclose(waveform("a.wav", str(tmp_path)).numpy(), (left + right) / 2, atol=1e-7)


def _spoiled(value: float) -> np.ndarray:
    samples = sine(440.0)
    samples[5000] = value
    return samples


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "empty audio"),
        (np.zeros(16_000), "silent audio"),
        (np.full(16_000, 9e-6), "silent audio"),
        (_spoiled(np.nan), "audio with NaN or infinite samples"),
        (_spoiled(-np.inf), "audio with NaN or infinite samples"),
        (_spoiled(1e30), "audio with NaN or infinite samples"),
    ],
)
def test_samples_that_cannot_be_used(samples: np.ndarray, reason: str, tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(UnusableClipError, match=f"^{reason}$"):
        waveform("a.wav", str(tmp_path))


def test_the_loudest_audio_let_through_has_finite_log_mels(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", sine(440.0, level=9e14), SAMPLE_RATE, subtype="FLOAT")
    assert np.isfinite(log_mel(waveform("a.wav", str(tmp_path))).numpy().astype(np.float16)).all()


def test_files_that_cannot_be_used(tmp_path: Path):
    (tmp_path / "text.flac").write_text("no audio at all")
    (tmp_path / "nothing.wav").touch()
    (tmp_path / "headerless.raw").write_bytes(bytes(100))
    soundfile.write(tmp_path / "whole.flac", RNG.standard_normal(16_000) * 0.1, SAMPLE_RATE)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:30])
    for name in ("text.flac", "nothing.wav", "headerless.raw", "cut.flac"):
        with pytest.raises(UnusableClipError, match=r"^unreadable audio$"):
            waveform(name, str(tmp_path))
    for name in ("gone.flac", "text.flac/1.flac", "nul\0.flac"):
        with pytest.raises(UnusableClipError, match=r"^missing audio file$"):
            waveform(name, str(tmp_path))


def test_embedded_clips_are_made_by_rule():
    np.testing.assert_array_equal(
        waveform("3/train/5", SYNTHETIC).numpy(), synthetic.waveform(5, seed=3, split="train")
    )


def test_torchaudio_works_beside_a_torch_without_cuda():
    """In a process where the native extension fails to load as it does there."""
    program = """
import sys, numpy as np, torch
from importlib.abc import MetaPathFinder

class Fails(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchaudio._extension":
            raise OSError("libc10_cuda.so: cannot open shared object file")

torch.version.cuda = None
sys.meta_path.insert(0, Fails())
from scaling.data.features import log_mel, resampled
print(tuple(log_mel(torch.from_numpy(resampled(np.ones(44100, np.float32), 44100))).shape))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(101, 80)", done.stderr
