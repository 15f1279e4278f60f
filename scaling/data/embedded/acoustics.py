"""What all sounds of the embedded corpus share: oscillators, noise, decay, the room and the microphone."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second."""

Signal = NDArray[np.float32]
"""A mono signal, [samples]."""

Floats = NDArray[np.float64]

Spectrum = Callable[[Signal], Signal]
"""Frequencies in Hz -> amplitudes, both [bins]."""


def sample_count(seconds: float) -> int:
    """Samples in a stretch of time, 10 ms at the least."""
    return max(round(seconds * SAMPLE_RATE), 160)


def unit(signal: Signal) -> Signal:
    """The signal with a peak of one."""
    return np.asarray(signal / np.float32(np.abs(signal).max() + 1e-9), np.float32)


def silence(samples: int) -> Signal:
    """Zeros, [samples]."""
    return np.zeros(samples, np.float32)


def moments(samples: int) -> Signal:
    """The time of every sample in seconds, [samples]."""
    return np.arange(samples, dtype=np.float32) / np.float32(SAMPLE_RATE)


def cycles(hertz: Signal | Floats) -> Floats:
    """The running phase in cycles of an oscillator with this frequency in Hz, [samples]."""
    return np.cumsum(hertz, dtype=np.float64) / SAMPLE_RATE


def transform(samples: int) -> int:
    """A length for a Fourier transform of at least this many samples, without large prime factors."""
    return -(-samples // 2048) * 2048


def convolved(wave: Signal, response: Signal) -> Signal:
    """The wave through a filter with this impulse response, cut to the wave's length, [samples]."""
    size = transform(wave.size + response.size)
    out = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)
    return out[: wave.size].astype(np.float32, copy=False)


def sawtooth(phase: Floats) -> Signal:
    """A sawtooth (harmonics fall by 6 dB an octave) over a phase in cycles, [samples].

    Its jumps are rounded over two samples (PolyBLEP: Välimäki and Huovilainen 2007), which keeps the aliases
    of high pitches under the harmonics.
    """
    turn = phase % 1.0
    step = np.diff(phase, prepend=2.0 * phase[0] - phase[1])
    wave = 2.0 * turn - 1.0
    after = np.flatnonzero(turn < step)
    x = turn[after] / step[after]
    wave[after] -= 2.0 * x - x * x - 1.0
    before = np.flatnonzero(turn > 1.0 - step)
    x = (turn[before] - 1.0) / step[before]
    wave[before] -= x * x + 2.0 * x + 1.0
    return wave.astype(np.float32)


def damped(hertz: Floats, seconds: Floats, levels: Floats, samples: int, turn: float = 0.0) -> Signal:
    """A sum of sines that decay by 1/e in `seconds` each, [samples]; `turn` is the phase of 1 Hz in cycles.

    exp(s t) at t = block + rest is a product of two short factors, so the sum over partials is one small matrix
    product instead of a sine and an exponential for each sample of each.
    """
    speed = 2j * np.pi * hertz - 1.0 / seconds
    rest = np.exp(np.outer(speed, np.arange(_BLOCK) / SAMPLE_RATE)).astype(np.complex64)
    starts = np.arange(-(-samples // _BLOCK)) * (_BLOCK / SAMPLE_RATE)
    block = np.exp(np.outer(starts, speed)) * (levels * np.exp(2j * np.pi * turn * hertz))
    wave = (block.astype(np.complex64) @ rest).imag.ravel()
    return np.asarray(wave[:samples], np.float32)


def noise(rng: np.random.Generator, samples: int, shape: Spectrum) -> Signal:
    """Gaussian noise of unit variance whose amplitude spectrum is `shape(Hz)`, [samples].

    The spectrum itself is drawn, so a colour costs one transform.
    """
    size = transform(samples)
    bins = size // 2 + 1
    hertz = np.arange(bins, dtype=np.float32) * np.float32(SAMPLE_RATE / size)
    hertz[0] = hertz[1]
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64) * shape(hertz)
    wave = np.fft.irfft(spectrum, size)[:samples]
    return np.asarray(wave * np.float32(1.0 / max(float(wave.std()), 1e-12)), np.float32)


def coloured(slope: float) -> Spectrum:
    """An amplitude spectrum whose power falls as Hz^-slope above 40 Hz: 0 is white, 1 pink, 2 brown."""
    return lambda hertz: np.maximum(hertz, np.float32(40.0)) ** np.float32(-slope / 2.0)


def band(centre: float, octaves: float) -> Spectrum:
    """A Gaussian pass band on the log-frequency axis, `octaves` its standard deviation, down to -80 dB."""

    def shape(hertz: Signal) -> Signal:
        away = np.log2(hertz / np.float32(centre)) ** 2
        passed: Signal = np.maximum(np.exp(np.float32(-0.5 / octaves**2) * away), np.float32(1e-4))
        return passed

    return shape


def fade(signal: Signal, attack: float, release: float) -> Signal:
    """The signal with raised-cosine ends of these lengths in seconds, [samples]."""
    out = signal.copy()
    for seconds, piece in ((attack, slice(None)), (release, slice(None, None, -1))):
        samples = min(int(seconds * SAMPLE_RATE), out.size)
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples, dtype=np.float32) + 0.5) / max(samples, 1))
        out[piece][:samples] *= ramp
    return out


def add(into: Signal, signal: Signal, seconds: float, level: float = 1.0) -> None:
    """Mix `signal` in from this time on; what goes past the end is cut."""
    start = max(round(seconds * SAMPLE_RATE), 0)
    room = into[start : start + signal.size]
    room += np.float32(level) * signal[: room.size]


def root_mean_square(signal: Signal) -> float:
    """The effective level of the louder half of a signal in time, so that pauses do not count."""
    frames = signal[: signal.size // 160 * 160].reshape(-1, 160)
    power = np.sort(np.einsum("ij,ij->i", frames, frames))
    return float(np.sqrt(power[power.size // 2 :].mean() / 160.0))


def recorded(rng: np.random.Generator, dry: Signal, background: Signal, snr: float) -> Signal:
    """The sound as a microphone in some room gives it, with its background, [samples] within [-1, 1].

    Room (an exponentially decaying noise: Polack's model), the microphone's response (a tilt and three broad
    bumps) and the level are drawn anew for every clip. They keep the mean spectrum of a clip from giving its
    content away. `snr` is in dB, before the microphone.
    """
    samples = dry.size
    size = transform(samples + _TAIL)

    decay = rng.uniform(0.02, 0.09)  # seconds to 1/e of amplitude: a reverberation time of 0.14 to 0.62 s
    tail = rng.standard_normal(_TAIL, dtype=np.float32) * np.exp(moments(_TAIL) * np.float32(-1.0 / decay))
    tail *= np.float32(10.0 ** (rng.uniform(-24.0, -8.0) / 20.0) / np.linalg.norm(tail))
    tail[0] = 1.0

    decibels = rng.normal(0.0, _COLOUR / 3.0) * _OCTAVES
    for level, centre, width in zip(
        rng.normal(0.0, _COLOUR, 3), rng.uniform(-3.0, 3.0, 3), rng.uniform(0.4, 1.0, 3), strict=True
    ):
        decibels += level * np.exp(-0.5 * ((_OCTAVES - centre) / width) ** 2)
    hertz = np.arange(size // 2 + 1) * (SAMPLE_RATE / size)
    response = np.interp(hertz, 1000.0 * 2.0**_OCTAVES, 10.0 ** (decibels / 20.0)).astype(np.float32)

    loud = max(root_mean_square(dry), 1e-9)
    behind = max(root_mean_square(background), 1e-9)
    spectrum = np.fft.rfft(dry * np.float32(1.0 / loud), size) * np.fft.rfft(tail, size)
    spectrum += np.fft.rfft(background * np.float32(10.0 ** (-snr / 20.0) / behind), size)
    mixed = np.fft.irfft(spectrum * response, size)[:samples]
    peak = 10.0 ** (rng.uniform(-18.0, -1.0) / 20.0)
    return np.asarray(mixed * np.float32(peak / np.abs(mixed).max()), np.float32)


_BLOCK = 128
_TAIL = 4800
"""Samples of reverberation."""
_COLOUR = 2.0
"""Standard deviation in dB of each bump of a microphone's response."""
_OCTAVES = np.linspace(-4.0, 3.0, 57)
"""Where that response is drawn, in octaves about 1 kHz."""
