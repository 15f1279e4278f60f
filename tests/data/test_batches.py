"""Batches of clips, and of seconds: every clip once an epoch, little padding, any step found at once."""

from collections import Counter

import numpy as np
import pytest

from scaling.data.batches import OfClips, OfSeconds, unit_of
from scaling.data.order import Order

CROP = 6001


def like_captionstew(clips: int, seed: int = 0) -> np.ndarray:
    """Frames of clips of 1 to 60 s, 14 s on average."""
    seconds = np.clip(np.random.default_rng(seed).lognormal(np.log(10.4), 0.8, clips), 1, 60)
    return (1 + 100 * seconds).astype(np.int32)


def of_seconds(frames: np.ndarray, seconds: float, seed: int = 0, crop: int = CROP) -> OfSeconds:
    part = np.repeat(np.arange(-(-len(frames) // 256), dtype=np.int32), 256)[: len(frames)]
    return OfSeconds(Order(part, seed), frames, crop, seconds)


@pytest.mark.parametrize("seconds", [640.0, 5120.0])
def test_little_of_a_batch_is_padding(seconds: float):
    frames = like_captionstew(100_000)
    assert abs(frames.mean() / 100 - 14) < 0.3
    batches = of_seconds(frames, seconds)
    padded = audio = 0
    for step in range(200):
        lengths = frames[batches.draw(step).clips]
        assert lengths.max() * len(lengths) <= seconds * 100 + 1
        assert len(lengths) % batches.unit == 0
        padded += int(lengths.max()) * len(lengths)
        audio += int(lengths.sum())
    assert 1 - audio / padded < 0.05
    # And little of the seconds asked for is left empty, but where few clips must be a multiple of eight.
    assert padded / (200 * seconds * 100) > (0.95 if seconds > 1000 else 0.8)


@pytest.mark.parametrize("crop", [CROP, 900])
def test_every_clip_comes_once_an_epoch_and_all_buckets_end_it_together(crop: int):
    frames = like_captionstew(5000)
    batches = of_seconds(frames, 640.0, crop=crop)
    of_epoch: dict[int, list[int]] = {0: [], 1: []}
    for step in range(int(2.6 * batches.rates.sum())):
        draw = batches.draw(step)
        # A batch may lie across the end of an epoch, and no bucket is a batch or two before another.
        now = step / batches.rates.sum()
        assert now - 1.6 < draw.epochs.min() <= draw.epochs.max() < now + 0.6
        for epoch in (0, 1):
            of_epoch[epoch] += draw.clips[draw.epochs == epoch].tolist()
    for epoch in (0, 1):
        assert Counter(of_epoch[epoch]) == Counter(range(5000))
    assert of_epoch[0] != of_epoch[1]


def test_a_step_is_found_at_once_and_the_clips_before_it_are_counted():
    frames = like_captionstew(20_000)
    one, other = of_seconds(frames, 640.0), of_seconds(frames, 640.0)
    seen = 0
    for step in range(700):
        assert one.clips_seen(step) == seen
        seen += len(one.draw(step).clips)
    for step in (699, 300, 512, 0, 255, 256):
        a, b = one.draw(step), other.draw(step)
        assert np.array_equal(a.clips, b.clips)
        assert np.array_equal(a.epochs, b.epochs)
    assert not np.array_equal(of_seconds(frames, 640.0, seed=1).draw(3).clips, one.draw(3).clips)
    # Whose turn it is follows no pattern of its own.
    turns = [int(one._bucket(frames[one.draw(step).clips[:1]])[0]) for step in range(200)]
    assert len({tuple(turns[first : first + 5]) for first in range(0, 200, 5)}) > 35


def test_few_clips_make_few_buckets():
    batches = of_seconds(like_captionstew(40), 640.0)
    assert len(batches.longest) == 1
    assert batches.clips.tolist() == [40]
    assert len(set(batches.draw(0).clips.tolist())) == len(batches.draw(0).clips)


def test_what_workers_can_share():
    assert [unit_of(512_001, 6001), unit_of(64_001, 6001), unit_of(6001, 6001), unit_of(100, 6001)] == [16, 8, 1, 1]
    assert unit_of(4_096_001, 6001) == 128
    batches = of_seconds(like_captionstew(5000), 5120.0)
    assert [workers for workers in (1, 2, 3, 8, 16, 32) if batches.shares(workers)] == [1, 2, 8, 16]
    clips = OfClips(batches.order, 12)
    assert [workers for workers in (1, 2, 3, 5, 8, 12) if clips.shares(workers)] == [1, 2, 3, 12]
    assert clips.clips_seen(5) == 60
