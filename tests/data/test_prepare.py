"""Preparation: how far it reads on, and what it leaves; with a writer in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from corpora import HOLDOUT, PART_CLIPS, TinyCorpus, lay_down, part, spoiled, tone, write

from scaling.data import prepare as preparation
from scaling.data.description import Description
from scaling.data.index import write_index
from scaling.data.parts import prepared_parts, write_part
from scaling.data.prepare import Preparation, UnpreparedError, catalogue_rows, prepare, prepare_subsets
from scaling.data.store import Store, read_tokenizer
from scaling.errors import StudyError
from scaling.study.run import Subset


def write_parts(folder: Path, audio_root: str, description: Description, numbers: list[int]) -> Iterator[int]:
    """One part after another, here."""
    for number in numbers:
        rows = catalogue_rows(folder, number, description.part_clips)
        write_part(rows, folder, number, read_tokenizer(folder), audio_root, description.limits)
        yield number


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_sizes_are_exact_growth_is_incremental_and_interruption_leaves_no_trace(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path
):
    corpus = make_corpus(birds=20, dogs=10)
    reasons = spoiled(corpus)
    corpus.add("dogs", "copy", tone(3))
    lines = sum(map(len, corpus.cuts.values()))
    usable = 30
    grown, once = tmp_path / "grown", tmp_path / "once"
    description = lay_down(grown, corpus)
    lay_down(once, corpus)

    # A small size: the first parts and no others.
    assert prepare(grown, str(corpus.root), 8, write_parts) >= 8
    few = list(prepared_parts(grown))
    assert few == list(range(len(few)))
    assert len(few) * PART_CLIPS < description.clips
    before = {number: part(grown, number).stat() for number in few}
    subset = Store(grown).clips()["id"].gather(Store(grown).subset(8)).to_list()

    # Preparing it again asks Ray for nothing.
    assert (
        prepare(grown, str(corpus.root), 8, write_parts, report=lambda _: pytest.fail("there is nothing to prepare"))
        >= 8
    )

    # Interrupted while it grows: a hole in the middle, and half a part.
    first = part(grown, 0)
    first.rename(tmp_path / "kept")
    (grown / f".{part(grown, 1).name}.0123abcd.tmp").write_bytes(b"half a part")
    told: list[Preparation] = []
    assert prepare(grown, str(corpus.root), usable - HOLDOUT, write_parts, report=told.append) == usable - HOLDOUT
    assert told[-1].clips == told[-1].of
    assert first.read_bytes() == (tmp_path / "kept").read_bytes()
    for number in few[1:]:
        after = part(grown, number).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before[number].st_ino, before[number].st_mtime_ns)
    store = Store(grown)
    assert store.clips()["id"].gather(store.subset(8)).to_list() == subset

    # Every clip is accounted for, and the whole is what preparing it at once makes.
    rejects = pl.read_parquet(grown / "rejects.parquet")
    assert len(store) + len(rejects) == lines
    found = dict(rejects.select("id", "reason").iter_rows())
    assert {name: found.pop(name) for name in reasons} == reasons
    assert list(found.values()) == ["same audio as an earlier clip"]
    write(once, corpus, description, *prepared_parts(grown))
    assert write_index(once) == usable
    assert bytes_of(once) == bytes_of(grown)

    # One more than there are: the line names the size that then works.
    with pytest.raises(StudyError, match=f"the largest possible size here is {usable - HOLDOUT}: ") as refused:
        prepare(grown, str(corpus.root), usable - HOLDOUT + 1, write_parts)
    assert "\n" not in str(refused.value)
    assert prepare(grown, str(corpus.root), None, write_parts) == usable - HOLDOUT
    assert len(Store(grown).subset(usable - HOLDOUT)) == usable - HOLDOUT


def test_an_estimate_of_the_space_stops_before_anything_is_written(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    corpus = make_corpus(birds=20)
    lay_down(tmp_path / "store", corpus)
    before = bytes_of(tmp_path / "store")
    # 20 clips of 0.3 s are 6 s: 600 frames of 80 float16.
    usage = type("Usage", (), {"free": 6 * 100 * 80 * 2 - 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(StudyError, match="no space left for the store"):
        prepare(tmp_path / "store", str(corpus.root), None, write_parts)
    assert bytes_of(tmp_path / "store") == before


def test_what_is_prepared_can_be_asked_for_without_writing(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus, folder = make_corpus(birds=20), tmp_path / "store"
    lay_down(folder, corpus)
    with pytest.raises(UnpreparedError):
        prepare(folder, str(corpus.root), 8, None)
    prepare(folder, str(corpus.root), 8, write_parts)
    (folder / ".part-000001.arrow.0123abcd.tmp").write_bytes(b"of a start that was killed")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert prepare(folder, str(corpus.root), 8, None) >= 8
    assert prepare_subsets(folder, str(corpus.root), [Subset(8)], None) >= 8
    for wanted, hashes in ((16, ()), (None, ()), (8, (b"0123456789abcdef",))):
        with pytest.raises(UnpreparedError):
            prepare(folder, str(corpus.root), wanted, None, test_hashes=hashes)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_what_is_written_is_indexed_now_and_then(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A start that dies with the parts half written finds what it had indexed."""
    monkeypatch.setattr(preparation, "INDEXED_PARTS", 2)
    corpus = make_corpus(birds=40)
    lay_down(tmp_path / "store", corpus)

    def dying(folder: Path, audio_root: str, description: Description, numbers: list[int]) -> Iterator[int]:
        yield from write_parts(folder, audio_root, description, numbers[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "store", str(corpus.root), None, dying)
    assert len(Store(tmp_path / "store")) == 2 * PART_CLIPS
    assert prepare(tmp_path / "store", str(corpus.root), None, write_parts) == 40 - HOLDOUT


def test_no_catalogue(tmp_path: Path):
    with pytest.raises(StudyError, match="no catalogue in"):
        prepare(tmp_path, "", 8, write_parts)


def test_clips_are_prepared_until_enough_have_a_caption_of_the_style(tmp_path: Path):
    corpus, folder = TinyCorpus(tmp_path / "audio"), tmp_path / "store"
    for number in range(40):
        # Every fourth has tags, and one of these no sound.
        captions = [f"bird {number}", f"tags {number}"][: 1 + (number % 4 == 0)]
        corpus.add("birds", f"{number:03d}", None if number == 0 else tone(number), captions)
        corpus.cuts["birds"][-1]["supervisions"][0]["custom"]["caption_style"] = ["human", "attribute"]
    lay_down(folder, corpus)
    tagged = [row for row in pl.read_parquet(folder / "catalogue.parquet")["captions"].slice(HOLDOUT) if len(row) == 2]
    wanted = len(tagged) - 1
    prepare_subsets(folder, str(corpus.root), [Subset(wanted, style="attribute")], write_parts)
    assert len(Store(folder).subset(wanted, style="attribute")) == wanted
    with pytest.raises(StudyError, match=rf"{wanted + 2} clips with a caption of style attribute asked .* at most"):
        prepare_subsets(folder, str(corpus.root), [Subset(wanted + 2, style="attribute")], write_parts)
