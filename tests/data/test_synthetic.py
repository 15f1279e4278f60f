"""The embedded corpus: pure, honest about what it holds, and measurable where it claims a frequency."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scaling.data.embedded import sounds as synthetic
from scaling.data.embedded.acoustics import SAMPLE_RATE, Signal, coloured, cycles, noise, sawtooth
from scaling.data.embedded.draws import Draw, generator
from scaling.data.embedded.events import EVENTS, TAGS
from scaling.data.embedded.instruments import INSTRUMENTS, Instrument, Note, played
from scaling.data.embedded.phrasing import GENERIC, PHRASES, STYLES, TYPO, WRONG, caption, claims
from scaling.data.embedded.sounds import (
    DOMAINS,
    PRETRAIN,
    SIZE,
    SOURCES,
    SPLIT_SIZES,
    TASKS,
    Sound,
    sound,
    waveform,
)
from scaling.data.embedded.soundscapes import PLACES
from scaling.data.embedded.voices import CAST, INTONATIONS, Speaker, Utterance, contour

SPLITS = (PRETRAIN, *SPLIT_SIZES)


def digest(indices: list[int], split: str) -> str:
    out = hashlib.blake2b(digest_size=16)
    for index in indices:
        out.update(repr(sound(index, seed=3, split=split)).encode())
        out.update(waveform(index, seed=3, split=split).tobytes())
    return out.hexdigest()


def fundamental(wave: NDArray[np.float64] | Signal, low: float, high: float) -> float:
    """The lag of the highest autocorrelation, as Hz, refined by a parabola through its neighbours."""
    spectrum = np.fft.rfft(np.asarray(wave, np.float64) * np.hanning(wave.size), 4 * wave.size)
    score = np.fft.irfft(np.abs(spectrum) ** 2)
    first, last = int(SAMPLE_RATE / high), int(SAMPLE_RATE / low) + 1
    lag = first + int(np.argmax(score[first:last]))
    left, peak, right = score[lag - 1 : lag + 2]
    return float(SAMPLE_RATE / (lag + 0.5 * (left - right) / (left - 2 * peak + right)))


class TestPurity:
    def test_same_clips_in_another_process(self) -> None:
        program = (
            "import sys; sys.path[:0] = sys.argv[1:]; from test_synthetic import digest;"
            "print(digest([5, 0, 39_999, 1], 'pretrain'), digest([7, 8, 9], 'test'))"
        )
        here = str(Path(__file__).parent)
        other = subprocess.run(
            [sys.executable, "-c", program, here, *sys.path], capture_output=True, text=True, check=True
        )
        assert other.stdout.split() == [digest([5, 0, 39_999, 1], PRETRAIN), digest([7, 8, 9], "test")]

    def test_order_does_not_matter(self) -> None:
        forward = [waveform(i, seed=0, split="val") for i in range(6)]
        backward = [waveform(i, seed=0, split="val") for i in reversed(range(6))][::-1]
        for a, b in zip(forward, backward, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_global_state_is_neither_read_nor_written(self) -> None:
        np.random.seed(1)
        before = np.random.get_state(legacy=False)
        first = waveform(4, seed=0, split="train")
        assert repr(np.random.get_state(legacy=False)) == repr(before)
        np.random.seed(2)
        np.testing.assert_array_equal(first, waveform(4, seed=0, split="train"))

    def test_splits_and_seeds_share_no_clip(self) -> None:
        seen = Counter(
            waveform(index, seed=seed, split=split).tobytes()
            for split in SPLITS for seed in (0, 1) for index in range(6)
        )  # fmt: skip
        assert len(seen) == len(SPLITS) * 2 * 6

    def test_requests_that_make_no_sense(self) -> None:
        with pytest.raises(ValueError, match="no split 'dev': there are pretrain, train"):
            sound(0, seed=0, split="dev")
        with pytest.raises(ValueError, match="no clip 300 in split 'val': it has 300"):
            waveform(300, seed=0, split="val")
        with pytest.raises(ValueError, match="no clip -1"):
            sound(-1, seed=0, split=PRETRAIN)
        sound(SIZE - 1, seed=0, split=PRETRAIN)


@pytest.mark.parametrize("split", SPLITS)
def test_samples(split: str) -> None:
    """Length as announced, float32, within [-1, 1], at least -32 dBFS at the peak, silent nowhere."""
    for index in range(36):
        what, wave = sound(index, seed=0, split=split), waveform(index, seed=0, split=split)
        assert wave.dtype == np.float32
        assert wave.shape == (round(what.seconds * SAMPLE_RATE),)
        assert 1.0 <= what.seconds <= 2.0
        assert np.isfinite(wave).all()
        assert 10 ** (-25 / 20) < np.abs(wave).max() <= 1.0
        assert wave.std() > 1e-4
        assert abs(float(wave.mean())) < 0.05


# A voice is dealt as often as the cast has speakers of it; every other label as often as the next.
SPEAKERS = Counter(f"{speaker.texture} {speaker.voice}" for speaker in CAST)


def evenness(found: Counter[str]) -> float:
    """How far apart the commonest and the rarest label are, in clips (a speaker, of a voice)."""
    shares = [count / SPEAKERS.get(label, 1) for label, count in found.items()]
    return max(shares) - min(shares)


class TestLabels:
    def test_tasks(self) -> None:
        assert len(TASKS) == 6
        assert Counter(task.domain for task in TASKS) == dict.fromkeys(DOMAINS, 2)
        sizes = {"voice": 12, "intonation": 4, "instrument": 10, "articulation": 5, "event": 14, "place": 6}
        for task in TASKS:
            for split in ("train", "test"):
                clips = [sound(index, seed=0, split=split) for index in range(SPLIT_SIZES[split])]
                found = Counter(clip.labels[task.label] for clip in clips if clip.domain == task.domain)
                assert len(found) == sizes[task.name]
                assert evenness(found) <= len(found) // 2

    def test_pairs_of_labels_are_independent(self) -> None:
        """Neither label of a domain tells the other: every pair is there, as often as the next."""
        clips = [sound(index, seed=0, split="train") for index in range(SPLIT_SIZES["train"])]
        for first, second in (TASKS[:2], TASKS[2:4], TASKS[4:]):
            pairs = Counter((c.labels[first.label], c.labels[second.label]) for c in clips if c.domain == first.domain)
            whole = len({a for a, _ in pairs}) * len({b for _, b in pairs})
            assert len(pairs) == whole
            for label in {b for _, b in pairs}:
                assert evenness(Counter({a: count for (a, b), count in pairs.items() if b == label})) <= 1

    def test_short_stretches_are_balanced_too(self) -> None:
        for task in TASKS:
            clips = [sound(index, seed=0, split="test") for index in range(252)]
            found = Counter(c.labels[task.label] for c in clips if c.domain == task.domain)
            assert evenness(found) <= 3, found

    def test_tagged(self) -> None:
        clips = [sound(index, seed=0, split="tagged") for index in range(SPLIT_SIZES["tagged"])]
        assert all(set(clip.labels) == {"tag"} for clip in clips)
        tags = {domain: Counter(c.labels["tag"] for c in clips if c.domain == domain) for domain in DOMAINS}
        assert set(tags["speech"]) == {"male voice", "female voice", "child voice"}
        assert set(tags["music"]) == {instrument.family for instrument in INSTRUMENTS}
        assert set(tags["environment"]) == set(TAGS.values())
        for found in tags.values():
            assert max(found.values()) - min(found.values()) <= 1
        assert 18 <= sum(map(len, tags.values())) <= 24

    def test_pretraining_has_none(self) -> None:
        assert not any(sound(index, seed=0, split=PRETRAIN).labels for index in range(100))


@pytest.fixture(scope="module")
def clips() -> list[Sound]:
    return [sound(index, seed=0, split=PRETRAIN) for index in range(6000)]


class TestMixture:
    def test_sources(self, clips: list[Sound]) -> None:
        assert sum(source.share for source in SOURCES) == pytest.approx(1.0)
        assert len({source.share for source in SOURCES}) >= 5
        counts = Counter(clip.source for clip in clips)
        for source in SOURCES:
            deviation = (source.share * (1 - source.share) / len(clips)) ** 0.5
            assert counts[source.name] / len(clips) == pytest.approx(source.share, abs=4 * deviation)

    def test_domains(self, clips: list[Sound]) -> None:
        counts = Counter(clip.domain for clip in clips)
        assert all(0.3 < counts[domain] / len(clips) < 0.37 for domain in DOMAINS)

    def test_captions(self, clips: list[Sound]) -> None:
        assert {len(clip.captions) for clip in clips} == {1, 2, 3}
        captions = [text for clip in clips for text in clip.captions]
        assert all(text.strip() for text in captions)
        assert len(set(captions)) > 0.85 * len(captions)
        assert len({word for text in captions for word in text.lower().split()}) > 1000


class TestPhrasing:
    attributes = tuple(name for name in PHRASES if name != "second")

    @pytest.mark.parametrize("attribute", attributes)
    def test_phrases_name_one_value(self, attribute: str) -> None:
        """The longest match wins, so "a glass smashes" is not also something shorter inside it."""
        for value, phrases in PHRASES[attribute].items():
            assert len(phrases) >= 2
            for phrase in phrases:
                assert claims(phrase, attribute) == {value}, phrase

    @pytest.mark.parametrize("style", STYLES)
    def test_careful_captions_contradict_nothing(self, style: str) -> None:
        for index in range(600):
            domain, facts = facts_of(index)
            text = caption(Draw("careful", style, index), domain, facts, style, noisy=False)
            assert not contradictions(text, domain, facts), (text, facts)

    def test_noise_is_what_it_says(self) -> None:
        wrong = generic = 0
        count = 6000
        for index in range(count):
            domain, facts = facts_of(index)
            style = STYLES[index % len(STYLES)]
            text = caption(Draw("noise", index), domain, facts, style)
            wrong += bool(contradictions(text, domain, facts))
            generic += not any(claims(text, name) for name in ATTRIBUTES[domain])
        assert 0.7 * WRONG < wrong / count < 1.2 * WRONG
        assert GENERIC * 0.7 < generic / count < (GENERIC + TYPO) * 1.2  # a misspelt word may be the only one

    def test_captions_tell_a_part(self) -> None:
        """No caption names all, nearly all name something, and every attribute is named by many."""
        named: Counter[str] = Counter()
        count, full = 3000, 0
        for index in range(count):
            domain, facts = facts_of(index)
            style = STYLES[index % len(STYLES)]
            text = caption(Draw("part", index), domain, facts, style, noisy=False)
            said = {name for name in facts if name in ATTRIBUTES[domain] and claims(text, name)}
            assert said
            full += len(said) == len(facts)
            named.update(said)
        assert full < 0.25 * count
        assert min(named[name] for name in self.attributes) > 0.02 * count, named


ATTRIBUTES = {
    "speech": ("voice", "texture", "pitch", "pace", "intonation", "noise"),
    "music": ("instrument", "family", "articulation", "mode", "tempo", "register", "noise"),
    "environment": ("event", "place"),
}


def facts_of(index: int) -> tuple[str, dict[str, str]]:
    _, domain, plan = synthetic._plan(Draw("plan", 0, PRETRAIN, index), index, PRETRAIN)
    return domain, plan.facts()


def contradictions(text: str, domain: str, facts: dict[str, str]) -> set[str]:
    """The attributes of which a caption claims what the clip is not."""
    wrong = set()
    for name in ATTRIBUTES[domain]:
        true = {facts[key] for key in (name, "second" if name == "event" else name) if key in facts}
        if claims(text, name) - true:
            wrong.add(name)
    return wrong


class TestSounds:
    @pytest.mark.parametrize("speaker", [CAST[k] for k in (0, 4, 9, 12, 17, 18, 20)], ids=lambda s: s.name)
    def test_pitch_of_a_voice(self, speaker: Speaker) -> None:
        """The median f0 over the frames of a flat phrase is what was asked, within 3 %."""
        said = Utterance.draw(Draw("pitch", speaker), 1.6, speaker=speaker, intonation="flat")
        wave = said.dry(generator("pitch", speaker))
        frames = wave[: wave.size // 640 * 640].reshape(-1, 640)
        loud = frames[(frames**2).sum(1) > np.median((frames**2).sum(1))]
        pitches = [fundamental(frame, 0.7 * said.pitch, 1.5 * said.pitch) for frame in loud]
        assert np.median(pitches) == pytest.approx(said.pitch, rel=0.03)

    def test_intonations(self) -> None:
        along = np.linspace(0.0, 1.0, 1001)
        for name in INTONATIONS:
            melody = contour(name, along, 8.0)
            assert abs(melody.mean()) < 0.02  # the mean pitch does not tell the intonation
            assert np.ptp(melody) == pytest.approx(0.0 if name == "flat" else 8.0)
        assert contour("rising", along, 8.0)[-1] > 4 > -3 > contour("rising", along, 8.0)[0]
        assert contour("falling", along, 8.0)[0] > 4 > -3 > contour("falling", along, 8.0)[-1]
        assert np.argmax(contour("rise-fall", along, 8.0)) == 500

    @pytest.mark.parametrize("intonation", ["rising", "falling"])
    def test_rendered_intonation(self, intonation: str) -> None:
        said = Utterance.draw(Draw("tone"), 1.8, speaker=CAST[13], intonation=intonation)
        wave = said.dry(generator("tone"))
        half = wave.size // 2
        pitches = []
        for part in (wave[:half], wave[half:]):
            frames = part[: part.size // 640 * 640].reshape(-1, 640)
            loud = frames[(frames**2).sum(1) > np.median((frames**2).sum(1))]
            pitches.append(np.median([fundamental(f, 0.6 * said.pitch, 1.7 * said.pitch) for f in loud]))
        assert (pitches[1] > 1.1 * pitches[0]) == (intonation == "rising")
        assert (pitches[0] > 1.1 * pitches[1]) == (intonation == "falling")

    @pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: i.name)
    def test_pitch_of_a_note(self, instrument: Instrument) -> None:
        """The strongest low partial lies where the instrument's table puts it, within 1.5 %."""
        tone = played(instrument, Note(0.0, 0.6, 3.0, 3.0), generator("note"))
        hertz = np.fft.rfftfreq(8 * tone.size, 1 / SAMPLE_RATE)
        spectrum = np.abs(np.fft.rfft(tone * np.hanning(tone.size), 8 * tone.size))
        asked = 220.0 * 2 ** (3 / 12) * np.array(instrument.ratios)
        strongest = hertz[np.argmax(spectrum)]
        assert np.abs(strongest / asked - 1).min() < 0.015
        near = (hertz > 0.95 * asked[0]) & (hertz < 1.05 * asked[0])
        assert hertz[near][np.argmax(spectrum[near])] == pytest.approx(asked[0], rel=0.015)

    def test_held_and_struck(self) -> None:
        """A struck note has lost most of its level after half a second; a held one has not."""
        for instrument in INSTRUMENTS:
            tone = played(instrument, Note(0.0, 0.6, 0.0, 0.0), generator("decay"))
            early, late = tone[1600:3200].std(), tone[6400:8000].std()
            if instrument.decay:
                assert late < 0.75 * early, instrument.name
            else:
                assert late > 0.8 * early, instrument.name

    @pytest.mark.parametrize("name", [*EVENTS, *PLACES])
    def test_events_and_places(self, name: str) -> None:
        make = EVENTS.get(name) or PLACES[name]
        for seconds in (0.3, 1.5):
            wave = make(generator("event", name, seconds), seconds)
            assert wave.dtype == np.float32
            assert wave.size <= round(seconds * SAMPLE_RATE)
            assert np.isfinite(wave).all()
            assert wave.std() > 0.01

    def test_sawtooth(self) -> None:
        """Harmonic k of 500 Hz has level 2/(pi k)."""
        wave = sawtooth(cycles(np.full(SAMPLE_RATE, 500.0)))
        level = np.abs(np.fft.rfft(wave))[500:2001:500] / (SAMPLE_RATE / 2)
        np.testing.assert_allclose(level, 2 / np.pi / np.arange(1, 5), rtol=0.06)

    @pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
    def test_colour_of_noise(self, slope: float) -> None:
        wave = noise(generator("colour"), 1 << 16, coloured(slope))
        power = np.abs(np.fft.rfft(wave)) ** 2
        hertz = np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE)
        bands = [(200.0 * 2**k, 400.0 * 2**k) for k in range(5)]
        levels = [np.log2(power[(hertz >= low) & (hertz < high)].mean()) for low, high in bands]
        assert np.polyfit(range(5), levels, 1)[0] == pytest.approx(-slope, abs=0.1)
