"""From a clip's place to what an encoder hears of it: read, cut, resample, transform."""

import importlib
import sys
import types
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

from scaling.data.clip import REMOTE, UnusableClipError, audio_path
from scaling.data.clip import SAMPLE_RATE as SAMPLE_RATE
from scaling.data.decoder import Wanted
from scaling.data.decoding import decoded
from scaling.data.embedded import sounds as synthetic
from scaling.data.fetching import fetched
from scaling.models.formats import LogMel

if TYPE_CHECKING:
    # Who only ranks does without: it takes a second to begin.
    import torch

SYNTHETIC = "synthetic:"
"""The audio root of the embedded corpus, which no path is: its clips are made and not read."""
LOG_MEL = LogMel()
SILENCE = 1e-5
"""Peak below which a clip counts as silent: -100 dB of full scale, under the rounding of 16-bit audio."""
LOUDEST = 1e15
"""Peak above which the power of a clip would overflow float32."""


@dataclass(frozen=True)
class Cut:
    """Where a clip's samples are: `seconds` from `start` of a recording (None: all that follows), and which of its
    channels (None: their mean); `within` as that of a `Clip`. A cut that runs over the end is as long as what is
    there."""

    audio: str
    start: float = 0.0
    seconds: float | None = None
    channel: int | None = None
    within: str = ""


def _import_torchaudio() -> types.ModuleType:
    """torchaudio's plain-Python part beside a CPU-only torch.

    The Linux wheel's native extension is linked to CUDA and refuses to load there; transforms and functional
    do not use it, so an empty stand-in takes its place.
    """
    import torch

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
def _transform(of: LogMel) -> "tuple[torch.Tensor, torch.Tensor]":
    """Window float32 [window], and the mel bands of the powers float32 [fft / 2 + 1, bins]."""
    import torch

    functional = _import_torchaudio().functional
    with warnings.catch_warnings():
        # Bands that hold nothing: what is heard is as the format says.
        warnings.simplefilter("ignore", UserWarning)
        bands = functional.melscale_fbanks(
            of.fft // 2 + 1, 0.0, of.rate / 2, of.bins, of.rate, "slaney" if of.scale == "slaney" else None, of.scale
        )
    return torch.hann_window(of.window), bands


def mel_filters(of: LogMel = LOG_MEL) -> "torch.Tensor":
    """The mel bands that `log_mel` weighs powers by: float32 [fft / 2 + 1, bins]."""
    return _transform(of)[1]


def resampled(samples: NDArray[np.float32], rate: int, to: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Mono samples at `rate` Hz, at `to` Hz: float32 [samples * to / rate, to the nearest].

    To 16 kHz it is flat to 7.2 kHz, and what lies above 8.2 kHz is gone by 130 dB; any rate costs about the same.
    """
    return samples if rate == to else soxr.resample(samples, rate, to, quality="HQ")


def waveforms(
    cuts: Iterable[Cut],
    audio_root: str = "",
    *,
    min_seconds: float = 0.0,
    max_seconds: float = 60.0,
    rate: int = SAMPLE_RATE,
) -> "Iterator[torch.Tensor | UnusableClipError]":
    """Of each cut its samples at `rate` Hz, mono: float32 [samples], or why it cannot be used.

    The reasons: missing, unreadable, out of a bound of `decoder.py`, empty, not finite, silent, shorter or longer than
    the limits. What lies in the file counts, not what its manifest says of its rate and length.
    """
    found: Iterator[tuple[NDArray[np.float32], int] | UnusableClipError]
    with ExitStack() as until_used:
        if audio_root == SYNTHETIC:
            found = ((_synthetic(cut.audio), SAMPLE_RATE) for cut in cuts)
        else:
            wanted = [
                Wanted(audio_path(cut.audio, audio_root), cut.start, cut.seconds, cut.channel, max_seconds, cut.within)
                for cut in cuts
            ]
            remote = any(one.path.startswith(REMOTE) for one in wanted)
            found = decoded(until_used.enter_context(fetched(wanted)) if remote else wanted)
        for one in found:
            try:
                yield one if isinstance(one, UnusableClipError) else _usable(*one, rate, min_seconds, max_seconds)
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
) -> "torch.Tensor":
    """The samples of one cut at 16 kHz. Raises `UnusableClipError`."""
    cut = Cut(audio, start, seconds, channel)
    [found] = waveforms([cut], audio_root, min_seconds=min_seconds, max_seconds=max_seconds)
    if isinstance(found, UnusableClipError):
        raise found
    return found


def _usable(found: NDArray[np.float32], rate: int, to: int, min_seconds: float, max_seconds: float) -> "torch.Tensor":
    import torch

    _check_level(torch.from_numpy(found))
    samples = resampled(found, rate, to)
    # Rounding to whole samples must not reject a clip that the catalogue let pass.
    if len(samples) < (min_seconds - 1e-3) * to:
        raise UnusableClipError(f"audio shorter than {min_seconds:g} s when decoded")
    if len(samples) > (max_seconds + 1e-3) * to:
        raise UnusableClipError(f"audio longer than {max_seconds:g} s when decoded")
    return torch.from_numpy(samples.copy() if samples is found else samples)


def _check_level(mono: "torch.Tensor") -> None:
    if mono.numel() == 0:
        raise UnusableClipError("empty audio")
    low, high = mono.aminmax()
    # A NaN anywhere makes both NaN, and no comparison with it holds.
    if not (low >= -LOUDEST and high <= LOUDEST):
        raise UnusableClipError("audio with NaN or infinite samples")
    if low > -SILENCE and high < SILENCE:
        raise UnusableClipError("silent audio")


def log_mel(samples: "torch.Tensor", of: LogMel = LOG_MEL) -> "torch.Tensor":
    """Log-mel frames of samples at the rate of the format: float32 [1 + samples // hop, bins].

    The formula is that of torchaudio's MelSpectrogram with a power of 2; so few samples that their ends cannot be
    reflected are padded with zeros first.
    """
    import torch

    least = of.fft // 2 + 1
    if samples.numel() < least:
        samples = torch.nn.functional.pad(samples, (0, least - samples.numel()))
    window, bands = _transform(of)
    spectrum = torch.stft(samples, of.fft, of.hop, of.window, window, center=True, return_complex=True)
    # Twice as fast as the modulus squared, which takes a root in between.
    power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
    return (power.T @ bands).clamp_(min=of.floor).log_()
