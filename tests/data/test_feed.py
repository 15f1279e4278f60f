"""Batches are a pure function of (subset, seed, step)."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from corpora import TinyCorpus, clips_of_many_lengths, lay_down, tone, write
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.data.features import log_mel
from scaling.data.feed import Feed, padded
from scaling.data.index import write_index
from scaling.data.store import Store
from scaling.data.tokenizer import caption_number, normalized
from scaling.errors import StudyError
from scaling.models.formats import LogMel, Waveform

CLIPS, CROP = 40, 0.2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """40 clips of 0.2 to 0.4 s with three captions each; every fifth shares its first one."""
    root = tmp_path_factory.mktemp("feed")
    corpus = TinyCorpus(root / "audio")
    for index in range(CLIPS):
        first = "the same words" if index % 5 == 0 else f"first of {index}"
        captions = [first, f"second of {index}", f"third of {index}"]
        corpus.add("birds", f"{index:03d}", tone(index, 0.2 + 0.005 * index), captions)
    description = lay_down(root / "store", corpus)
    write(root / "store", corpus, description, *range(5))
    assert write_index(root / "store") == CLIPS
    return Store(root / "store")


@pytest.fixture(scope="module")
def feed(store: Store) -> Feed:
    return Feed(store, store.subset(30), store.holdout, seed=0, batch_size=8, crop_seconds=CROP, max_tokens=16)


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key


def words(feed: Feed, batch: dict[str, torch.Tensor]) -> list[str]:
    vocabulary = ["", "?", "", "", "", *feed.store.tokenizer.words]
    return [" ".join(filter(None, (vocabulary[i] for i in row))) for row in batch["tokens"].tolist()]


def test_a_batch_is_a_function_of_seed_and_step(feed: Feed):
    assert_same(feed.batch(5), feed.batch(5))
    # A process that starts at step 5 sees what one that began at 0 sees.
    list(feed.stream(0, 5))
    assert_same(feed.batch(5), replace(feed).batch(5))
    assert not torch.equal(feed.batch(5)["caption"], feed.batch(6)["caption"])
    assert not torch.equal(feed.batch(5)["caption"], replace(feed, seed=1).batch(5)["caption"])


@settings(max_examples=30, deadline=None)
@given(clips=st.integers(1, 36), batch_size=st.integers(1, 50), seed=st.integers(0, 3))
def test_an_epoch_visits_every_clip_once(store: Store, clips: int, batch_size: int, seed: int):
    feed = Feed(store, store.subset(clips), store.holdout, seed, batch_size, CROP, 16)
    steps = [feed.drawn(step) for step in range(-(-3 * clips // batch_size))]
    places = np.concatenate([drawn for drawn, _ in steps])
    epochs = np.concatenate([epoch for _, epoch in steps])
    for epoch in range(3):
        assert Counter(places[epochs == epoch].tolist()) == Counter(store.subset(clips).tolist())


def test_epochs_have_orders_of_their_own(feed: Feed):
    feed = replace(feed, batch_size=30)
    orders = {tuple(feed.drawn(epoch)[0].tolist()) for epoch in range(4)}
    assert len(orders) == 4


def test_twins_draw_the_same_captions_and_crops_whatever_their_size(feed: Feed):
    """A clip's caption and crop in an epoch depend on (clip, epoch, seed), so twins of another size, batch size
    or set of workers share them."""

    def drawn(feed: Feed) -> dict[tuple[int, int], tuple[str, bytes]]:
        found = {}
        for step in range(2 * len(feed.places) // feed.batch_size):
            places, epochs = feed.drawn(step)
            batch = feed.batch(step)
            for row, text in enumerate(words(feed, batch)):
                frames = batch["features"][row, : batch["lengths"][row]].numpy().tobytes()
                found[int(places[row]), int(epochs[row])] = text, frames
        return found

    one = drawn(feed)
    other = drawn(replace(feed, places=feed.store.subset(12), batch_size=3))
    assert len(other) == 24
    shared = one.keys() & other.keys()
    assert len(shared) > 20
    assert all(one[key] == other[key] for key in shared)


def test_every_caption_of_a_clip_is_drawn_in_time(feed: Feed):
    feed = replace(feed, places=feed.places[:1], batch_size=60)
    counts = Counter(words(feed, feed.batch(0)))
    assert len(counts) == 3
    assert min(counts.values()) > 8


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_shares_of_workers_make_up_the_batch_of_one(feed: Feed, workers: int):
    whole = feed.batch(2)
    seen = 0
    for worker in range(workers):
        share = feed.batch(2, worker, workers)
        rows = list(range(worker, 8, workers))
        seen += len(rows)
        assert torch.equal(share["caption"], whole["caption"][rows])
        assert torch.equal(share["lengths"], whole["lengths"][rows])
        longest = share["tokens"].shape[1]
        assert torch.equal(share["tokens"], whole["tokens"][rows, :longest])
        assert not whole["tokens"][rows, longest:].any()
        frames = share["features"].shape[1]
        assert torch.equal(share["features"], whole["features"][rows, :frames])
    assert seen == 8


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_batch_of_seconds_is_the_same_for_any_number_of_workers(feed: Feed, workers: int):
    feed = replace(feed, batch_seconds=3.5)
    for step in (0, 7):
        whole = feed.batch(step)
        assert whole["features"].shape[0] * whole["features"].shape[1] <= 351
        shares = [feed.batch(step, worker, workers) for worker in range(workers)]
        assert len({len(share["lengths"]) for share in shares}) == 1
        for worker, share in enumerate(shares):
            assert torch.equal(share["caption"], whole["caption"][worker::workers])
            assert torch.equal(share["lengths"], whole["lengths"][worker::workers])
    # One that starts in the middle sees what one that began at the beginning sees.
    for batch, step in zip(feed.stream(5, 9, threads=3), range(5, 9), strict=True):
        assert_same(batch, feed.batch(step))


def test_crops_lie_within_their_clips_and_reach_both_ends(feed: Feed):
    store = feed.store
    longest = int(feed.places[store.frames[feed.places].argmax()])
    whole = store.log_mel(longest).astype(np.float32)
    spare = len(whole) - feed.crop_frames
    assert spare > 10
    one = replace(feed, places=np.array([longest]), batch_size=200)
    batch = one.batch(0)
    assert batch["lengths"].tolist() == [feed.crop_frames] * 200
    starts = set()
    for crop in batch["features"].numpy():
        (start,) = [s for s in range(spare + 1) if np.array_equal(whole[s : s + feed.crop_frames], crop)]
        starts.add(start)
    assert {0, spare} <= starts
    assert len(starts) == spare + 1


def test_short_clips_are_whole_and_padded_with_zeros(store: Store):
    places = np.array([int(store.frames.argmin()), int(store.frames.argmax())])
    batch = padded(store, places, np.zeros(2, np.int64), 1000)
    lengths = store.frames[places]
    assert batch["lengths"].tolist() == lengths.tolist()
    assert batch["lengths"].dtype == torch.int64
    assert batch["features"].shape == (2, lengths[1], 80)
    assert not batch["features"][0, lengths[0] :].any()
    for row, place in enumerate(places):
        np.testing.assert_array_equal(batch["features"][row, : lengths[row]].numpy(), store.log_mel(int(place)))


FORMATS = (LogMel(), LogMel(bins=128, hop=80, fft=1024), Waveform())


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Clips of 0.2 to 0.9 s in several formats."""
    return clips_of_many_lengths(tmp_path_factory.mktemp("several"), FORMATS)


def test_twins_hear_the_same_stretch_of_a_clip_in_whatever_format(several: Store):
    feeds = [Feed(several, several.subset(20), several.holdout, 0, 8, 0.4, 16, heard=heard) for heard in FORMATS]
    plain, wide, audio = (feed.batch(3) for feed in feeds)
    assert (plain["lengths"] < 41).any()
    assert (plain["lengths"] == 41).any()
    for row, (length, samples) in enumerate(zip(plain["lengths"].tolist(), audio["lengths"].tolist(), strict=True)):
        assert length == 1 + samples // 160
        assert wide["lengths"][row] == 1 + samples // 80
        # Away from the ends, where one sees what the other does not, they are the same sound.
        inside = slice(3, length - 3)
        made = log_mel(audio["features"][row, :samples])[inside]
        torch.testing.assert_close(made, plain["features"][row, inside].float(), atol=0.02, rtol=0)
    assert (audio["features"].shape, audio["features"].dtype) == ((8, 6400), torch.float32)
    assert (wide["features"].shape, wide["features"].dtype) == ((8, 81, 128), torch.float16)
    shortest = int(audio["lengths"].argmin())
    assert not audio["features"][shortest, audio["lengths"][shortest] :].any()
    for key in ("tokens", "caption"):
        assert torch.equal(plain[key], wide[key])
        assert torch.equal(plain[key], audio[key])
    for feed in feeds:
        holdout = next(feed.holdout())
        assert holdout["features"].shape[1] == holdout["lengths"].max()


def test_a_format_that_the_store_does_not_hold_is_refused(store: Store):
    with pytest.raises(
        StudyError, match=r"holds log-mels \(80 bins.*, and asked for is audio \(16 kHz\): give another"
    ):
        Feed(store, store.subset(8), store.holdout, 0, 8, 0.2, 16, heard=Waveform())


def test_equal_captions_have_equal_numbers(feed: Feed):
    everything = replace(feed, places=feed.store.subset(36), batch_size=4 * 36).batch(0)
    texts = words(feed, everything)
    numbers = everything["caption"].tolist()
    assert len(set(texts)) == len(set(numbers)) == len(set(zip(texts, numbers, strict=True)))
    assert max(Counter(texts).values()) > 1
    assert min(numbers) >= 0


def test_a_stream_is_its_batches_in_order(feed: Feed):
    for first, last in ((0, 0), (3, 4), (3, 5), (2, 9)):
        streamed = list(feed.stream(first, last, 1, 2))
        assert len(streamed) == last - first
        for step, batch in zip(range(first, last), streamed, strict=True):
            assert_same(batch, feed.batch(step, 1, 2))


def test_the_holdout_is_the_same_every_time(feed: Feed):
    feed = replace(feed, batch_size=3)
    one, other = list(feed.holdout()), list(replace(feed, seed=9).holdout())
    assert [len(batch["lengths"]) for batch in one] == [3, 1]
    for a, b in zip(one, other, strict=True):
        assert_same(a, b)
    firsts = [caption_number(normalized(feed.store.captions(place)[0])) for place in feed.holdout_places]
    assert torch.cat([batch["caption"] for batch in one]).tolist() == firsts


def test_batches_with_labels(feed: Feed):
    labels = np.arange(2 * CLIPS).reshape(CLIPS, 2)
    batch = replace(feed, labels=labels).batch(4)
    assert set(batch) == {"features", "lengths", "labels"}
    assert batch["labels"].tolist() == labels[feed.drawn(4)[0]].tolist()
    assert torch.equal(batch["features"], feed.batch(4)["features"])
