"""Sound events, each made by rule."""

from collections.abc import Callable

import numpy as np

from scaling.data.embedded.acoustics import (
    SAMPLE_RATE,
    Signal,
    add,
    band,
    convolved,
    cycles,
    damped,
    fade,
    moments,
    noise,
    sample_count,
    sawtooth,
    silence,
    unit,
)

Maker = Callable[[np.random.Generator, float], Signal]
"""(generator, seconds) -> [samples]."""


def _resonant(wave: Signal, hertz: float, width: float) -> Signal:
    """The wave through one resonance at this frequency with this bandwidth in Hz, [samples]."""
    ringing = moments(int(2.5 * SAMPLE_RATE / width))
    return convolved(wave, np.exp(-np.pi * width * ringing) * np.sin(2.0 * np.pi * hertz * ringing))


def _repeated(rng: np.random.Generator, seconds: float, gap: float, one: Callable[[], Signal], wobble: float) -> Signal:
    """One sound after another, `gap` seconds apart give or take `wobble` of it, [samples]."""
    out = silence(sample_count(seconds))
    onset = 0.0
    while onset < seconds - 0.04:
        add(out, one(), onset, rng.uniform(0.6, 1.0))
        onset += gap * rng.uniform(1.0 - wobble, 1.0 + wobble)
    return out


def _dog(rng: np.random.Generator, seconds: float) -> Signal:
    base, throat = rng.uniform(260.0, 560.0), rng.uniform(800.0, 1500.0)

    def bark() -> Signal:
        samples = sample_count(rng.uniform(0.12, 0.2))
        along = np.linspace(0.0, 1.0, samples)
        voice = sawtooth(cycles(base * (0.8 + 0.6 * np.sin(np.pi * along**0.6))))
        rough = voice + 0.5 * rng.standard_normal(samples, dtype=np.float32)
        return fade(unit(_resonant(rough, throat, 400.0)), 0.01, 0.07)

    return _repeated(rng, seconds, rng.uniform(0.28, 0.5), bark, 0.15)


def _cat(rng: np.random.Generator, seconds: float) -> Signal:
    base = rng.uniform(420.0, 720.0)

    def meow() -> Signal:
        samples = sample_count(rng.uniform(0.45, 0.7))
        along = np.linspace(0.0, 1.0, samples)
        voice = sawtooth(cycles(base * (1.0 + 0.45 * np.sin(np.pi * along**0.7) - 0.25 * along)))
        opening = np.sin(np.pi * along).astype(np.float32)
        mouth = (1.0 - opening) * _resonant(voice, 900.0, 200.0) + opening * _resonant(voice, 2000.0, 350.0)
        return fade(unit(mouth.astype(np.float32)), 0.08, 0.2)

    return _repeated(rng, seconds, rng.uniform(0.7, 1.0), meow, 0.1)


def _bird(rng: np.random.Generator, seconds: float) -> Signal:
    base, span, length = rng.uniform(2400.0, 5000.0), rng.uniform(-0.35, 0.4), rng.uniform(0.05, 0.12)
    trill = rng.uniform(0.0, 0.08)

    def chirp() -> Signal:
        samples = sample_count(length)
        along = np.linspace(0.0, 1.0, samples)
        hertz = base * (1.0 + span * along + trill * np.sin(2.0 * np.pi * 4.0 * along))
        return fade(np.sin(2.0 * np.pi * cycles(hertz)).astype(np.float32), 0.01, 0.03)

    return _repeated(rng, seconds, length + rng.uniform(0.03, 0.14), chirp, 0.25)


def _siren(rng: np.random.Generator, seconds: float) -> Signal:
    now = moments(sample_count(seconds))
    low, rate = rng.uniform(450.0, 800.0), rng.uniform(0.6, 3.0)
    wave = 0.5 + 0.5 * np.sin(2.0 * np.pi * (rate * now + rng.uniform()))
    if rng.uniform() < 0.35:  # two-tone
        wave = np.round(wave)
    phase = 2.0 * np.pi * cycles(low * (1.0 + rng.uniform(0.35, 1.0) * wave))
    tone = np.sin(phase) + 0.5 * np.sin(2.0 * phase) + 0.35 * np.sin(3.0 * phase)
    return fade(tone.astype(np.float32), 0.03, 0.05)


def _alarm(rng: np.random.Generator, seconds: float) -> Signal:
    now = moments(sample_count(seconds))
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
        return unit(damped(base * ratios, life / ratios**0.5, levels, sample_count(min(seconds, 1.2))))

    return _repeated(rng, seconds, rng.uniform(0.5, 1.1), stroke, 0.05)


def _knock(rng: np.random.Generator, seconds: float) -> Signal:
    modes = rng.uniform(130.0, 320.0) * np.array([1.0, 1.7, 2.9, 4.3])

    def rap() -> Signal:
        samples = sample_count(0.14)
        wood = damped(modes, np.array([0.03, 0.02, 0.012, 0.008]), np.array([1.0, 0.8, 0.6, 0.5]), samples)
        click = noise(rng, samples, band(1800.0, 1.0)) * np.exp(-moments(samples) / np.float32(0.003))
        return unit(wood + 0.5 * click)

    return _repeated(rng, seconds, rng.uniform(0.15, 0.3), rap, 0.12)


def _footsteps(rng: np.random.Generator, seconds: float) -> Signal:
    heel, sole = rng.uniform(250.0, 700.0), rng.uniform(1200.0, 3500.0)

    def step() -> Signal:
        samples = sample_count(0.2)
        now = moments(samples)
        out = noise(rng, samples, band(heel, 0.7)) * np.exp(-now / np.float32(0.018))
        scrape = noise(rng, samples, band(sole, 0.8)) * np.exp(-(((now - 0.09) / 0.03) ** 2))
        return unit(out + 0.35 * scrape)

    return _repeated(rng, seconds, rng.uniform(0.35, 0.6), step, 0.06)


def _engine(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    along = np.linspace(0.0, 1.0, samples)
    phase = cycles(rng.uniform(28.0, 95.0) * (1.0 + rng.uniform(-0.35, 0.6) * along))
    fire = (1.0 - phase % 1.0).astype(np.float32) ** 3
    uneven = 1.0 + 0.5 * np.cos(np.pi * np.floor(phase)).astype(np.float32)
    body = fire * uneven * (0.8 + 0.5 * rng.standard_normal(samples, dtype=np.float32))
    return fade(unit(_resonant(body, rng.uniform(120.0, 500.0), 300.0) + 0.3 * body), 0.05, 0.05)


def _glass(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(min(seconds, 0.9))
    out = silence(samples)
    crash = noise(rng, samples, band(5000.0, 0.7)) * np.exp(-moments(samples) / np.float32(0.05))
    out += 0.7 * unit(crash)
    for onset in np.sort(rng.exponential(0.12, 9)):
        shards = rng.uniform(2300.0, 7500.0, 3)
        piece = damped(shards, rng.uniform(0.02, 0.09, 3), np.full(3, 0.3), 3200)
        add(out, piece, float(onset), rng.uniform(0.3, 1.0))
    return unit(out)


def _drops(rng: np.random.Generator, seconds: float) -> Signal:
    base = rng.uniform(500.0, 1300.0)

    def drop() -> Signal:
        # A bubble closing under the surface: a decaying sine that climbs (van den Doel 2005).
        samples = sample_count(0.09)
        now = moments(samples)
        hertz = base * rng.uniform(0.8, 1.5) * (1.0 + rng.uniform(6.0, 14.0) * now)
        return np.asarray(np.sin(2.0 * np.pi * cycles(hertz)) * np.exp(-now / np.float32(0.02)), np.float32)

    return _repeated(rng, seconds, rng.uniform(0.12, 0.32), drop, 0.5)


def _applause(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    strikes = rng.random(samples) < rng.uniform(25.0, 90.0) / SAMPLE_RATE
    pulses = np.where(strikes, rng.uniform(0.3, 1.0, samples), 0.0)
    palm = np.exp(-moments(400) / np.float32(0.005)) * rng.standard_normal(400, dtype=np.float32)
    claps = convolved(pulses.astype(np.float32), palm)
    return fade(unit(_resonant(claps, rng.uniform(900.0, 1900.0), 900.0)), 0.05, 0.1)


def _gust(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    now = moments(samples)
    swell = 0.5 - 0.5 * np.cos(2.0 * np.pi * (now * rng.uniform(0.6, 1.2) + rng.uniform(0.0, 0.3)))
    low = noise(rng, samples, band(rng.uniform(200.0, 420.0), 0.5))
    whistle = noise(rng, samples, band(rng.uniform(500.0, 1100.0), 0.12))
    return fade(unit((low * (0.3 + swell) + 0.8 * whistle * swell**2).astype(np.float32)), 0.1, 0.1)


def _saw(rng: np.random.Generator, seconds: float) -> Signal:
    samples = sample_count(seconds)
    turn = moments(samples) * rng.uniform(1.6, 3.2) + rng.uniform()
    push = np.abs(np.sin(np.pi * turn)) ** 1.5
    teeth = 0.5 + 0.5 * np.sign(np.sin(2.0 * np.pi * cycles(60.0 + 120.0 * push)))
    rasp = noise(rng, samples, band(rng.uniform(1800.0, 3400.0), 0.7))
    return unit((rasp * push * (0.25 + teeth)).astype(np.float32))


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
