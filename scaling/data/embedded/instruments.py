"""Music-like clips: ten instruments, each with own partials and envelope, and five ways of playing them."""

from dataclasses import dataclass

import numpy as np

from scaling.data.embedded.acoustics import (
    SAMPLE_RATE,
    Floats,
    Signal,
    add,
    band,
    coloured,
    cycles,
    damped,
    fade,
    moments,
    noise,
    recorded,
    silence,
)
from scaling.data.embedded.draws import Draw


@dataclass(frozen=True, slots=True)
class Instrument:
    """How one note of an instrument is built."""

    name: str
    family: str
    ratios: tuple[float, ...]  # partial frequencies as multiples of the first
    levels: tuple[float, ...]
    attack: float  # seconds
    decay: float  # seconds to 1/e of the first partial at 220 Hz; 0 holds as long as it is played
    damping: float  # how much faster a partial decays for each unit of its ratio
    breath: float  # noise under the tone
    strike: float  # noise of hammer, plectrum or tongue at the start
    vibrato: float  # semitones
    swell: float  # seconds in which the upper partials of a held note open


def _harmonics(
    count: int, slope: float, *, even: float = 1.0, stiffness: float = 0.0
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Partials k with level k^-slope; a stiff string stretches them to k sqrt(1 + B k²) (Fletcher 1964)."""
    order = range(1, count + 1)
    ratios = tuple(k * (1.0 + stiffness * k * k) ** 0.5 for k in order)
    return ratios, tuple(k**-slope * (even if k % 2 == 0 else 1.0) for k in order)


_ORGAN = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0), (0.5, 1.0, 0.35, 0.7, 0.3, 0.4, 0.2, 0.3)
_GUITAR = _harmonics(12, 1.3, stiffness=1e-4)
_BARS = (1.0, 3.93, 9.5), (1.0, 0.30, 0.10)
_BELLS = (2.0, 5.51, 10.8, 17.8), (1.0, 0.5, 0.3, 0.15)

# name, family, partials; attack, decay, damping, breath, strike, vibrato, swell
INSTRUMENTS = (
    Instrument("guitar", "plucked string", *_GUITAR, 0.003, 0.5, 0.5, 0, 0.1, 0, 0),
    Instrument("harpsichord", "plucked string", *_harmonics(13, 0.5), 0.001, 0.35, 0.12, 0, 0.35, 0, 0),
    Instrument("piano", "piano", *_harmonics(12, 1.1, stiffness=7e-4), 0.004, 0.7, 0.25, 0, 0.22, 0, 0),
    Instrument("marimba", "mallet", *_BARS, 0.002, 0.13, 0.6, 0, 0.16, 0, 0),
    Instrument("glockenspiel", "mallet", *_BELLS, 0.001, 0.7, 0.08, 0, 0.10, 0, 0),
    Instrument("violin", "bowed string", *_harmonics(13, 0.9), 0.07, 0, 0, 0.05, 0, 0.30, 0.06),
    Instrument("flute", "woodwind", *_harmonics(5, 2.0), 0.05, 0, 0, 0.16, 0.05, 0.12, 0),
    Instrument("clarinet", "woodwind", *_harmonics(13, 0.9, even=0.06), 0.03, 0, 0, 0.03, 0, 0, 0),
    Instrument("trumpet", "brass", *_harmonics(13, 0.45), 0.025, 0, 0, 0.02, 0.06, 0.08, 0.12),
    Instrument("organ", "organ", *_ORGAN, 0.012, 0, 0, 0.015, 0.04, 0, 0),
)
"""Bar and bell ratios are those of Fletcher and Rossing, The Physics of Musical Instruments."""

ARTICULATIONS = ("legato", "staccato", "tremolo", "chords", "glide")
MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "chromatic": tuple(range(12)),
}
_MODE_NAMES = ("major", "major", "minor", "minor", "pentatonic", "chromatic")


@dataclass(frozen=True, slots=True)
class Note:
    """One note; `to` differs from `semitones` where the pitch slides."""

    onset: float  # seconds
    seconds: float
    semitones: float  # above A3, 220 Hz
    to: float


@dataclass(frozen=True, slots=True)
class Melody:
    """A short figure on one instrument."""

    instrument: Instrument
    articulation: str
    mode: str
    seconds: float
    tempo: float  # beats a second
    root: float  # semitones above A3
    backing: float  # level of a quiet second part; 0 for none
    snr: float  # dB
    slope: float  # of the background's power spectrum

    @classmethod
    def draw(
        cls,
        draw: Draw,
        seconds: float,
        *,
        instrument: Instrument | None = None,
        articulation: str | None = None,
    ) -> "Melody":
        """One figure; what is given is kept, the rest is drawn."""
        instrument = instrument or draw.pick(INSTRUMENTS)
        articulation = articulation or draw.pick(ARTICULATIONS)
        mode = draw.pick(_MODE_NAMES)
        tempo = draw.between(2.0, 5.5)
        root = draw.between(-9.0, 17.0)
        return cls(
            instrument=instrument,
            articulation=articulation,
            mode=mode,
            seconds=seconds,
            tempo=tempo,
            root=root,
            backing=draw.between(0.06, 0.3) if draw.chance(0.45) else 0.0,
            snr=draw.between(8.0, 34.0),
            slope=draw.between(0.0, 2.0),
        )

    def facts(self) -> dict[str, str]:
        """What a caption may say."""
        facts = {
            "instrument": self.instrument.name,
            "family": self.instrument.family,
            "articulation": self.articulation,
            "tempo": "slow" if self.tempo < 2.8 else "fast" if self.tempo > 4.3 else "moderate",
            "register": "low" if self.root < -2.0 else "high" if self.root > 9.0 else "middle",
        }
        if self.mode in ("major", "minor"):
            facts["mode"] = self.mode
        if self.snr < 14.0:
            facts["noise"] = "noisy"
        return facts

    def labels(self) -> dict[str, str]:
        """The answers of the probe tasks."""
        return {"instrument": self.instrument.name, "articulation": self.articulation}

    def tag(self) -> str:
        """The coarse tag."""
        return self.instrument.family

    def notes(self, rng: np.random.Generator) -> list[Note]:
        """The notes: a walk over the scale, cut, repeated, stacked or slurred as the articulation asks."""
        scale, beat = MODES[self.mode], 1.0 / self.tempo
        degree = int(rng.integers(len(scale) + 1))
        onset, last = rng.uniform(0.01, 0.12), self.seconds - 0.08
        notes: list[Note] = []
        while onset < last:
            octave, place = divmod(degree, len(scale))
            pitch, rest = self.root + 12.0 * octave + scale[place], self.seconds - onset
            following = degree + int(rng.choice((-3, -2, -1, 1, 2, 3)))
            degree = following if -3 <= following <= len(scale) + 3 else len(scale) // 2
            lasts = 1  # beats until the next one
            if self.articulation == "staccato":
                notes.append(Note(onset, min(0.07, rest), pitch, pitch))
            elif self.articulation == "chords":
                lasts = 2
                third = 3.0 if 3 in scale and 4 not in scale else 4.0
                notes += [Note(onset, min(2.0 * beat, rest), pitch + k, pitch + k) for k in (0.0, third, 7.0)]
            elif self.articulation == "glide":
                lasts = 2
                to = pitch + float(rng.choice((-7.0, -5.0, 5.0, 7.0)))
                notes.append(Note(onset, min(2.0 * beat, rest), pitch, to))
            elif self.articulation == "tremolo":
                lasts = 2
                gap = 1.0 / (9.0 + self.tempo)
                times = np.arange(onset, min(onset + 2.0 * beat, last) - 0.5 * gap, gap)
                notes += [Note(float(time), 0.6 * gap, pitch, pitch) for time in times]
            else:
                notes.append(Note(onset, min(beat, rest), pitch, pitch))
            onset += lasts * beat
        return notes

    def dry(self, rng: np.random.Generator) -> Signal:
        """The instrument alone, without room, second part or background, [samples]."""
        out = silence(round(self.seconds * SAMPLE_RATE))
        brightness = rng.uniform(-0.25, 0.25)
        notes = self.notes(rng)
        # One stretch of air serves all notes, each from its own time on.
        shape = band(2.0 * _hertz(self.root) + 800.0, 1.0)
        air = noise(rng, out.size + 4800, shape) if self.instrument.breath else None
        for note in notes:
            tone = played(self.instrument, note, rng, brightness=brightness, air=air)
            add(out, tone, note.onset, rng.uniform(0.6, 1.0))
        return out

    def render(self, rng: np.random.Generator) -> Signal:
        """The clip, [samples] within [-1, 1]."""
        dry = self.dry(rng)
        if self.backing:
            part = _backing(rng, dry.size, self.tempo, self.root)
            dry = dry + np.float32(self.backing * np.abs(dry).max()) * part
        return recorded(rng, dry, noise(rng, dry.size, coloured(self.slope)), self.snr)


def _hertz(semitones: float) -> float:
    return float(220.0 * 2.0 ** (semitones / 12.0))


def played(
    instrument: Instrument,
    note: Note,
    rng: np.random.Generator,
    *,
    brightness: float = 0.0,
    air: Signal | None = None,
) -> Signal:
    """One note, [samples]: partials with their own decay, the noise of playing, vibrato and slide.

    `brightness` tilts the partials by that power of their number; `air` is the noise of breath or bow for the
    whole clip.
    """
    # A decaying note rings on a little after it is let go; a held one stops.
    ring = 0.12 if instrument.decay else 0.03
    samples = round((note.seconds + ring) * SAMPLE_RATE)
    pitch = _hertz(note.semitones)
    ratios = np.array(instrument.ratios)
    ratios = ratios[ratios * _hertz(max(note.semitones, note.to)) < 7600.0]
    levels = np.array(instrument.levels)[: ratios.size] * ratios**brightness
    if instrument.decay:
        life = instrument.decay * (220.0 / pitch) ** 0.4
        lives = life / (1.0 + instrument.damping * (ratios - 1.0))
    else:
        lives = np.full(ratios.size, np.inf)
    if note.to == note.semitones and not instrument.vibrato:
        tone = damped(pitch * ratios, lives, levels, samples, rng.uniform() / pitch)
    else:
        tone = _bent(instrument, note, samples, ratios, lives, levels, rng)
    tone /= np.float32(np.sqrt((levels**2).sum()))
    if air is not None:
        breath = air[int(note.onset * SAMPLE_RATE) :][:samples]
        tone[: breath.size] += np.float32(2.0 * instrument.breath) * breath
    tone = fade(tone, instrument.attack, ring)
    if instrument.strike:
        knock = rng.standard_normal(640, dtype=np.float32) * np.exp(moments(640) * np.float32(-1.0 / 0.006))
        add(tone, knock, 0.0, 2.0 * instrument.strike)
    return tone


def _bent(
    instrument: Instrument,
    note: Note,
    samples: int,
    ratios: Floats,
    lives: Floats,
    levels: Floats,
    rng: np.random.Generator,
) -> Signal:
    """The partials of a note whose pitch moves, [samples]."""
    now = moments(samples)
    bend = (note.to - note.semitones) * np.clip(now / note.seconds, 0.0, 1.0)
    if instrument.vibrato:
        sway = np.sin(2.0 * np.pi * rng.uniform(4.8, 6.4) * now + rng.uniform(0.0, 2.0 * np.pi))
        bend += instrument.vibrato * np.minimum(now / 0.25, 1.0) * sway
    phase = 2.0 * np.pi * (cycles(_hertz(note.semitones) * np.exp2(bend / 12.0)) + rng.uniform())
    partials = np.sin(np.outer(ratios.astype(np.float32), phase.astype(np.float32)))
    if instrument.decay:
        partials *= np.exp(np.outer((-1.0 / lives).astype(np.float32), now))
    elif instrument.swell:
        rates = 4.0 / (instrument.swell * ratios**0.7)
        partials *= 1.0 - np.exp(np.outer(-rates.astype(np.float32), now))
    return np.asarray(levels.astype(np.float32) @ partials, np.float32)


def _backing(rng: np.random.Generator, samples: int, tempo: float, root: float) -> Signal:
    """A second part of peak near one: a bass drone or ticks on the beat, [samples]."""
    if rng.uniform() < 0.5:
        now = moments(samples)
        hertz = _hertz(root - 24.0 + 7.0 * float(rng.integers(2)))
        tone = np.sin(2.0 * np.pi * hertz * now) + 0.5 * np.sin(4.0 * np.pi * hertz * now + 1.0)
        return fade(tone.astype(np.float32), 0.05, 0.05)
    out = silence(samples)
    tick = noise(rng, 1600, band(rng.uniform(800.0, 6000.0), 0.8)) * np.exp(-moments(1600) / np.float32(0.02))
    for beat in np.arange(rng.uniform(0.0, 0.2), samples / SAMPLE_RATE, 1.0 / tempo):
        add(out, tick, float(beat), 0.5)
    return out
