"""Environment-like clips: one or two sound events over the noise of a place."""

from dataclasses import dataclass

import numpy as np

from scaling.data.embedded.acoustics import (
    SAMPLE_RATE,
    Signal,
    add,
    band,
    coloured,
    convolved,
    moments,
    noise,
    recorded,
    sample_count,
    silence,
    unit,
)
from scaling.data.embedded.draws import Draw
from scaling.data.embedded.events import EVENTS, TAGS, Maker


def _street(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    now = moments(samples)
    rumble = noise(rng, samples, coloured(rng.uniform(0.6, 2.0)))
    passing = np.exp(-(((now - rng.uniform(0.0, seconds)) / 0.45) ** 2))
    tyres = noise(rng, samples, band(rng.uniform(500.0, 2500.0), 1.2))
    return np.asarray(rumble + 1.2 * passing * tyres, np.float32)


def _rain(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    patter = np.where(rng.random(samples) < 300.0 / SAMPLE_RATE, rng.exponential(1.0, samples), 0.0)
    splash = np.exp(-moments(96) / np.float32(0.0012)) * rng.standard_normal(96, dtype=np.float32)
    struck = convolved(patter.astype(np.float32), splash)
    hiss = noise(rng, samples, band(rng.uniform(1200.0, 5000.0), 1.4))
    return np.asarray(hiss + struck / struck.std(), np.float32)


def _sea(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    swell = 0.5 + 0.5 * np.sin(2.0 * np.pi * (moments(samples) * rng.uniform(0.35, 0.7) + rng.uniform()))
    wash = noise(rng, samples, coloured(rng.uniform(0.0, 1.6)))
    return np.asarray(wash * (0.12 + swell**2), np.float32)


def _machinery(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    angle = 2.0 * np.pi * float(rng.choice([50.0, 60.0, 75.0, 100.0])) * moments(samples)
    hum = sum(np.sin(k * angle + k) / k**0.7 for k in (1, 2, 3, 4, 6, 8, 12))
    hiss = noise(rng, samples, coloured(rng.uniform(0.3, 1.5)))
    return np.asarray(hum + rng.uniform(0.4, 1.2) * hiss, np.float32)


def _forest(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    now = moments(samples)
    grid = np.arange(0.0, seconds + 0.1, 0.07)
    flutter = np.interp(now, grid, rng.random(grid.size))
    leaves = noise(rng, samples, band(rng.uniform(1200.0, 4800.0), 1.3)) * flutter
    chirr = np.sin(2.0 * np.pi * rng.uniform(3000.0, 5800.0) * now)
    return np.asarray(leaves + 0.3 * chirr * ((now * rng.uniform(14.0, 24.0)) % 1.0 < 0.4), np.float32)


def _crowd(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
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
        out = silence(sample_count(self.seconds))
        add(out, unit(EVENTS[self.event](rng, self.length)), self.onset)
        if self.second is not None:
            rest = max(self.seconds - self.second_onset, 0.1)
            add(out, unit(EVENTS[self.second](rng, rest)), self.second_onset, self.second_level)
        return out

    def render(self, rng: np.random.Generator) -> Signal:
        """The clip, [samples] within [-1, 1]."""
        dry = self.dry(rng)
        around = PLACES[self.place](rng, self.seconds)
        plain = noise(rng, dry.size, coloured(self.slope))
        return recorded(rng, dry, around + np.float32(self.hiss * float(around.std())) * plain, self.snr)
