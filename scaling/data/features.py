"""From a clip's place to its log-mel frames: read, cut, resample to 16 kHz, transform.

The same numbers on every machine: 80 mel bins, Hann windows of 25 ms every 10 ms, natural logarithm of the
power.
"""

import importlib
import math
import sys
import types
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from scaling.data.embedded import sounds as synthetic

SAMPLE_RATE = 16_000
HOP = 160
WINDOW = 400
FFT = 512
MEL_BINS = 80
FLOOR = 1e-6
SILENCE = 1e-5
"""Peak below which a clip counts as silent: -100 dB of full scale, under the rounding of 16-bit audio."""
LOUDEST = 1e15
"""Peak above which the power of a clip would overflow float32."""
PHASES = 1000
"""Phases of a resampling filter up to which torchaudio's table of all of them is small."""

FORMAT = {
    "sample_rate": SAMPLE_RATE,
    "hop": HOP,
    "window": WINDOW,
    "fft": FFT,
    "mel_bins": MEL_BINS,
    "floor": FLOOR,
    "dtype": "float16",
}


def _import_torchaudio() -> types.ModuleType:
    """torchaudio's plain-Python part beside a CPU-only torch.

    The Linux wheel's native extension is linked to CUDA and refuses to load there; transforms and functional
    do not use it, so an empty stand-in takes its place.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        if torch.version.cuda is not None:
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    stand_in = types.ModuleType("torchaudio._extension")
    stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    stand_in._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    stand_in.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    stand_in._check_cuda_version = lambda: None  # type: ignore[attr-defined]
    sys.modules["torchaudio._extension"] = stand_in
    return importlib.import_module("torchaudio")


class UnusableClipError(Exception):
    """A clip that only decoding could tell to be unusable; the message is the reason that is recorded."""


@cache
def _mel() -> torch.nn.Module:
    transforms = _import_torchaudio().transforms
    return transforms.MelSpectrogram(  # type: ignore[no-any-return]
        sample_rate=SAMPLE_RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=MEL_BINS, power=2.0
    )


@cache
def _resample(rate: int) -> torch.nn.Module:
    return _import_torchaudio().transforms.Resample(rate, SAMPLE_RATE)  # type: ignore[no-any-return]


def resampled(samples: torch.Tensor, rate: int) -> torch.Tensor:
    """Mono samples at `rate` Hz, at 16 kHz: float32 [ceil(samples * 16000 / rate)]."""
    if rate == SAMPLE_RATE:
        return samples
    common = math.gcd(rate, SAMPLE_RATE)
    if SAMPLE_RATE // common <= PHASES:
        at_16_khz: torch.Tensor = _resample(rate)(samples)
        return at_16_khz
    # A rate such as 22,254 Hz costs torchaudio 3 GB and half a minute for its table of phases.
    from scipy.signal import resample_poly

    poly = resample_poly(samples.numpy(), SAMPLE_RATE // common, rate // common)
    return torch.from_numpy(poly.astype(np.float32, copy=False))


def waveform(audio: str, audio_root: str = "", start: float = 0.0, seconds: float | None = None) -> torch.Tensor:
    """The samples of a clip at 16 kHz, mono: float32 [samples].

    `start` and `seconds` cut the clip out of its recording; a cut that runs over the end is as long as what
    is there. Several channels become one by their mean. Raises `UnusableClipError`: missing, unreadable,
    empty, not finite, silent.
    """
    if audio.startswith("synthetic:"):
        seed, split, index = audio.removeprefix("synthetic:").split("/")
        return torch.from_numpy(synthetic.waveform(int(index), seed=int(seed), split=split))
    path = Path(audio_root) / audio
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            file.seek(min(round(start * rate), file.frames))
            frames = -1 if seconds is None else round(seconds * rate)
            samples: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        # TypeError, ValueError: a headerless format (.raw), a path that no file can have.
        raise UnusableClipError("unreadable audio" if path.is_file() else "missing audio file") from error
    mono = torch.from_numpy(samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0])
    if mono.numel() == 0:
        raise UnusableClipError("empty audio")
    peak = mono.abs().max().item()
    # A NaN anywhere makes the peak NaN, and no comparison with it holds.
    if not peak <= LOUDEST:
        raise UnusableClipError("audio with NaN or infinite samples")
    if peak < SILENCE:
        raise UnusableClipError("silent audio")
    return resampled(mono, rate)


def log_mel(samples: torch.Tensor) -> torch.Tensor:
    """Log-mel frames of 16 kHz samples: float32 [1 + samples // 160, 80].

    ln(max(power, 1e-6)) of a mel filterbank (HTK scale, 0 to 8 kHz) over centred Hann windows of 25 ms every
    10 ms, the ends reflected; fewer than 257 samples are padded with zeros to 257 first, so that they can be.
    """
    if samples.numel() <= FFT // 2:
        samples = torch.nn.functional.pad(samples, (0, FFT // 2 + 1 - samples.numel()))
    power: torch.Tensor = _mel()(samples)
    return power.clamp_(min=FLOOR).log_().T
