"""Parts and the index over them, without Ray: `write_part` and `write_index` directly."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from corpora import HOLDOUT, PART_CLIPS, TinyCorpus, lay_down, spoiled, tone, write

from scaling.data.features import SAMPLE_RATE, log_mel, waveform
from scaling.data.parts import describe, part_name
from scaling.data.store import (
    Description,
    Store,
    holdout_size,
    prepared_parts,
    read_description,
    write_index,
)
from scaling.errors import StudyError
from scaling.storage.files import read_json, write_json


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
    for place, row in enumerate(ranked.iter_rows(named=True)):
        samples = waveform(row["audio"], str(corpus.root))
        there = store.log_mel(place)
        assert there.dtype == np.float16
        np.testing.assert_array_equal(there, log_mel(samples).numpy().astype(np.float16))
        assert store.frames[place] == len(there)
        described = store.index.row(place, named=True)
        for name in ("rank", "id", "source", "domain", "captions", "audio"):
            assert described[name] == row[name]
        assert described["seconds"] == pytest.approx(len(samples) / SAMPLE_RATE)
        assert described["audio_hash"] == hashlib.blake2b(samples.numpy().tobytes(), digest_size=16).digest()
    assert store.captions(np.array([3, 1])) == [ranked["captions"][3].to_list(), ranked["captions"][1].to_list()]


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
    sources = store.index["source"].to_list()
    birds = [place for place in range(HOLDOUT, 36) if sources[place] == "birds"]
    assert store.subset(10, ["dogs"]).tolist() == birds[:10]
    assert store.subset(32, ["cats"]).tolist() == store.subset(32).tolist()
    with pytest.raises(StudyError, match=f"the largest possible size here is {len(birds)}$"):
        store.subset(len(birds) + 1, ["dogs"])


def test_nothing_is_left_out_unseen(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=20, dogs=5)
    reasons = spoiled(corpus)
    # Two pairs play the same samples; of each the clip of higher rank goes.
    for name in ("copy-1", "copy-2"):
        corpus.add("dogs", name, tone(int(name[-1])))
    lines = sum(map(len, corpus.cuts.values()))
    folder = tmp_path / "store"
    description = lay_down(folder, corpus)
    write(folder, corpus, description, *range(4))
    leaked = describe(folder / part_name(0))[0].row(0, named=True)
    usable = write_index(folder, [leaked["audio_hash"]])

    store = Store(folder)
    rejects = pl.read_parquet(folder / "rejects.parquet")
    assert usable == len(store)
    assert usable + len(rejects) == lines
    assert not set(store.index["id"]) & set(rejects["id"])
    found = dict(rejects.select("id", "reason").iter_rows())
    assert len(found) == len(rejects)
    assert {name: found.pop(name) for name in reasons} == reasons
    assert found.pop(leaked["id"]) == "leak: same audio as a labelled test or validation clip"
    # Of a pair whose first clip is the leak, the second is one too.
    assert set(found.values()) <= {
        "same audio as an earlier clip",
        "leak: same audio as a labelled test or validation clip",
    }
    assert len(found) == 2
    hashes = store.index["audio_hash"]
    assert hashes.n_unique() == len(hashes)
    ranks = dict(pl.read_parquet(folder / "catalogue.parquet").select("id", "rank").iter_rows())
    for name, reason in found.items():
        if reason.startswith("same"):
            twin = f"birds/00{name[-1]}" if name.startswith("dogs/copy") else f"dogs/copy-{name[-1]}"
            assert ranks[twin] < ranks[name]
    manifest_stage = rejects.filter(pl.col("stage") == "manifest")["id"].to_list()
    assert sorted(manifest_stage) == ["dogs/brief", "dogs/lengthy", "dogs/mute"]


def test_a_part_without_one_usable_clip(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=0)
    for index in range(PART_CLIPS):
        corpus.add("birds", str(index), None)
    folder = tmp_path / "store"
    write(folder, corpus, lay_down(folder, corpus), 0)
    assert write_index(folder) == 0
    clips, rejects = describe(folder / part_name(0))
    assert len(clips) == 0
    assert rejects["reason"].to_list() == ["missing audio file"] * PART_CLIPS
    assert len(Store(folder).subset(0)) == 0


def test_only_parts_without_a_gap_count(prepared: tuple[Store, TinyCorpus]):
    store, _ = prepared
    (store.folder / part_name(2)).unlink()
    (store.folder / f".{part_name(2)}.0123abcd.tmp").write_bytes(b"half")
    assert prepared_parts(store.folder) == [0, 1, 3, 4]
    assert write_index(store.folder) == 16
    assert Store(store.folder).index["rank"].to_list() == list(range(16))


def test_a_damaged_part_is_named(prepared: tuple[Store, TinyCorpus]):
    path = prepared[0].folder / part_name(1)
    whole = path.read_bytes()
    for bad in (b"", whole[: len(whole) // 2], b"x" * 1000):
        path.write_bytes(bad)
        with pytest.raises(StudyError, match=f"{part_name(1)} is damaged: delete it"):
            write_index(prepared[0].folder)


def test_a_store_of_another_version_is_refused(prepared: tuple[Store, TinyCorpus]):
    folder = prepared[0].folder
    assert read_description(folder) == prepared[0].description
    fields = read_json(folder / "store.json")
    for change in ({"version": 0}, {"format": {**fields["format"], "mel_bins": 64}}):
        write_json(folder / "store.json", {**fields, **change})
        with pytest.raises(StudyError, match=f"the store in {folder} is of version") as refused:
            Store(folder)
        assert "\n" not in str(refused.value)


def test_no_store(tmp_path: Path):
    assert read_description(tmp_path) is None
    with pytest.raises(StudyError, match="no prepared store in"):
        Store(tmp_path)


def test_the_fingerprint_knows_every_field():
    one = Description("digest", 100, 32, 1.0, 60.0)
    others = [replace(one, digest="x"), replace(one, clips=9), replace(one, holdout=9), replace(one, min_seconds=0.5)]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert replace(one).fingerprint == one.fingerprint


def test_the_holdout_is_one_percent_within_bounds():
    assert [holdout_size(clips, 0.01) for clips in (100, 3200, 4060, 20_000, 10**7)] == [32, 32, 41, 200, 512]
