"""Audio files as samples: by soundfile where it is installed, else WAV files by Python itself."""

import importlib
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scaling.errors import StudyError


def read_audio(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """The samples of a file, the mean of its channels, float32 [samples] in -1 to 1; and its rate in Hz.

    Raises `StudyError` for a file that cannot be read.
    """
    try:
        soundfile = _module("soundfile")
        if soundfile is not None:
            samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        else:
            samples, rate = _wav(path)
    # What soundfile raises is a RuntimeError.
    except (OSError, RuntimeError, EOFError, wave.Error) as error:
        raise StudyError(f"cannot read {path}: {error}") from None
    return samples.mean(axis=1, dtype=np.float32), int(rate)


def at_rate(samples: NDArray[np.float32], rate: int, wanted: int) -> torch.Tensor:
    """Samples at the rate that an encoder hears.

    Raises `StudyError` where they are of another rate and soxr is not installed.
    """
    if rate != wanted:
        soxr = _module("soxr")
        if soxr is None:
            raise StudyError(f"audio of {rate} Hz for an encoder that hears {wanted} Hz: resample it, or install soxr")
        samples = soxr.resample(samples, rate, wanted, quality="HQ")
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))


def _wav(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """A WAV file of whole numbers: float32 [samples, channels]."""
    with wave.open(str(path), "rb") as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    if width == 1:
        found = (data.astype(np.float32) - np.float32(128)) / np.float32(128)
    else:
        # The lowest bytes first; filled up with zeros below to 32 bits.
        wide = np.zeros((len(data) // width, 4), np.uint8)
        wide[:, 4 - width :] = data.reshape(-1, width)
        found = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    return found.reshape(-1, channels).astype(np.float32), rate


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):
        return None
