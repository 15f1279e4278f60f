"""Small recordings, whole and with headers that lie."""

import io
import struct

import numpy as np
import soundfile

RATE = 16_000
SECONDS = 0.5
TONE = (0.3 * np.sin(np.arange(round(SECONDS * RATE)) / 20)).astype(np.float32)


def recording(form: str, subtype: str | None = None, samples: np.ndarray = TONE, rate: int = RATE) -> bytes:
    """The bytes of a file of one of libsndfile's formats."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


def wav(
    rate: int = RATE, channels: int = 1, bits: int = 16, data: int | None = None, riff: int = 2**31, before: bytes = b""
) -> bytes:
    """A WAV file whose header says what it is told to say."""
    samples = (TONE * 32767).astype("<i2").tobytes()
    align = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    size = len(samples) if data is None else data
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + before + b"data" + struct.pack("<I", size) + samples
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + chunks


def patched(whole: bytes, at: int, value: int, width: int, order: str = "little") -> bytes:
    """A file with a number of it changed."""
    number = value.to_bytes(width, order)  # type: ignore[arg-type]
    return whole[:at] + number + whole[at + width :]


def flac(total: int, rate: int = RATE) -> bytes:
    """A FLAC file whose STREAMINFO says this number of samples and this rate."""
    whole = recording("FLAC")
    others = int.from_bytes(whole[18:26], "big") & ((0xFFF << 36) & ~(0xFFFFF << 44))
    return patched(whole, 18, (rate << 44) | others | total, 8, "big")


def mp3(frames: int) -> bytes:
    """An MP3 file whose Xing header says this number of frames."""
    whole = recording("MP3", "MPEG_LAYER_III")
    place = max(whole.find(b"Xing"), whole.find(b"Info"))
    return patched(whole, place + 8, frames, 4, "big")
