"""A store as it is read, without Ray: `write_part` and `write_index` directly."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from corpora import HOLDOUT, TinyCorpus, lay_down, part, write

from scaling.data.features import SAMPLE_RATE, log_mel, waveform
from scaling.data.index import write_index
from scaling.data.parts import describe
from scaling.data.store import Store, holdout_size
from scaling.data.tokenizer import normalized
from scaling.errors import StudyError
from scaling.models.formats import LogMel, Waveform


@pytest.fixture
def prepared(make_corpus: Callable[..., TinyCorpus], tmp_path: Path) -> tuple[Store, TinyCorpus]:
    """Two sources of 24 and 12 clips, all of them usable."""
    corpus = make_corpus(birds=24, dogs=12)
    description = lay_down(tmp_path / "store", corpus)
    write(tmp_path / "store", corpus, description, *range(5))
    assert write_index(tmp_path / "store") == 36
    return Store(tmp_path / "store"), corpus


def test_features_come_back_bit_for_bit(prepared: tuple[Store, TinyCorpus]):
    store, corpus = prepared
    ranked = pl.read_parquet(store.folder / "catalogue.parquet")
    clips = store.clips()
    for place, row in enumerate(ranked.iter_rows(named=True)):
        samples = waveform(row["audio"], str(corpus.root))
        there = store.log_mel(place)
        assert there.dtype == np.float16
        np.testing.assert_array_equal(there, log_mel(samples).numpy().astype(np.float16))
        assert store.frames[place] == len(there)
        described = clips.row(place, named=True)
        for name in ("rank", "id", "source", "domain", "captions", "audio"):
            assert described[name] == row[name]
        assert described["seconds"] == pytest.approx(len(samples) / SAMPLE_RATE)
        assert described["audio_hash"] == xxhash.xxh3_128_digest(samples.numpy())
        assert store.captions(place) == row["captions"]
        part, inside = int(store.index.part[place]), int(store.index.row[place])
        assert store.part(part).normalized(inside, 0.0) == normalized(row["captions"][0])
        assert store.index.sources[store.index.source[place]] == row["source"]
        assert (store.index.captions[place], store.index.seconds[place]) == (1, described["seconds"])


def test_a_store_holds_what_it_is_asked_to(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus, wide = make_corpus(birds=8), LogMel(bins=128, fft=1024)
    description = lay_down(tmp_path / "store", corpus, formats=(wide, Waveform()))
    write(tmp_path / "store", corpus, description, 0)
    write_index(tmp_path / "store")
    store = Store(tmp_path / "store")
    for place, audio in enumerate(store.clips(["audio"])["audio"]):
        samples = waveform(audio, str(corpus.root))
        np.testing.assert_array_equal(store.waveform(place), samples.numpy())
        np.testing.assert_array_equal(store.log_mel(place), log_mel(samples, wide).numpy().astype(np.float16))
        assert store.frames[place] == 1 + len(samples) // 160
    frames = np.concatenate([store.log_mel(place) for place in store.holdout.tolist()]).astype(np.float64)
    np.testing.assert_allclose(store.statistics(wide).mean, frames.mean(axis=0), atol=1e-4)
    assert store.statistics(Waveform()).mean.shape == (0,)
    with pytest.raises(
        StudyError, match=r"holds log-mels \(128 bins .*\) and audio \(16 kHz\), and asked for is log-mels"
    ):
        store.check_holds(LogMel())


def test_of_audio_alone_the_usual_log_mels_are_made(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=8)
    description = lay_down(tmp_path / "store", corpus, formats=(Waveform(),))
    write(tmp_path / "store", corpus, description, 0)
    write_index(tmp_path / "store")
    store = Store(tmp_path / "store")
    samples = waveform(store.clips(["audio"])["audio"][3], str(corpus.root))
    np.testing.assert_array_equal(store.log_mel(3), log_mel(samples).numpy().astype(np.float16))


def test_features_are_mapped_and_read_only(prepared: tuple[Store, TinyCorpus]):
    before = pa.total_allocated_bytes()
    frames = prepared[0].log_mel(0)
    assert not frames.flags.writeable
    assert not frames.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 0
    assert pa.total_allocated_bytes() - before < frames.nbytes


def test_subsets_nest_and_leave_the_holdout_alone(prepared: tuple[Store, TinyCorpus]):
    store, _ = prepared
    assert store.holdout.tolist() == [0, 1, 2, 3]
    sizes = [store.subset(n).tolist() for n in range(33)]
    for n, places in enumerate(sizes):
        assert len(places) == n
        assert places == sizes[-1][:n]
        assert not set(places) & set(store.holdout.tolist())
    with pytest.raises(StudyError, match=r"^33 clips asked for, the largest possible size here is 32$"):
        store.subset(33)


def test_a_run_that_leaves_a_source_out_uses_the_first_of_the_others(prepared: tuple[Store, TinyCorpus]):
    store, _ = prepared
    sources = store.clips()["source"].to_list()
    birds = [place for place in range(HOLDOUT, 36) if sources[place] == "birds"]
    assert store.subset(10, ["dogs"]).tolist() == birds[:10]
    assert store.subset(32, ["cats"]).tolist() == store.subset(32).tolist()
    with pytest.raises(StudyError, match=f"the largest possible size here is {len(birds)}$"):
        store.subset(len(birds) + 1, ["dogs"])


def test_a_flipped_bit_in_a_part_is_named_whatever_reads_it(prepared: tuple[Store, TinyCorpus]):
    """In the metadata, the captions, the features, the footer: of some, Arrow makes a crash, or other features."""
    store, _ = prepared
    path = part(store.folder, 1)
    whole = path.read_bytes()
    why, cure = "its bytes are not those that were written", "delete it, and the same command prepares it again"
    for place in (*range(0, len(whole), len(whole) // 40), len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        fresh = Store(store.folder)
        for read, what in ((describe, path), (fresh.log_mel, 8), (fresh.captions, 8), (fresh.clips, ["id"])):
            with pytest.raises(StudyError) as refused:
                read(what)
            assert str(refused.value) == f"{path} is damaged ({why}): {cure}"
    for bad in (b"", whole[: len(whole) // 2], b"x" * 1000):
        path.write_bytes(bad)
        with pytest.raises(StudyError, match="is damaged"):
            describe(path)
    path.unlink()
    with pytest.raises(StudyError, match=f"{path} is gone: the same command prepares it again"):
        Store(store.folder).log_mel(8)


def test_the_holdout_is_one_percent_within_bounds():
    assert [holdout_size(clips, 0.01) for clips in (100, 3200, 4060, 20_000, 10**7)] == [32, 32, 41, 200, 512]
