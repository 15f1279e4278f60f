"""Samples as FLAC of 16 bits, in memory: how a store keeps audio. Recordings of 16 bits come back to the bit."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

FULL_SCALE = 2**15


def flac(samples: NDArray[np.float32], rate: int) -> bytes:
    """A FLAC file of mono samples, float32 [samples]. What is louder than full scale is turned down as a whole to fit,
    so that no peak is cut off."""
    peak = max(float(np.abs(samples).max(initial=0.0)), 1.0)
    numbers = np.rint(samples * np.float32(FULL_SCALE / peak)).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, numbers, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def flac_samples(content: bytes | memoryview, start: int = 0, count: int = -1) -> NDArray[np.float32]:
    """Samples of a file that `flac` made, from `start` on, at most `count` (-1: all): float32 [samples]."""
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        if start:
            file.seek(min(start, file.frames))
        samples: NDArray[np.float32] = file.read(count, dtype="float32")
        return samples
