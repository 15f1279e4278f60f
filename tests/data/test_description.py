"""`store.json` and what it vouches for: nothing beside it that was changed is read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from corpora import labelled_tones

from scaling.data.description import (
    Description,
    begun,
    intact,
    is_complete,
    read_description,
    read_store_file,
    seal,
)
from scaling.data.labelled import LabelledStore
from scaling.data.store import Store
from scaling.errors import StudyError

BESIDE = (
    "catalogue.parquet",
    "manifest-rejects.parquet",
    "rejects.parquet",
    "tokenizer.json",
    "tasks.json",
    "labels.parquet",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled store: it has all kinds of files."""
    return Path(str(labelled_tones(tmp_path_factory.mktemp("labelled")).store.folder))


def refused(folder: Path) -> str:
    with pytest.raises(StudyError) as error:
        read_store_file(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_file_is_vouched_for(folder: Path):
    contents = read_store_file(folder)
    assert contents is not None
    names = {path.name for path in folder.iterdir() if not path.name.startswith("part-")}
    assert names == {*BESIDE, "store.json", contents.index}
    assert set(contents.files) == set(BESIDE)
    assert is_complete(folder)


@pytest.mark.parametrize("name", BESIDE)
def test_a_flipped_bit_beside_it_is_seen(folder: Path, name: str):
    path = folder / name
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 23)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(
            StudyError,
            match=rf"{name} is damaged .*: delete it, and the same command",
        ):
            intact(folder, name)
    for bad in (b"", whole[:-1], whole + b"\n"):
        path.write_bytes(bad)
        with pytest.raises(StudyError, match="is damaged"):
            intact(folder, name)
    path.unlink()
    assert not is_complete(folder)
    with pytest.raises(StudyError, match=f"{name} is gone: the same command"):
        intact(folder, name)
    path.mkdir()
    with pytest.raises(StudyError, match="is damaged"):
        intact(folder, name)
    path.rmdir()
    path.write_bytes(whole)
    assert intact(folder, name) == path


def test_words_that_changed_places_are_seen(folder: Path):
    path = folder / "tokenizer.json"
    whole = path.read_bytes()
    fields = json.loads(whole)
    path.write_text(json.dumps({**fields, "words": fields["words"][::-1]}))
    with pytest.raises(StudyError, match=r"tokenizer\.json is damaged"):
        _ = Store(folder).tokenizer
    path.write_bytes(whole)
    path = folder / "tasks.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"pitch", b"pitcn"))
    with pytest.raises(StudyError, match=r"tasks\.json is damaged"):
        LabelledStore(folder)
    path.write_bytes(whole)


def test_a_store_json_that_was_changed_is_refused(folder: Path):
    path = folder / "store.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        path.write_bytes(changed)
        try:
            same = json.loads(changed) == json.loads(whole)
        except ValueError:
            same = False
        if not same:
            assert "is damaged (" in (said := refused(folder)) or "is of version" in said
    for bad in (b"", b"{}", b"[]", b"null", b"[" * 100_000, whole[:50], b"\xff\xfe"):
        path.write_bytes(bad)
        assert "store.json is damaged (" in refused(folder)
    path.unlink()
    path.mkdir()
    assert "store.json is damaged (" in refused(folder)
    path.rmdir()
    path.write_bytes(whole)


def test_a_store_of_another_version_is_refused(folder: Path):
    path = folder / "store.json"
    whole = path.read_bytes()
    fields = json.loads(whole)
    path.write_text(json.dumps({**fields, "version": 3}))
    assert f"the store in {folder} is of version 3, this project reads and writes version 4" in refused(folder)
    path.write_bytes(whole)


def test_no_store(tmp_path: Path):
    assert read_description(tmp_path) is None
    with pytest.raises(StudyError, match="no prepared store in"):
        Store(tmp_path)


def test_the_fingerprint_knows_every_field():
    one = Description("digest", 100, 32, 1.0, 60.0)
    others = [replace(one, digest="x"), replace(one, clips=9), replace(one, holdout=9), replace(one, min_seconds=0.5)]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert replace(one).fingerprint == one.fingerprint


def test_contents_come_back(tmp_path: Path):
    description = Description("digest", 100, 32, 1.0, 60.0)
    with begun(tmp_path, description):
        seal(tmp_path, {"a": "b"})
    seal(tmp_path, {"c": "d"}, "index-0.arrow")
    seal(tmp_path, {"a": "e"})
    there = read_store_file(tmp_path)
    assert there is not None
    assert (there.description, there.files, there.index) == (description, {"a": "e", "c": "d"}, "index-0.arrow")
    assert read_description(tmp_path) is None
