"""Small files of ours come back as they were written, or are named with the way out."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from typing_extensions import TypedDict

from scaling.errors import StudyError
from scaling.storage import own
from scaling.storage.files import write_json
from scaling.storage.own import damaged, read_own


@dataclass(frozen=True)
class Inner:
    share: float


@dataclass(frozen=True)
class Note:
    name: str
    count: int
    inner: Inner
    places: tuple[int, ...] = ()


class Loose(TypedDict):
    name: str
    design: dict[str, object]


def test_what_was_written_comes_back(tmp_path: Path):
    note = Note("a", 3, Inner(0.5), (1, 2))
    write_json(tmp_path / "note.json", {**asdict(note), "later": "a field of another version"})
    assert read_own(tmp_path / "note.json", Note, "make it again") == note
    write_json(tmp_path / "loose.json", {"name": "a", "design": {"axis": [1]}})
    assert read_own(tmp_path / "loose.json", Loose, "make it again")["design"] == {"axis": [1]}
    assert read_own(tmp_path / "loose.json", dict[str, object], "make it again")["name"] == "a"
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "absent.json", Note, "make it again")


BROKEN = {
    "empty": b"",
    "cut short": b'{"name": "a", "cou',
    "no fields": b"{}",
    "a list": b"[]",
    "a number": b"3",
    "nothing": b"null",
    "another type": b'{"name": "a", "count": "3", "inner": {"share": 0.5}}',
    "a float where a number is counted": b'{"name": "a", "count": 3.5, "inner": {"share": 0.5}}',
    "true where a number is counted": b'{"name": "a", "count": true, "inner": {"share": 0.5}}',
    "another type within": b'{"name": "a", "count": 3, "inner": [0.5]}',
    "a field that is missing": b'{"name": "a", "inner": {"share": 0.5}}',
    "no text": b"\xff\xfe\x00\x81",
    "zeros": bytes(200),
    "brackets": b"[" * 100_000,
    "a name with line breaks": b'{"name": "a", "count": {"\\n\\n": 1}, "inner": {"share": 0.5}}',
    "large": b'"' + b"a" * 2000 + b'"',
}


@pytest.mark.parametrize("form", BROKEN)
def test_anything_else_is_named_in_one_line_with_the_cure(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own, "LARGEST", 1000 if form == "large" else own.LARGEST)
    path = tmp_path / "note.json"
    path.write_bytes(BROKEN[form])
    with pytest.raises(StudyError) as told:
        read_own(path, Note, "make it again")
    assert str(told.value).startswith(f"{path} is damaged (")
    assert str(told.value).endswith("): make it again")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < len(str(path)) + 250


def test_what_is_no_file_is_not_read(tmp_path: Path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.json").symlink_to(tmp_path / "circle.json")
    (tmp_path / "device.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    for path in tmp_path.iterdir():
        with pytest.raises(StudyError, match="it is no file"):
            read_own(path, Note, "make it again")


def test_what_other_libraries_say_of_a_file_becomes_one_line(tmp_path: Path):
    told = damaged(tmp_path / "a.parquet", ValueError("no footer\n  magic: " + "x" * 1000), "delete it")
    assert str(told).startswith(f"{tmp_path / 'a.parquet'} is damaged (no footer magic: xxx")
    assert str(told).endswith("): delete it")
