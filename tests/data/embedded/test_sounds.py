"""The embedded corpus: pure, honest about what it holds, and measurable where it claims a frequency."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scaling.data.embedded.acoustics import SAMPLE_RATE
from scaling.data.embedded.events import TAGS
from scaling.data.embedded.instruments import INSTRUMENTS
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
from scaling.data.embedded.voices import CAST

SPLITS = (PRETRAIN, *SPLIT_SIZES)


def digest(indices: list[int], split: str) -> str:
    out = hashlib.blake2b(digest_size=16)
    for index in indices:
        out.update(repr(sound(index, seed=3, split=split)).encode())
        out.update(waveform(index, seed=3, split=split).tobytes())
    return out.hexdigest()


class TestPurity:
    def test_same_clips_in_another_process(self) -> None:
        program = (
            "import sys; sys.path[:0] = sys.argv[1:]; from test_sounds import digest;"
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
