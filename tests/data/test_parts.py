"""Parts of the store: functions of their clips, whole or absent."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from corpora import PART_CLIPS, TinyCorpus, lay_down, write

from scaling.data.description import Limits
from scaling.data.index import write_index
from scaling.data.parts import write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.store import Store
from scaling.errors import StudyError


@pytest.fixture
def prepared(make_corpus: Callable[..., TinyCorpus], tmp_path: Path) -> tuple[Store, TinyCorpus]:
    corpus = make_corpus(birds=25, dogs=15)
    write(tmp_path / "store", corpus, lay_down(tmp_path / "store", corpus), *range(5))
    write_index(tmp_path / "store")
    return Store(tmp_path / "store"), corpus


def test_the_bytes_of_a_part_are_a_function_of_its_clips(prepared: tuple[Store, TinyCorpus], tmp_path: Path):
    store, corpus = prepared
    for number in range(5):
        rows = catalogue_rows(store.folder, number, PART_CLIPS)
        name = write_part(rows, tmp_path, number, store.tokenizer, str(corpus.root), store.description.limits)
        assert (tmp_path / name).read_bytes() == (store.folder / name).read_bytes()


def test_a_full_disk_leaves_nothing_half_written(
    prepared: tuple[Store, TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store, corpus = prepared
    rows = catalogue_rows(store.folder, 0, PART_CLIPS)
    there = sorted(tmp_path.iterdir())

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StudyError, match=r"no space left for part-000000"):
        write_part(rows, tmp_path, 0, store.tokenizer, str(corpus.root), Limits(0, 9))
    assert sorted(tmp_path.iterdir()) == there
