"""The order of an epoch: every clip once, window by window, found at once wherever one begins."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.data import order as order_module
from scaling.data.order import Order, uniforms


@pytest.fixture
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "WINDOW", 3)


def parts(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


@pytest.mark.usefixtures("_small_windows")
@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any), seed=st.integers(0, 9))
def test_an_epoch_visits_every_clip_once(sizes: list[int], seed: int):
    order = Order(parts(sizes), seed)
    clips = sum(sizes)
    drawn, epochs, _ = order.drawn(0, 3 * clips)
    for epoch in range(3):
        assert Counter(drawn[epochs == epoch].tolist()) == Counter(range(clips))
    # From anywhere the same clips follow.
    for first in (1, clips // 2, 2 * clips - 1):
        again, _, _ = Order(parts(sizes), seed).drawn(first, clips)
        assert again.tolist() == drawn[first : first + clips].tolist()


@pytest.mark.usefixtures("_small_windows")
def test_a_window_has_so_many_parts_and_they_are_known_ahead():
    part = parts([4] * 10) + 7
    order = Order(part, 0)
    assert order.windows == 4
    seen: list[int] = []
    epoch, window = 0, 0
    for _ in range(4):
        numbers = order.parts_of(epoch, window)
        assert len(numbers) == (3 if window < 3 else 1)
        clips, _, windows = order.drawn(len(seen) * 4, 4 * len(numbers))
        assert windows == [(epoch, window)]
        assert set(part[clips]) == set(numbers)
        assert not np.array_equal(clips, np.sort(clips))
        seen += numbers.tolist()
        epoch, window = order.following(epoch, window)
    assert sorted(seen) == list(range(7, 17))
    assert (epoch, window) == (1, 0)
    assert order.parts_of(1, 0).tolist() != order.parts_of(0, 0).tolist()


def test_one_window_is_shuffled_whole():
    clips, _, windows = Order(parts([256] * 4), 3).drawn(0, 1024)
    assert windows == [(0, 0)]
    # Each quarter of the epoch has some of every part.
    assert all(len(set(clips[first : first + 256] // 256)) == 4 for first in range(0, 1024, 256))


def test_draws_are_uniform_and_named_by_their_key_and_numbers():
    places = np.arange(100_000)
    first, second = uniforms("key", places, places // 7, draws=2)
    for draws in (first, second):
        assert draws.min() >= 0
        assert draws.max() < 1
        counts = np.bincount((draws * 20).astype(int))
        # Chi-square of 19 degrees of freedom.
        assert ((counts - 5000) ** 2 / 5000).sum() < 60
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.02
    assert np.array_equal(uniforms("key", places[5:9], places[5:9] // 7)[0], first[5:9])
    assert not np.array_equal(uniforms("other", places, places // 7)[0], first)
    assert len(np.unique(first)) > 99_990
