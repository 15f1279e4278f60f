"""A corpus read whole: nothing held out is trained on, and what cannot be used leaves nothing behind."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from corpora import TinyCorpus, lhotse_cut
from task_files import ENTRY, ROWS, write_tasks

from scaling.data import corpus as corpus_module
from scaling.data.corpus import Contents, ensure_catalogues, open_source
from scaling.data.description import CATALOGUE, read_description, read_store_file
from scaling.data.readers import lhotse
from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.models.formats import LogMel, Waveform
from scaling.storage import cache
from scaling.storage.digest import file_digest
from scaling.study.study import Corpus


def test_the_real_training_manifests_leak_nothing(realstew: Path, tmp_path: Path):
    corpus = Corpus(
        (str(realstew / "manifests" / "*.jsonl.gz"),), str(realstew), str(realstew / "tasks.toml"), min_seconds=0.1
    )
    source = open_source(corpus)
    description = ensure_catalogues(source, tmp_path / "store")
    ranked = pl.read_parquet(tmp_path / "store" / "catalogue.parquet")
    held_out = source.labelled.held_out_ids()
    assert not set(ranked["audio"]) & held_out
    # Given every manifest, those of val and test too, the clips of the tasks' val and test are kept out.
    rejects = pl.read_parquet(tmp_path / "store" / "manifest-rejects.parquet")
    leaks = rejects.filter(pl.col("reason").str.starts_with("leak"))
    # One of them is too short by itself.
    assert set(leaks["audio"]) < held_out <= set(rejects["audio"])
    assert len(leaks) == len(held_out) - 1
    assert description.clips == len(ranked) == 5481 - len(rejects)


def corpus_with_tasks(corpus: TinyCorpus, name: str) -> Corpus:
    """The corpus with a task whose test clip is `sounds/3.flac`, and a clip that names it as `name`."""
    rows = [{**row, "file": f"{row['file'][0]:0>3}.flac"} for row in ROWS]
    tasks = write_tasks(corpus.root, ENTRY, rows=rows)
    corpus.cuts["sounds"].append(lhotse_cut("again", name, 0.3, ["again"]))
    return Corpus(corpus.manifests(), str(corpus.root), str(tasks), min_seconds=0.1)


@pytest.mark.parametrize(
    "written", ["sounds/003.flac", "./sounds/003.flac", "sounds/../sounds/003.flac", "sounds//003.flac", "{}"]
)
def test_held_out_recordings_are_never_in_the_mixture(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, written: str
):
    corpus = make_corpus(sounds=10)
    absolute = os.path.join(corpus.root, "sounds/003.flac")  # noqa: PTH118
    ensure_catalogues(open_source(corpus_with_tasks(corpus, written.format(absolute))), tmp_path / "store")
    ranked = pl.read_parquet(tmp_path / "store" / "catalogue.parquet")
    # Of ten clips and the one written otherwise, 2 (val) and 3 (test) are gone, and 3 once more.
    assert sorted(ranked["id"]) == [f"sounds/{i:03d}" for i in (0, 1, 4, 5, 6, 7, 8, 9)]
    rejects = pl.read_parquet(tmp_path / "store" / "manifest-rejects.parquet")
    assert sorted(rejects["id"]) == ["sounds/002", "sounds/003", "sounds/again"]
    assert rejects["reason"].str.starts_with("leak").all()


def test_a_corpus_that_cannot_be_used_leaves_nothing_behind(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(sounds=10)
    good = corpus_with_tasks(corpus, "sounds/000.flac")
    elsewhere = Corpus(good.manifests, str(tmp_path), good.tasks, min_seconds=0.1)
    too_short = Corpus(good.manifests, good.audio_root, good.tasks, min_seconds=1.0)
    for bad, cause in ((elsewhere, "are not under the audio root"), (too_short, "no clip of the corpus can be used")):
        with pytest.raises(StudyError, match=cause) as refused:
            ensure_catalogues(open_source(bad), tmp_path / "store")
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "store").exists()
    # The same corpus finds its store again; another is refused.
    made = ensure_catalogues(open_source(good), tmp_path / "store")
    assert ensure_catalogues(open_source(good), tmp_path / "store") == made == read_description(tmp_path / "store")
    for change in ({"salt": "other"}, {"min_seconds": 0.2}):
        with pytest.raises(StudyError, match="was made from another corpus"):
            ensure_catalogues(open_source(replace(good, **change)), tmp_path / "store")
    # What was lost of it is laid down again, as it was.
    before = contents(tmp_path / "store")
    for name in ("catalogue.parquet", "labelled/tasks.json"):
        (tmp_path / "store" / name).unlink()
        ensure_catalogues(open_source(good), tmp_path / "store")
        assert contents(tmp_path / "store") == before
    with pytest.raises(StudyError, match="no prepared store"):
        Store(tmp_path / "store")


def test_a_store_in_other_formats_is_refused_in_one_line(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = corpus_with_tasks(make_corpus(sounds=10), "sounds/000.flac")
    made = ensure_catalogues(open_source(corpus, (LogMel(), Waveform())), tmp_path / "store")
    assert made.formats == (LogMel(), Waveform())
    labelled = read_description(tmp_path / "store" / "labelled")
    assert labelled is not None
    assert labelled.formats == made.formats
    # More than is asked for does no harm.
    for some in ((LogMel(),), (Waveform(),)):
        assert ensure_catalogues(open_source(corpus, some), tmp_path / "store") == made
    before = contents(tmp_path / "store")
    with pytest.raises(StudyError) as refused:
        ensure_catalogues(open_source(corpus, (LogMel(bins=128),)), tmp_path / "store")
    there, asked = (
        f"log-mels ({bins} bins of 25 ms every 10 ms at 16 kHz, FFT 512, floor 1e-06)" for bins in (80, 128)
    )
    assert str(refused.value) == (
        f"the store in {tmp_path / 'store'} holds {there} and audio (16 kHz), and asked for is {asked}: give another "
        "folder with --store or --out"
    )
    assert contents(tmp_path / "store") == before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_of_a_folder_that_holds_something_else_is_touched(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path
):
    source = open_source(corpus_with_tasks(make_corpus(sounds=10), "sounds/000.flac"))
    folder = tmp_path / "mine"
    (folder / "labelled").mkdir(parents=True)
    for name in ("labelled/years.csv", "tokenizer.json", "catalogue.parquet"):
        (folder / name).write_text("of another project")
    before = contents(folder)
    with pytest.raises(StudyError, match=r"mine holds no store, but catalogue.parquet and more: give a new or empty"):
        ensure_catalogues(source, folder)
    assert contents(folder) == before


def test_a_request_that_is_refused_leaves_the_store_as_it_was(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    source = open_source(corpus_with_tasks(make_corpus(sounds=10), "sounds/000.flac"))
    asked: list[Contents] = []

    def refuse(store: Contents) -> None:
        asked.append(store)
        raise StudyError("too many clips")

    folder = tmp_path / "new"
    with pytest.raises(StudyError, match="too many clips"):
        ensure_catalogues(source, folder, refuse)
    assert not folder.exists()
    ensure_catalogues(source, folder)
    (folder / "labelled" / "years.csv").write_text("mine")
    before = contents(folder)
    with pytest.raises(StudyError, match="too many clips"):
        ensure_catalogues(source, folder, refuse)
    assert contents(folder) == before
    # What is asked of a store to be is what is asked of one that is.
    first, second = asked
    assert first.description == second.description
    assert first.vocabulary == second.vocabulary > 5
    assert first.clips.equals(second.clips)


def test_a_store_that_was_only_begun_is_laid_down_again(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = open_source(corpus_with_tasks(make_corpus(sounds=10), "sounds/000.flac"))
    once, folder = tmp_path / "once", tmp_path / "store"
    made = ensure_catalogues(source, once)
    real, written = corpus_module.create_store, []

    def die_at_the_second(*arguments: object) -> None:
        written.append(arguments)
        if len(written) == 2:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(corpus_module, "create_store", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        ensure_catalogues(source, folder)
    assert read_description(folder) is None
    monkeypatch.undo()
    assert ensure_catalogues(source, folder) == made
    assert contents(folder) == contents(once)
    for place in (folder, folder / "labelled"):
        described = read_store_file(place)
        assert described is not None
        beside = {path.name: file_digest(path) for path in place.iterdir() if path.is_file()}
        del beside["store.json"]
        assert described.files == beside
        assert CATALOGUE in beside


def test_manifests_that_have_not_changed_are_not_read_again(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As at the second start of a study."""
    monkeypatch.setattr(cache, "SETTLED_NS", 0)
    corpus = corpus_with_tasks(make_corpus(sounds=10), "sounds/000.flac")
    source = open_source(corpus)
    ensure_catalogues(source, tmp_path / "store")

    def unread(file: Path) -> str:
        raise AssertionError(f"{file} is read")

    unread.__module__, unread.__qualname__ = lhotse.__name__, lhotse.digest.__qualname__
    monkeypatch.setattr(lhotse, "digest", unread)
    monkeypatch.setattr("scaling.data.corpus.read_manifests", unread)
    again = open_source(corpus)
    assert again.digest == source.digest
    ensure_catalogues(again, tmp_path / "store")
    with Path(corpus.manifests[0]).open("ab") as manifest:
        manifest.write(b"more")
    with pytest.raises(AssertionError, match="is read"):
        open_source(corpus)
