"""The cache of a node has a bound and an end, and digests are taken again as soon as a file may have changed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from upath import UPath

from scaling.storage import cache
from scaling.storage.cache import cache_folder, known_digest, make_room
from scaling.storage.objects import Objects


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def copy(number: int, size: int, seconds_ago: float) -> Path:
    path = cache_folder() / f"{number:032x}-part.arrow"
    path.write_bytes(b"x" * size)
    then = time.time() - seconds_ago
    os.utime(path, (then, then))
    return path


def test_what_was_asked_for_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch):
    old, newer, newest, now = (copy(i, 100, seconds) for i, seconds in enumerate((3000, 2000, 1000, 1)))
    mine = cache_folder() / "a-file-of-mine"
    mine.write_text("stays")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 300}))
    # Half of 300 free and 400 held: 350.
    make_room(0)
    assert [path.exists() for path in (old, newer, newest, now)] == [False, True, True, True]
    make_room(150)
    assert [path.exists() for path in (newer, newest, now)] == [False, False, True]
    # What was asked for just now stays, whatever is needed.
    make_room(10_000)
    assert now.exists()
    assert mine.exists()


def test_what_nobody_asks_for_ends():
    kept, ended = copy(1, 1, 29 * 86_400), copy(2, 1, 31 * 86_400)
    make_room(0)
    assert kept.exists()
    assert not ended.exists()


def test_a_digest_is_taken_again_only_if_the_file_may_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "manifest"
    path.write_text("one")
    taken: list[str] = []

    def content(path: Path) -> str:
        taken.append(path.read_text())
        return taken[-1]

    # Within a tick of the file's clock nothing is remembered.
    assert [known_digest(path, content) for _ in range(2)] == ["one", "one"]
    assert taken == ["one", "one"]
    monkeypatch.setattr(cache, "SETTLED_NS", -1)
    assert [known_digest(path, content) for _ in range(3)] == ["one"] * 3
    assert len(taken) == 3
    # Of the same size, and back to its old date.
    before = path.stat()
    time.sleep(0.02)
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known_digest(path, content) == "two"
    [note] = cache_folder().glob("digest-*")
    for bad in ("", "[]", "{}", '{"state": 1, "digest": 2}', "[" * 100_000):
        note.write_text(bad)
        assert known_digest(path, content) == "two"
    # A cache that cannot be written is none.
    note.unlink()
    note.mkdir()
    assert known_digest(path, content) == "two"


def test_what_several_want_at_once_is_fetched_once(monkeypatch: pytest.MonkeyPatch):
    place = UPath("memory://bucket/part-000000.arrow")
    place.write_bytes(b"features")
    fetched: list[str] = []

    def slowly(remote: str, local: str) -> None:
        fetched.append(remote)
        time.sleep(0.1)
        Path(local).write_bytes(b"features")

    monkeypatch.setattr(place.fs, "get_file", slowly)
    with ThreadPoolExecutor(8) as workers:
        copies = set(workers.map(lambda _: Objects().cached(place), range(8)))
    assert len(fetched) == 1
    assert [copy.read_bytes() for copy in copies] == [b"features"]
