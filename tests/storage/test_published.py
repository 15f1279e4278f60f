"""What was put into a folder is known again; what others have put there is never touched."""

import os
from pathlib import Path

import pytest
from object_store import ObjectStore

from scaling.errors import StudyError
from scaling.storage import published
from scaling.storage.files import Location, make_folder, names, read_bytes, replacing
from scaling.storage.published import check_publishable, publish

FILES = {"figures/a.png": b"a", "report.md": b"words", "report.html": b"<p>"}


@pytest.fixture(params=["disk", "objects"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "disk":
        return tmp_path / "report"
    store: ObjectStore = request.getfixturevalue("object_store")
    return store.bucket() / "report"


def put(path: Location, content: bytes) -> None:
    make_folder(path.parent)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def contents(folder: Location) -> dict[str, bytes]:
    inner = [f"figures/{name}" for name in names(folder / "figures")]
    found = [name for name in names(folder) if name not in ("figures", published.LIST)]
    return {name: read_bytes(folder / name) for name in sorted([*found, *inner])}


def test_what_was_written_is_replaced_and_removed_and_nothing_else(folder: Location):
    put(folder / "figures" / "mine.png", b"mine")
    put(folder / "notes.md", b"mine")
    publish(folder, "one", "report", FILES)
    publish(folder, "one", "stamp", {"stamp.json": b"{}"})
    assert contents(folder) == {**FILES, "stamp.json": b"{}", "figures/mine.png": b"mine", "notes.md": b"mine"}
    # What a process that was killed has left goes, what only looks like it stays.
    put(folder / ".report.md.0123abcd.tmp", b"wor")
    put(folder / ".report.md.backup.tmp", b"mine")
    publish(folder, "one", "report", {"figures/b.png": b"b", "report.md": b"words", "report.html": b"<p>more"})
    assert contents(folder) == {
        ".report.md.backup.tmp": b"mine",
        "figures/b.png": b"b",
        "figures/mine.png": b"mine",
        "notes.md": b"mine",
        "report.html": b"<p>more",
        "report.md": b"words",
        "stamp.json": b"{}",
    }


def test_what_is_not_ours_is_refused_before_anything_is_written(folder: Location):
    put(folder / "report.md", b"mine")
    with pytest.raises(StudyError, match=r"report\.md was not written by this project: move it"):
        publish(folder, "one", "report", FILES)
    assert contents(folder) == {"report.md": b"mine"}
    assert names(folder) == ["report.md"]


def test_what_a_person_has_changed_is_refused_and_kept(folder: Location):
    publish(folder, "one", "report", FILES)
    put(folder / "report.md", b"words, corrected")
    before = contents(folder)
    with pytest.raises(StudyError, match=r"report\.md was changed since it was written: move it"):
        publish(folder, "one", "report", {**FILES, "report.html": b"<p>new"})
    with pytest.raises(StudyError, match=r"report\.md was changed since"):
        check_publishable(folder, "one", [])
    assert contents(folder) == before
    # What is not to be written is nobody's concern.
    publish(folder, "one", "stamp", {"stamp.json": b"{}"})
    publish(folder, "one", "report", {"report.html": b"<p>new"})
    assert contents(folder) == {"report.html": b"<p>new", "report.md": b"words, corrected", "stamp.json": b"{}"}


def test_what_belongs_to_something_else_is_refused(folder: Location):
    publish(folder, "one", "report", FILES)
    with pytest.raises(StudyError, match="holds what was made of one, not of two: move it, or give another folder"):
        publish(folder, "two", "report", FILES)
    check_publishable(folder, "one", FILES)


def test_a_kill_in_the_middle_is_gone_on_from(folder: Location, monkeypatch: pytest.MonkeyPatch):
    publish(folder, "one", "report", FILES)
    new = {"figures/b.png": b"b", "report.md": b"other words", "report.html": b"<p>other"}
    real = published.replacing

    def die_at_the_page(path: Location):
        if path.name == "report.html":
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(published, "replacing", die_at_the_page)
    with pytest.raises(KeyboardInterrupt):
        publish(folder, "one", "report", new)
    assert contents(folder)["report.md"] == b"other words"
    monkeypatch.undo()
    publish(folder, "one", "report", new)
    assert contents(folder) == dict(sorted(new.items()))


def test_equal_files_are_not_written_again(tmp_path: Path):
    publish(tmp_path, "one", "report", FILES)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    publish(tmp_path, "one", "report", FILES)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_links_and_folders_in_the_place_of_files_are_refused(tmp_path: Path):
    (tmp_path / "mine.md").write_text("words")
    for name in ("link", "nowhere", "folder", "figures", "linked figures"):
        report = tmp_path / name
        report.mkdir()
        if name == "figures":
            (report / "figures").write_text("mine")
        elif name == "linked figures":
            (report / "figures").symlink_to(tmp_path)
        elif name == "folder":
            (report / "report.md").mkdir()
        else:
            (report / "report.md").symlink_to(tmp_path / ("mine.md" if name == "link" else "nothing.md"))
        before = sorted(os.listdir(report))  # noqa: PTH208
        with pytest.raises(StudyError, match="was not written by this project"):
            publish(report, "one", "report", FILES)
        assert sorted(os.listdir(report)) == before  # noqa: PTH208
    assert (tmp_path / "mine.md").read_text() == "words"


OUTSIDE = '{"version": 1, "of": "one", "files": {"../report.md": {"part": "report", "digests": []}}}'


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"version": 1, "of": "one", "files": {"report.md": "x"}}', OUTSIDE]
)
def test_a_damaged_list_is_named(content: str, tmp_path: Path):
    publish(tmp_path, "one", "report", FILES)
    (tmp_path / published.LIST).write_text(content)
    with pytest.raises(StudyError, match=r"\.written\.json is damaged .*: move the folder that it lies in"):
        publish(tmp_path, "one", "report", FILES)
