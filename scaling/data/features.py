"""From a clip's place to its log-mel frames: read, cut, resample to 16 kHz, transform.

The same numbers on every machine: 80 mel bins, Hann windows of 25 ms every 10 ms, natural logarithm of the
power.
"""

import importlib
import os
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from scaling.data.clip import UnusableClipError
from scaling.data.decoder import Wanted
from scaling.data.decoding import decoded
from scaling.data.embedded import sounds as synthetic

SYNTHETIC = "synthetic:"
"""The audio root of the embedded corpus, which no path is: its clips are made and not read."""
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

FORMAT = {
    "sample_rate": SAMPLE_RATE,
    "hop": HOP,
    "window": WINDOW,
    "fft": FFT,
    "mel_bins": MEL_BINS,
    "floor": FLOOR,
    "dtype": "float16",
}


@dataclass(frozen=True)
class Cut:
    """Where a clip's samples are: `seconds` from `start` of a recording (None: all that follows), and which of its
    channels (None: their mean). A cut that runs over the end is as long as what is there."""

    audio: str
    start: float = 0.0
    seconds: float | None = None
    channel: int | None = None


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


@cache
def _mel() -> torch.nn.Module:
    transforms = _import_torchaudio().transforms
    return transforms.MelSpectrogram(  # type: ignore[no-any-return]
        sample_rate=SAMPLE_RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=MEL_BINS, power=2.0
    )


def resampled(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Mono samples at `rate` Hz, at 16 kHz: float32 [samples * 16000 / rate, to the nearest].

    Flat to 7.2 kHz, and what lies above 8.2 kHz is gone by 130 dB; any rate costs about the same.
    """
    return samples if rate == SAMPLE_RATE else soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")


def waveforms(
    cuts: Iterable[Cut], audio_root: str = "", *, min_seconds: float = 0.0, max_seconds: float = 60.0
) -> Iterator[torch.Tensor | UnusableClipError]:
    """Of each cut its samples at 16 kHz, mono: float32 [samples], or why it cannot be used.

    The reasons: missing, unreadable, out of a bound of `decoder.py`, empty, not finite, silent, shorter or longer than
    the limits. What lies in the file counts, not what its manifest says of its rate and length.
    """
    found: Iterator[tuple[NDArray[np.float32], int] | UnusableClipError]
    if audio_root == SYNTHETIC:
        found = ((_synthetic(cut.audio), SAMPLE_RATE) for cut in cuts)
    else:
        found = decoded(
            Wanted(os.path.join(audio_root, cut.audio), cut.start, cut.seconds, cut.channel, max_seconds)  # noqa: PTH118
            for cut in cuts
        )
    for one in found:
        try:
            yield one if isinstance(one, UnusableClipError) else _usable(*one, min_seconds, max_seconds)
        except UnusableClipError as error:
            yield error


def _synthetic(audio: str) -> NDArray[np.float32]:
    seed, split, index = audio.split("/")
    return synthetic.waveform(int(index), seed=int(seed), split=split)


def waveform(
    audio: str,
    audio_root: str = "",
    start: float = 0.0,
    seconds: float | None = None,
    channel: int | None = None,
    *,
    min_seconds: float = 0.0,
    max_seconds: float = 60.0,
) -> torch.Tensor:
    """The samples of one cut. Raises `UnusableClipError`."""
    cut = Cut(audio, start, seconds, channel)
    [found] = waveforms([cut], audio_root, min_seconds=min_seconds, max_seconds=max_seconds)
    if isinstance(found, UnusableClipError):
        raise found
    return found


def _usable(found: NDArray[np.float32], rate: int, min_seconds: float, max_seconds: float) -> torch.Tensor:
    _check_level(torch.from_numpy(found))
    samples = resampled(found, rate)
    # Rounding to whole samples must not reject a clip that the catalogue let pass.
    if len(samples) < (min_seconds - 1e-3) * SAMPLE_RATE:
        raise UnusableClipError(f"audio shorter than {min_seconds:g} s when decoded")
    if len(samples) > (max_seconds + 1e-3) * SAMPLE_RATE:
        raise UnusableClipError(f"audio longer than {max_seconds:g} s when decoded")
    return torch.from_numpy(samples.copy() if samples is found else samples)


def _check_level(mono: torch.Tensor) -> None:
    if mono.numel() == 0:
        raise UnusableClipError("empty audio")
    low, high = mono.aminmax()
    # A NaN anywhere makes both NaN, and no comparison with it holds.
    if not (low >= -LOUDEST and high <= LOUDEST):
        raise UnusableClipError("audio with NaN or infinite samples")
    if low > -SILENCE and high < SILENCE:
        raise UnusableClipError("silent audio")


def log_mel(samples: torch.Tensor) -> torch.Tensor:
    """Log-mel frames of 16 kHz samples: float32 [1 + samples // 160, 80].

    ln(max(power, 1e-6)) of a mel filterbank (HTK scale, 0 to 8 kHz) over centred Hann windows of 25 ms every
    10 ms, the ends reflected; fewer than 257 samples are padded with zeros to 257 first, so that they can be.
    """
    if samples.numel() <= FFT // 2:
        samples = torch.nn.functional.pad(samples, (0, FFT // 2 + 1 - samples.numel()))
    power: torch.Tensor = _mel()(samples)
    return power.clamp_(min=FLOOR).log_().T
