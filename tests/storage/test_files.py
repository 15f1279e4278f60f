"""Files are whole or not there, on a filesystem and in an object store alike."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from object_store import ObjectStore

from scaling.errors import StudyError
from scaling.storage.files import (
    Location,
    absolute,
    append_line,
    cached,
    create,
    free_bytes,
    local_copy,
    location,
    make_folder,
    names,
    on_disk,
    opened,
    read_bytes,
    read_json,
    remove,
    remove_if_empty,
    replace_if,
    replacing,
    version,
    write_json,
)
from scaling.storage.space import room_for
from scaling.storage.tables import read_parquet, write_parquet


@pytest.fixture(params=["disk", "objects"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A folder with nothing in it."""
    if request.param == "disk":
        made: Location = tmp_path / "folder"
    else:
        store: ObjectStore = request.getfixturevalue("object_store")
        made = store.bucket() / "folder"
    make_folder(made)
    return made


def test_a_file_is_whole_or_not_there(folder: Location):
    with suppress(KeyError), replacing(folder / "file") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert names(folder) == []
    write_json(folder / "file", {"a": 1})
    with suppress(KeyError), replacing(folder / "file") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert read_json(folder / "file") == {"a": 1}
    write_json(folder / "file", 2)
    assert read_json(folder / "file") == 2
    assert names(folder) == ["file"]


def test_what_is_not_there_is_an_error_and_removing_it_is_none(folder: Location):
    with pytest.raises(FileNotFoundError):
        read_bytes(folder / "none")
    with pytest.raises(FileNotFoundError), opened(folder / "none", 9):
        pass
    with pytest.raises(FileNotFoundError), local_copy(folder / "none") as local:
        local.read_bytes()
    with pytest.raises(FileNotFoundError):
        cached(folder / "none").read_bytes()
    assert names(folder / "none") == []
    remove(folder / "none")


def test_only_one_creates_a_file_and_only_the_known_version_is_replaced(folder: Location):
    assert create(folder / "file", "one")
    assert not create(folder / "file", "two")
    assert read_bytes(folder / "file") == b"one"
    known = version(folder / "file")
    assert bool(known) != on_disk(folder)
    if known:
        assert replace_if(folder / "file", "two", known)
        assert not replace_if(folder / "file", "three", known)
        assert read_bytes(folder / "file") == b"two"


def test_lines_follow_one_another(folder: Location):
    for line in ("one", "two"):
        append_line(folder / "log", line)
    assert read_bytes(folder / "log") == b"one\ntwo\n"


def test_copies_have_the_content(folder: Location):
    write_json(folder / "file", 1)
    with local_copy(folder / "file") as local:
        assert local.name == "file"
        assert local.read_bytes() == read_bytes(folder / "file")
    assert cached(folder / "file").read_bytes() == read_bytes(folder / "file")
    with opened(folder / "file", 2) as file:
        assert file.read() == b"1\n"
    assert (free_bytes(folder) is not None) == on_disk(folder)


def test_folders_go_when_nothing_is_in_them(folder: Location):
    make_folder(folder / "inner")
    write_json(folder / "inner" / "file", 1)
    remove_if_empty(folder / "inner")
    assert names(folder) == ["inner"]
    remove(folder / "inner" / "file")
    remove_if_empty(folder / "inner")
    assert names(folder) == []


def test_tables_come_back(folder: Location):
    table = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    write_parquet(folder / "table.parquet", table)
    assert read_parquet(folder / "table.parquet").equals(table)
    assert read_parquet(folder / "table.parquet", ["b"]).equals(table.select("b"))


def test_what_a_person_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute("~/a") == absolute("a") == tmp_path / "a"
    assert str(absolute("s3://bucket/a/")).rstrip("/") == "s3://bucket/a"
    for wrong in ("http://host/folder", "s3://", "nosuch://bucket/folder", "file:///tmp"):
        with pytest.raises(StudyError, match=wrong.split(":")[0]):
            location(wrong)


@pytest.mark.parametrize(
    "error", [OSError(28, "full"), OSError(122, "quota"), RuntimeError("I/O error: nothing left (os error 28)")]
)
def test_a_full_disk_is_one_line_however_it_is_said(error: Exception):
    with pytest.raises(StudyError, match=r"^no space left for the table: [^\n]*$"), room_for("the table"):
        raise error
    with pytest.raises(RuntimeError, match="another"), room_for("the table"):
        raise RuntimeError("another (os error 5)")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_leaves_what_was_there(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        write_json(disk / "file", 1)
        with pytest.raises(StudyError, match=r"no space left for file in .*disk: free some and start again"):
            write_json(disk / "file", "x" * 50_000)
        assert read_json(disk / "file") == 1
        assert names(disk) == ["file"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
