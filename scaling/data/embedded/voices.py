"""Speech-like clips: a cast of speakers, syllables, an intonation, by source and filter.

The source is a sawtooth (the derivative of glottal flow also falls by 6 dB an octave) with jitter, creak and
breath; the filter is Fant's cascade of formants, moved from vowel to vowel and applied to short-time spectra.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from scaling.data.embedded.acoustics import (
    SAMPLE_RATE,
    Floats,
    Signal,
    coloured,
    cycles,
    noise,
    recorded,
    sawtooth,
    silence,
)
from scaling.data.embedded.draws import Draw


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice that comes back in many clips."""

    name: str
    voice: str  # man, woman, child
    texture: str  # clear, breathy, creaky, nasal
    pitch: float  # Hz
    tract: float  # formant frequencies as a multiple of a typical man's
    rate: float  # syllables a second


CAST = tuple(
    Speaker(f"s{k:02d}", *row)
    for k, row in enumerate(
        [
            ("man", "clear", 104.0, 0.92, 3.2),
            ("man", "creaky", 108.0, 1.02, 4.6),
            ("man", "breathy", 112.0, 0.96, 3.0),
            ("man", "nasal", 118.0, 1.06, 5.2),
            ("man", "clear", 124.0, 0.98, 5.4),
            ("man", "creaky", 130.0, 0.90, 3.4),
            ("man", "breathy", 138.0, 1.04, 4.8),
            ("man", "nasal", 146.0, 0.94, 3.6),
            ("man", "clear", 156.0, 1.08, 4.2),
            ("woman", "clear", 172.0, 1.10, 3.2),
            ("woman", "breathy", 180.0, 1.18, 5.0),
            ("woman", "creaky", 166.0, 1.14, 4.4),
            ("woman", "nasal", 192.0, 1.22, 3.4),
            ("woman", "clear", 204.0, 1.16, 5.6),
            ("woman", "breathy", 214.0, 1.10, 3.2),
            ("woman", "creaky", 226.0, 1.20, 3.6),
            ("woman", "nasal", 236.0, 1.12, 5.2),
            ("woman", "clear", 248.0, 1.24, 4.2),
            ("child", "clear", 270.0, 1.32, 3.4),
            ("child", "breathy", 285.0, 1.40, 5.0),
            ("child", "nasal", 305.0, 1.34, 4.0),
            ("child", "creaky", 262.0, 1.42, 4.4),
            ("child", "clear", 330.0, 1.44, 5.4),
            ("child", "breathy", 320.0, 1.30, 3.2),
        ]
    )
)
"""Attributes are crossed within men, women and children, so that none alone tells who speaks."""

INTONATIONS = ("rising", "falling", "flat", "rise-fall")

# Peterson and Barney (1952), men: the first three formants in Hz; m is a nasal murmur.
_VOWELS = {
    "i": (270.0, 2290.0, 3010.0),
    "e": (530.0, 1840.0, 2480.0),
    "æ": (660.0, 1720.0, 2410.0),
    "a": (730.0, 1090.0, 2440.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
    "ɝ": (490.0, 1350.0, 1690.0),
}
_MURMUR = (250.0, 1000.0, 2200.0)
# The noise of a consonant: centre in Hz, width in Hz, level; None sounds through the voice alone.
_CONSONANTS: dict[str, tuple[float, float, float] | None] = {
    "s": (5800.0, 1300.0, 0.40),
    "sh": (3200.0, 1000.0, 0.45),
    "f": (5000.0, 4000.0, 0.12),
    "t": (4500.0, 1800.0, 0.50),
    "k": (2000.0, 700.0, 0.45),
    "m": None,
    "": None,
}
_STOPS = frozenset("tk")
_VOWEL_NAMES = tuple(_VOWELS)
_CONSONANT_NAMES = tuple(_CONSONANTS)

_DECIBELS_A_SEMITONE = 0.8  # a voice that climbs also grows louder

_WINDOW = 512
_HOP = 256
_SIZE = 768
_HANN = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)
_HERTZ = np.fft.rfftfreq(_SIZE, 1.0 / SAMPLE_RATE).astype(np.float32)
_BANDWIDTHS = np.array([70.0, 100.0, 140.0, 220.0, 300.0])


def contour(intonation: str, along: Floats, depth: float) -> Floats:
    """The melody of a phrase in semitones about its mean, `along` it from 0 to 1, `depth` wide."""
    if intonation == "rising":
        shape = along**1.5 - 0.4
    elif intonation == "falling":
        shape = (1.0 - along) ** 1.5 - 0.4
    elif intonation == "rise-fall":
        shape = np.sin(np.pi * along) - 2.0 / np.pi
    else:
        shape = np.zeros_like(along)
    return depth * shape


@dataclass(frozen=True, slots=True)
class Utterance:
    """A few syllables by one speaker."""

    speaker: Speaker
    intonation: str
    seconds: float
    pitch: float  # Hz, the mean over the phrase
    depth: float  # semitones
    rate: float  # syllables a second
    syllables: int
    lead: float  # seconds of pause before
    tail: float  # and after
    snr: float  # dB
    slope: float  # of the background's power spectrum

    @classmethod
    def draw(
        cls, draw: Draw, seconds: float, *, speaker: Speaker | None = None, intonation: str | None = None
    ) -> "Utterance":
        """One utterance; what is given is kept, the rest is drawn."""
        speaker = speaker or draw.pick(CAST)
        rate = speaker.rate * draw.between(0.82, 1.2)
        lead, tail = draw.between(0.02, 0.2), draw.between(0.02, 0.2)
        return cls(
            speaker=speaker,
            intonation=intonation or draw.pick(INTONATIONS),
            seconds=seconds,
            pitch=speaker.pitch * draw.between(0.91, 1.1),
            depth=draw.between(9.0, 15.0),
            rate=rate,
            syllables=max(2, round(rate * (seconds - lead - tail))),
            lead=lead,
            tail=tail,
            snr=draw.between(8.0, 34.0),
            slope=draw.between(0.0, 2.0),
        )

    def facts(self) -> dict[str, str]:
        """What a caption may say."""
        facts = {
            "voice": self.speaker.voice,
            "texture": self.speaker.texture,
            "pitch": "low" if self.pitch < 128.0 else "high" if self.pitch > 215.0 else "medium",
            "pace": "slow" if self.rate < 3.5 else "fast" if self.rate > 4.7 else "moderate",
            "intonation": self.intonation,
        }
        if self.snr < 15.0 or self.snr > 27.0:
            facts["noise"] = "noisy" if self.snr < 15.0 else "quiet"
        return facts

    def labels(self) -> dict[str, str]:
        """The answers of the probe tasks."""
        return {"voice": f"{self.speaker.texture} {self.speaker.voice}", "intonation": self.intonation}

    def tag(self) -> str:
        """The coarse tag."""
        return {"man": "male voice", "woman": "female voice", "child": "child voice"}[self.speaker.voice]

    def dry(self, rng: np.random.Generator) -> Signal:
        """The voice alone, without room or background, [samples]."""
        samples = round(self.seconds * SAMPLE_RATE)
        frames = -(-samples // _HOP) + 1
        speaker = self.speaker

        # When each syllable begins, when its vowel begins, and when it ends, in seconds.
        count = self.syllables
        consonants = [_CONSONANT_NAMES[k] for k in rng.integers(len(_CONSONANT_NAMES), size=count)]
        vowels = [_VOWELS[_VOWEL_NAMES[k]] for k in rng.integers(len(_VOWEL_NAMES), size=count)]
        lengths = rng.uniform(0.75, 1.25, count)
        ends = self.lead + np.cumsum(lengths) / lengths.sum() * (self.seconds - self.lead - self.tail)
        starts = np.concatenate(([self.lead], ends[:-1]))
        onset = starts + np.minimum(0.3 * (ends - starts), 0.09)

        # Loudness of the voice and the formants, as lines between a few points a syllable.
        loud = np.array([0.35 if consonant == "m" else 0.0 for consonant in consonants])
        peak = rng.uniform(0.6, 1.0, count)
        points = np.stack([starts, starts + 0.008, onset, onset + 0.02, ends - 0.03, ends], 1).ravel()
        levels = np.stack([loud * 0.5, loud, np.maximum(loud, 0.3), peak, 0.8 * peak, 0.15 * peak], 1).ravel()
        levels[-1] = 0.0
        knots = np.stack([starts + 0.01, onset + 0.03, ends - 0.04], 1).ravel()
        targets = np.array(vowels)
        closed = np.array([_MURMUR if c == "m" else v for c, v in zip(consonants, vowels, strict=True)])
        tracks = np.stack([closed, targets, targets], 1).reshape(-1, 3) * speaker.tract

        every = np.arange(0, samples + 80, 80) / SAMPLE_RATE  # control points 5 ms apart
        along = np.clip((every - self.lead) / (self.seconds - self.lead - self.tail), 0.0, 1.0)
        semitones = contour(self.intonation, along, self.depth)
        effort = 10.0 ** (_DECIBELS_A_SEMITONE * semitones / 20.0)
        semitones += np.interp(every, 0.5 * (starts + ends), rng.normal(0.0, 0.35, count))
        semitones += rng.normal(0.0, 0.9 if speaker.texture == "creaky" else 0.15, every.size)
        hertz = self.pitch * 2.0 ** (semitones / 12.0)

        now = np.arange(samples) / SAMPLE_RATE
        phase = cycles(np.interp(now, every, hertz))
        voiced = sawtooth(phase)
        if speaker.texture == "creaky":
            voiced *= np.where(phase.astype(np.int64) % 2 == 0, np.float32(1.0), np.float32(0.35))
        white = rng.standard_normal(samples, dtype=np.float32)
        breath = {"breathy": 0.55, "creaky": 0.08, "nasal": 0.04, "clear": 0.04}[speaker.texture]
        voiced *= np.float32(1.0 - 0.6 * (breath > 0.5))
        voiced += np.float32(breath) * white
        loudness = np.interp(every, points, levels, left=0.0, right=0.0) * effort
        voiced *= np.interp(now, every, loudness).astype(np.float32)

        # The cascade of formants: |H(f)| of a resonance at F with bandwidth B is one at 0 Hz (Fant 1960).
        centre = np.arange(frames) * _HOP / SAMPLE_RATE
        formants = np.empty((frames, 5), np.float32)
        for k in range(3):
            formants[:, k] = np.interp(centre, knots, tracks[:, k])
        formants[:, 3:] = np.array([3500.0, 4500.0]) * speaker.tract
        half = (_BANDWIDTHS * (0.8 if speaker.texture == "breathy" else 0.5)).astype(np.float32)
        filtered = np.ones((frames, _HERTZ.size), np.float32)
        square = _HERTZ * _HERTZ
        for k in range(5):
            # ((f-F)² + h²)((f+F)² + h²) = (f² - (F² - h²))² + 4 F² h²
            wide = half[k] ** 2
            centred = formants[:, k : k + 1] ** 2
            apart = square - (centred - wide)
            apart *= apart
            apart += 4.0 * centred * wide
            apart *= 1.0 / (centred + wide) ** 2
            filtered *= apart
        np.reciprocal(np.sqrt(filtered, out=filtered), out=filtered)
        if speaker.texture == "nasal":  # a pole-zero pair: a hum near 300 Hz, a hole above it
            hum = np.exp(-0.5 * ((_HERTZ - 280.0) / 90.0) ** 2)
            hole = np.exp(-0.5 * ((_HERTZ - 900.0 * speaker.tract) / 220.0) ** 2)
            filtered *= (1.0 + 2.0 * hum) * (1.0 - 0.85 * hole)

        hiss = np.zeros((frames, _HERTZ.size), np.float32)
        for consonant, start, end in zip(consonants, starts, onset, strict=True):
            sound = _CONSONANTS[consonant]
            if sound is None:
                continue
            first = end - 0.02 if consonant in _STOPS else start
            span = np.flatnonzero((centre > first - 0.008) & (centre < end + 0.008))
            away = ((_HERTZ - sound[0] * speaker.tract**0.5) / sound[1]) ** 2
            # The floor keeps subnormal numbers, which are slow, out of the transform.
            hiss[span] += 4.0 * sound[2] * np.maximum(np.exp(-0.5 * away), 1e-5)

        spectra = _frames(voiced, frames) * filtered + _frames(white, frames) * hiss
        return _joined(spectra, samples)

    def render(self, rng: np.random.Generator) -> Signal:
        """The clip, [samples] within [-1, 1]."""
        dry = self.dry(rng)
        background = noise(rng, dry.size, coloured(self.slope))
        return recorded(rng, dry, background, self.snr)


def _frames(signal: Signal, frames: int) -> np.ndarray[tuple[int, int], np.dtype[np.complex64]]:
    """Short-time spectra of windows centred on multiples of the hop, [frames, bins]."""
    padded = silence((frames - 1) * _HOP + _WINDOW)
    padded[_WINDOW // 2 : _WINDOW // 2 + signal.size] = signal[: padded.size - _WINDOW // 2]
    windows = sliding_window_view(padded, _WINDOW)[::_HOP] * _HANN
    # The window sits in the middle of the transform: a zero-phase filter rings to both sides.
    centred = np.zeros((frames, _SIZE), np.float32)
    centred[:, (_SIZE - _WINDOW) // 2 : (_SIZE + _WINDOW) // 2] = windows
    return np.asarray(np.fft.rfft(centred, axis=1))


def _joined(spectra: np.ndarray[tuple[int, int], np.dtype[np.complex64]], samples: int) -> Signal:
    """The signal of short-time spectra by overlap and add, [samples]."""
    pieces = np.fft.irfft(spectra, _SIZE, axis=1)
    out = silence((len(pieces) - 1) * _HOP + _SIZE)
    for k in range(0, _SIZE, _HOP):
        out[k : k + len(pieces) * _HOP] += pieces[:, k : k + _HOP].ravel()
    return out[_SIZE // 2 : _SIZE // 2 + samples]
