"""The index over parts, without Ray: only what is new is read, and a start that dies leaves the old one or the new."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpora import PART_CLIPS, TinyCorpus, lay_down, part, spoiled, tone, write
from made_store import made_store

from scaling.data import index as indexing
from scaling.data.index import indexed_parts, write_index
from scaling.data.parts import describe, prepared_parts
from scaling.data.store import Store
from scaling.errors import StudyError


@pytest.fixture
def prepared(make_corpus: Callable[..., TinyCorpus], tmp_path: Path) -> Store:
    """Two sources of 24 and 12 clips, all of them usable, the last part not indexed yet."""
    corpus = make_corpus(birds=24, dogs=12)
    description = lay_down(tmp_path / "store", corpus)
    write(tmp_path / "store", corpus, description, *range(4))
    assert write_index(tmp_path / "store") == 32
    write(tmp_path / "store", corpus, description, 4)
    return Store(tmp_path / "store")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_nothing_is_left_out_unseen(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=20, dogs=5)
    reasons = spoiled(corpus)
    # Two pairs play the same samples; of each the clip of higher rank goes.
    for name in ("copy-1", "copy-2"):
        corpus.add("dogs", name, tone(int(name[-1])))
    lines = sum(map(len, corpus.cuts.values()))
    folder, by_parts = tmp_path / "store", tmp_path / "by-parts"
    description = lay_down(folder, corpus)
    write(folder, corpus, description, *range(4))
    leaked = describe(part(folder, 0))[0].row(0, named=True)
    usable = write_index(folder, [leaked["audio_hash"]])
    # Part after part gives the same bytes.
    lay_down(by_parts, corpus)
    for number in range(4):
        write(by_parts, corpus, description, number)
        write_index(by_parts, [leaked["audio_hash"]])
    assert bytes_of(folder) == bytes_of(by_parts)

    store = Store(folder)
    clips = store.clips()
    rejects = pl.read_parquet(folder / "rejects.parquet")
    assert usable == len(store)
    assert usable + len(rejects) == lines
    assert not set(clips["id"]) & set(rejects["id"])
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
    assert clips["audio_hash"].n_unique() == len(clips)
    ranks = dict(pl.read_parquet(folder / "catalogue.parquet").select("id", "rank").iter_rows())
    for name, reason in found.items():
        if reason.startswith("same"):
            twin = f"birds/00{name[-1]}" if name.startswith("dogs/copy") else f"dogs/copy-{name[-1]}"
            assert ranks[twin] < ranks[name]
    manifest_stage = rejects.filter(pl.col("stage") == "manifest")["id"].to_list()
    assert sorted(manifest_stage) == ["dogs/brief", "dogs/lengthy", "dogs/mute"]


def test_a_part_without_one_usable_clip(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=0)
    for number in range(PART_CLIPS):
        corpus.add("birds", str(number), None)
    folder = tmp_path / "store"
    write(folder, corpus, lay_down(folder, corpus), 0)
    assert write_index(folder) == 0
    clips, rejects = describe(part(folder, 0))
    assert len(clips) == 0
    assert rejects["reason"].to_list() == ["missing audio file"] * PART_CLIPS
    assert len(Store(folder).subset(0)) == 0


def test_only_what_is_new_is_read(prepared: Store, monkeypatch: pytest.MonkeyPatch):
    """Old parts are neither opened nor touched; a reader that opened the store before sees what it saw."""
    old = prepared.index.parts
    before = {name: (prepared.folder / name).stat() for name in old}
    read: list[str] = []

    def counted(path: Path, *arguments: Any) -> Any:
        read.append(path.name)
        return describe(path, *arguments)

    monkeypatch.setattr(indexing, "describe", counted)
    assert write_index(prepared.folder) == 36
    assert read == [part(prepared.folder, 4).name]
    assert write_index(prepared.folder) == 36
    assert len(read) == 1
    after = {name: (prepared.folder / name).stat() for name in old}
    assert all(after[name].st_mtime_ns == before[name].st_mtime_ns for name in old)
    assert len(prepared) == 32
    assert prepared.captions(31)
    grown = Store(prepared.folder)
    assert len(grown) == 36
    assert grown.index.parts[:4] == old


def test_only_parts_without_a_gap_count(prepared: Store):
    folder = prepared.folder
    write_index(folder)
    gone = part(folder, 2)
    content = gone.read_bytes()
    gone.unlink()
    (folder / f".{gone.name}.0123abcd.tmp").write_bytes(b"half")
    assert list(prepared_parts(folder)) == [0, 1, 3, 4]
    assert write_index(folder) == 16
    assert Store(folder).clips()["rank"].to_list() == list(range(16))
    gone.write_bytes(content)
    assert write_index(folder) == 36


def test_of_two_parts_of_one_number_the_indexed_one_stays(prepared: Store, tmp_path: Path):
    """Its audio has changed since, say; a person's file that is no part stays whatever it is called."""
    folder = prepared.folder
    number, one = 1, part(folder, 1)
    rest = one.read_bytes()
    other = folder / f"part-{number:06d}-{'0' * 32}.arrow"
    own = folder / "part-000001-mine.arrow"
    for path in (other, own):
        path.write_bytes(rest)
    assert write_index(folder) == 36
    assert prepared_parts(folder)[number] == [one.name]
    assert own.exists()


def test_a_part_may_be_full(tmp_path: Path):
    made_store(tmp_path / "store", 600, frames=3)
    store = Store(tmp_path / "store")
    assert len(store) == 600
    assert store.index.row[[0, 255, 256, 599]].tolist() == [0, 255, 0, 87]
    assert store.clip_id(599) == "made/599"


class KilledError(Exception):
    pass


@pytest.mark.parametrize("writes", range(4))
def test_a_start_killed_between_two_writes_is_repaired_by_the_next(
    prepared: Store, monkeypatch: pytest.MonkeyPatch, writes: int
):
    """The index, the rejects, `store.json`, and what they replace: after each the process is gone."""
    folder = prepared.folder
    clips = prepared.clips()
    done = 0

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal done
            if done == writes:
                raise KilledError
            done += 1
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_named", "write_parquet", "seal", "remove"):
            patch.setattr(indexing, name, dying(getattr(indexing, name)))
        with pytest.raises(KilledError):
            write_index(folder)
    # A reader at that moment.
    seen = Store(folder)
    assert len(seen) == (36 if writes == 3 else 32)
    assert seen.clips().head(32).equals(clips)
    # The next start.
    assert write_index(folder) == 36
    assert len(Store(folder)) == 36
    assert len(list(folder.glob("index-*"))) == 1 + (writes == 3)
    rejects = pl.read_parquet(folder / "rejects.parquet")
    assert len(rejects) == 0


@pytest.mark.parametrize("name", ["index", "rejects.parquet"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_flipped_bit_in_what_is_derived_is_mended(prepared: Store, name: str, place: float):
    folder = prepared.folder
    write_index(folder)
    whole = bytes_of(folder)
    [path] = folder.glob(f"{name}*")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    if name == "index":
        assert indexed_parts(folder) == 0
        with pytest.raises(StudyError, match=r"index-\w+\.arrow is damaged .*: delete it"):
            Store(folder)
    assert write_index(folder) == 36
    assert bytes_of(folder) == whole
