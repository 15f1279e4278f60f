"""Weights from a file are named by what is in it."""

from pathlib import Path

import pytest

from scaling.errors import StudyError
from scaling.study.checkpoints import named_initialization


def test_a_file_is_named_by_its_bytes_and_not_by_its_path(tmp_path: Path) -> None:
    one, copy, other = (tmp_path / name for name in ("one.safetensors", "copy.safetensors", "other.safetensors"))
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    other.write_bytes(b"other weights")
    name, places = named_initialization(str(one), ("scratch",))
    assert name.startswith("checkpoint-")
    assert places == {name: one}
    assert named_initialization(str(copy), ("scratch",))[0] == name
    assert named_initialization(str(other), ("scratch",))[0] != name


def test_a_known_name_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scratch").touch()
    assert named_initialization("scratch", ("supervised", "scratch")) == ("scratch", {})


def test_what_is_neither_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no checkpoint at .*absent: give supervised, scratch or the path"):
        named_initialization(str(tmp_path / "absent"), ("supervised", "scratch"))
    with pytest.raises(StudyError, match="no checkpoint at"):
        named_initialization(str(tmp_path), ("scratch",))
