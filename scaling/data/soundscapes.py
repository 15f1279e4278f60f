"""Environment-like clips: one or two sound events, each made by rule, over the noise of a place."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaling.data.acoustics import (
    SAMPLE_RATE,
    Signal,
    add,
    band,
    coloured,
    convolved,
    cycles,
    damped,
    fade,
    moments,
    noise,
    recorded,
    sawtooth,
    silence,
)
from scaling.data.draws import Draw

Maker = Callable[[np.random.Generator, float], Signal]
"""(generator, seconds) -> [samples]."""


def _samples(seconds: float) -> int:
    return max(round(seconds * SAMPLE_RATE), 160)


def _resonant(wave: Signal, hertz: float, width: float) -> Signal:
    """The wave through one resonance at this frequency with this bandwidth in Hz, [samples]."""
    ringing = moments(int(2.5 * SAMPLE_RATE / width))
    return convolved(wave, np.exp(-np.pi * width * ringing) * np.sin(2.0 * np.pi * hertz * ringing))


def _unit(wave: Signal) -> Signal:
    return np.asarray(wave / np.float32(np.abs(wave).max() + 1e-9), np.float32)


def _repeated(rng: np.random.Generator, seconds: float, gap: float, one: Callable[[], Signal], wobble: float) -> Signal:
    """One sound after another, `gap` seconds apart give or take `wobble` of it, [samples]."""
    out = silence(_samples(seconds))
    onset = 0.0
    while onset < seconds - 0.04:
        add(out, one(), onset, rng.uniform(0.6, 1.0))
        onset += gap * rng.uniform(1.0 - wobble, 1.0 + wobble)
    return out


def _dog(rng: np.random.Generator, seconds: float) -> Signal:
    base, throat = rng.uniform(260.0, 560.0), rng.uniform(800.0, 1500.0)

    def bark() -> Signal:
        samples = _samples(rng.uniform(0.12, 0.2))
        along = np.linspace(0.0, 1.0, samples)
        voice = sawtooth(cycles(base * (0.8 + 0.6 * np.sin(np.pi * along**0.6))))
        rough = voice + 0.5 * rng.standard_normal(samples, dtype=np.float32)
        return fade(_unit(_resonant(rough, throat, 400.0)), 0.01, 0.07)

    return _repeated(rng, seconds, rng.uniform(0.28, 0.5), bark, 0.15)


def _cat(rng: np.random.Generator, seconds: float) -> Signal:
    base = rng.uniform(420.0, 720.0)

    def meow() -> Signal:
        samples = _samples(rng.uniform(0.45, 0.7))
        along = np.linspace(0.0, 1.0, samples)
        voice = sawtooth(cycles(base * (1.0 + 0.45 * np.sin(np.pi * along**0.7) - 0.25 * along)))
        opening = np.sin(np.pi * along).astype(np.float32)
        mouth = (1.0 - opening) * _resonant(voice, 900.0, 200.0) + opening * _resonant(voice, 2000.0, 350.0)
        return fade(_unit(mouth.astype(np.float32)), 0.08, 0.2)

    return _repeated(rng, seconds, rng.uniform(0.7, 1.0), meow, 0.1)


def _bird(rng: np.random.Generator, seconds: float) -> Signal:
    base, span, length = rng.uniform(2400.0, 5000.0), rng.uniform(-0.35, 0.4), rng.uniform(0.05, 0.12)
    trill = rng.uniform(0.0, 0.08)

    def chirp() -> Signal:
        samples = _samples(length)
        along = np.linspace(0.0, 1.0, samples)
        hertz = base * (1.0 + span * along + trill * np.sin(2.0 * np.pi * 4.0 * along))
        return fade(np.sin(2.0 * np.pi * cycles(hertz)).astype(np.float32), 0.01, 0.03)

    return _repeated(rng, seconds, length + rng.uniform(0.03, 0.14), chirp, 0.25)


def _siren(rng: np.random.Generator, seconds: float) -> Signal:
    now = moments(_samples(seconds))
    low, rate = rng.uniform(450.0, 800.0), rng.uniform(0.6, 3.0)
    wave = 0.5 + 0.5 * np.sin(2.0 * np.pi * (rate * now + rng.uniform()))
    if rng.uniform() < 0.35:  # two-tone
        wave = np.round(wave)
    phase = 2.0 * np.pi * cycles(low * (1.0 + rng.uniform(0.35, 1.0) * wave))
    tone = np.sin(phase) + 0.5 * np.sin(2.0 * phase) + 0.35 * np.sin(3.0 * phase)
    return fade(tone.astype(np.float32), 0.03, 0.05)


def _alarm(rng: np.random.Generator, seconds: float) -> Signal:
    now = moments(_samples(seconds))
    phase = 2.0 * np.pi * rng.uniform(900.0, 3200.0) * now
    tone = np.sin(phase) + 0.3 * np.sin(3.0 * phase)
    gate = (now * rng.uniform(2.5, 6.0)) % 1.0 < rng.uniform(0.4, 0.65)
    smooth = np.convolve(gate, np.full(80, 1.0 / 80.0), "same")
    return np.asarray(tone * smooth, np.float32)


def _bell(rng: np.random.Generator, seconds: float) -> Signal:
    # Hum, prime, tierce, quint, nominal and above: the partials of a church bell (Fletcher and Rossing).
    ratios = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.0, 4.0])
    base, life = rng.uniform(280.0, 800.0), rng.uniform(0.3, 0.9)
    levels = np.array([0.6, 0.8, 0.9, 0.4, 1.0, 0.4, 0.5, 0.4, 0.4])

    def stroke() -> Signal:
        return _unit(damped(base * ratios, life / ratios**0.5, levels, _samples(min(seconds, 1.2))))

    return _repeated(rng, seconds, rng.uniform(0.5, 1.1), stroke, 0.05)


def _knock(rng: np.random.Generator, seconds: float) -> Signal:
    modes = rng.uniform(130.0, 320.0) * np.array([1.0, 1.7, 2.9, 4.3])

    def rap() -> Signal:
        samples = _samples(0.14)
        wood = damped(modes, np.array([0.03, 0.02, 0.012, 0.008]), np.array([1.0, 0.8, 0.6, 0.5]), samples)
        click = noise(rng, samples, band(1800.0, 1.0)) * np.exp(-moments(samples) / np.float32(0.003))
        return _unit(wood + 0.5 * click)

    return _repeated(rng, seconds, rng.uniform(0.15, 0.3), rap, 0.12)


def _footsteps(rng: np.random.Generator, seconds: float) -> Signal:
    heel, sole = rng.uniform(250.0, 700.0), rng.uniform(1200.0, 3500.0)

    def step() -> Signal:
        samples = _samples(0.2)
        now = moments(samples)
        out = noise(rng, samples, band(heel, 0.7)) * np.exp(-now / np.float32(0.018))
        scrape = noise(rng, samples, band(sole, 0.8)) * np.exp(-(((now - 0.09) / 0.03) ** 2))
        return _unit(out + 0.35 * scrape)

    return _repeated(rng, seconds, rng.uniform(0.35, 0.6), step, 0.06)


def _engine(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    along = np.linspace(0.0, 1.0, samples)
    phase = cycles(rng.uniform(28.0, 95.0) * (1.0 + rng.uniform(-0.35, 0.6) * along))
    fire = (1.0 - phase % 1.0).astype(np.float32) ** 3
    uneven = 1.0 + 0.5 * np.cos(np.pi * np.floor(phase)).astype(np.float32)
    body = fire * uneven * (0.8 + 0.5 * rng.standard_normal(samples, dtype=np.float32))
    return fade(_unit(_resonant(body, rng.uniform(120.0, 500.0), 300.0) + 0.3 * body), 0.05, 0.05)


def _glass(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(min(seconds, 0.9))
    out = silence(samples)
    crash = noise(rng, samples, band(5000.0, 0.7)) * np.exp(-moments(samples) / np.float32(0.05))
    out += 0.7 * _unit(crash)
    for onset in np.sort(rng.exponential(0.12, 9)):
        shards = rng.uniform(2300.0, 7500.0, 3)
        piece = damped(shards, rng.uniform(0.02, 0.09, 3), np.full(3, 0.3), 3200)
        add(out, piece, float(onset), rng.uniform(0.3, 1.0))
    return _unit(out)


def _drops(rng: np.random.Generator, seconds: float) -> Signal:
    base = rng.uniform(500.0, 1300.0)

    def drop() -> Signal:
        # A bubble closing under the surface: a decaying sine that climbs (van den Doel 2005).
        samples = _samples(0.09)
        now = moments(samples)
        hertz = base * rng.uniform(0.8, 1.5) * (1.0 + rng.uniform(6.0, 14.0) * now)
        return np.asarray(np.sin(2.0 * np.pi * cycles(hertz)) * np.exp(-now / np.float32(0.02)), np.float32)

    return _repeated(rng, seconds, rng.uniform(0.12, 0.32), drop, 0.5)


def _applause(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    strikes = rng.random(samples) < rng.uniform(25.0, 90.0) / SAMPLE_RATE
    pulses = np.where(strikes, rng.uniform(0.3, 1.0, samples), 0.0)
    palm = np.exp(-moments(400) / np.float32(0.005)) * rng.standard_normal(400, dtype=np.float32)
    claps = convolved(pulses.astype(np.float32), palm)
    return fade(_unit(_resonant(claps, rng.uniform(900.0, 1900.0), 900.0)), 0.05, 0.1)


def _gust(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    now = moments(samples)
    swell = 0.5 - 0.5 * np.cos(2.0 * np.pi * (now * rng.uniform(0.6, 1.2) + rng.uniform(0.0, 0.3)))
    low = noise(rng, samples, band(rng.uniform(200.0, 420.0), 0.5))
    whistle = noise(rng, samples, band(rng.uniform(500.0, 1100.0), 0.12))
    return fade(_unit((low * (0.3 + swell) + 0.8 * whistle * swell**2).astype(np.float32)), 0.1, 0.1)


def _saw(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    turn = moments(samples) * rng.uniform(1.6, 3.2) + rng.uniform()
    push = np.abs(np.sin(np.pi * turn)) ** 1.5
    teeth = 0.5 + 0.5 * np.sign(np.sin(2.0 * np.pi * cycles(60.0 + 120.0 * push)))
    rasp = noise(rng, samples, band(rng.uniform(1800.0, 3400.0), 0.7))
    return _unit((rasp * push * (0.25 + teeth)).astype(np.float32))


EVENTS: dict[str, Maker] = {
    "dog": _dog,
    "cat": _cat,
    "bird": _bird,
    "siren": _siren,
    "alarm": _alarm,
    "bell": _bell,
    "knock": _knock,
    "footsteps": _footsteps,
    "engine": _engine,
    "glass": _glass,
    "drops": _drops,
    "applause": _applause,
    "gust": _gust,
    "saw": _saw,
}

TAGS = {
    "dog": "animal",
    "cat": "animal",
    "bird": "bird",
    "siren": "warning signal",
    "alarm": "warning signal",
    "bell": "bell",
    "knock": "impact",
    "footsteps": "impact",
    "engine": "engine",
    "glass": "breaking",
    "drops": "water",
    "applause": "crowd",
    "gust": "wind",
    "saw": "tool",
}


def _street(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    now = moments(samples)
    rumble = noise(rng, samples, coloured(rng.uniform(0.6, 2.0)))
    passing = np.exp(-(((now - rng.uniform(0.0, seconds)) / 0.45) ** 2))
    tyres = noise(rng, samples, band(rng.uniform(500.0, 2500.0), 1.2))
    return np.asarray(rumble + 1.2 * passing * tyres, np.float32)


def _rain(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    patter = np.where(rng.random(samples) < 300.0 / SAMPLE_RATE, rng.exponential(1.0, samples), 0.0)
    splash = np.exp(-moments(96) / np.float32(0.0012)) * rng.standard_normal(96, dtype=np.float32)
    struck = convolved(patter.astype(np.float32), splash)
    hiss = noise(rng, samples, band(rng.uniform(1200.0, 5000.0), 1.4))
    return np.asarray(hiss + struck / struck.std(), np.float32)


def _sea(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    swell = 0.5 + 0.5 * np.sin(2.0 * np.pi * (moments(samples) * rng.uniform(0.35, 0.7) + rng.uniform()))
    wash = noise(rng, samples, coloured(rng.uniform(0.0, 1.6)))
    return np.asarray(wash * (0.12 + swell**2), np.float32)


def _machinery(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    angle = 2.0 * np.pi * float(rng.choice([50.0, 60.0, 75.0, 100.0])) * moments(samples)
    hum = sum(np.sin(k * angle + k) / k**0.7 for k in (1, 2, 3, 4, 6, 8, 12))
    hiss = noise(rng, samples, coloured(rng.uniform(0.3, 1.5)))
    return np.asarray(hum + rng.uniform(0.4, 1.2) * hiss, np.float32)


def _forest(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    now = moments(samples)
    grid = np.arange(0.0, seconds + 0.1, 0.07)
    flutter = np.interp(now, grid, rng.random(grid.size))
    leaves = noise(rng, samples, band(rng.uniform(1200.0, 4800.0), 1.3)) * flutter
    chirr = np.sin(2.0 * np.pi * rng.uniform(3000.0, 5800.0) * now)
    return np.asarray(leaves + 0.3 * chirr * ((now * rng.uniform(14.0, 24.0)) % 1.0 < 0.4), np.float32)


def _crowd(rng: np.random.Generator, seconds: float) -> Signal:
    samples = _samples(seconds)
    out = silence(samples)
    grid = np.arange(0.0, seconds + 0.2, 0.11)
    for _ in range(2):  # babble: speech-band noise, each voice with its own syllables
        talk = np.interp(moments(samples), grid, rng.random(grid.size) ** 2)
        out += (noise(rng, samples, band(rng.uniform(350.0, 2500.0), 0.9)) * talk).astype(np.float32)
    return out


PLACES: dict[str, Maker] = {
    "street": _street,
    "rain": _rain,
    "sea": _sea,
    "machinery": _machinery,
    "forest": _forest,
    "crowd": _crowd,
}
_EVENT_NAMES = tuple(EVENTS)
_PLACE_NAMES = tuple(PLACES)


@dataclass(frozen=True, slots=True)
class Scene:
    """A main event, perhaps a second one after it, somewhere."""

    event: str
    second: str | None
    place: str
    seconds: float
    onset: float  # seconds
    length: float  # seconds of the main event
    second_onset: float  # seconds
    second_level: float  # relative to the main event
    snr: float  # dB
    hiss: float  # plain noise in the background, relative to the place
    slope: float  # of its power spectrum

    @classmethod
    def draw(cls, draw: Draw, seconds: float, *, event: str | None = None, place: str | None = None) -> "Scene":
        """One scene; what is given is kept, the rest is drawn."""
        event = event or draw.pick(_EVENT_NAMES)
        second = draw.pick(_EVENT_NAMES) if draw.chance(0.5) else None
        onset = draw.between(0.0, 0.25)
        whole = seconds - onset
        length = draw.between(0.5, 0.7) * whole if second else draw.between(0.6, 1.0) * whole
        return cls(
            event=event,
            second=None if second == event else second,
            place=place or draw.pick(_PLACE_NAMES),
            seconds=seconds,
            onset=onset,
            length=length,
            second_onset=onset + length * draw.between(0.75, 1.0),
            second_level=draw.between(0.3, 0.8),
            snr=draw.between(0.0, 12.0),
            hiss=draw.between(0.0, 0.4),
            slope=draw.between(0.0, 2.0),
        )

    def facts(self) -> dict[str, str]:
        """What a caption may say."""
        facts = {"event": self.event, "place": self.place}
        if self.second is not None:
            facts["second"] = self.second
        return facts

    def labels(self) -> dict[str, str]:
        """The answers of the probe tasks."""
        return {"event": self.event, "place": self.place}

    def tag(self) -> str:
        """The coarse tag."""
        return TAGS[self.event]

    def dry(self, rng: np.random.Generator) -> Signal:
        """The events alone, [samples]."""
        out = silence(_samples(self.seconds))
        add(out, _unit(EVENTS[self.event](rng, self.length)), self.onset)
        if self.second is not None:
            rest = max(self.seconds - self.second_onset, 0.1)
            add(out, _unit(EVENTS[self.second](rng, rest)), self.second_onset, self.second_level)
        return out

    def render(self, rng: np.random.Generator) -> Signal:
        """The clip, [samples] within [-1, 1]."""
        dry = self.dry(rng)
        around = PLACES[self.place](rng, self.seconds)
        plain = noise(rng, dry.size, coloured(self.slope))
        return recorded(rng, dry, around + np.float32(self.hiss * float(around.std())) * plain, self.snr)
