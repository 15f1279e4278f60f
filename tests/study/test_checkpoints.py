"""Weights from a file are named by what is in it."""

from pathlib import Path

import huggingface_hub
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


@pytest.mark.parametrize("file", ["model.safetensors", "checkpoint/step-00000012/weights.safetensors"])
def test_a_folder_of_a_model_or_a_run_has_weights(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    name, places = named_initialization(str(tmp_path), ())
    assert places == {name: path}


def test_a_name_on_the_hub_is_looked_for_in_the_local_cache_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cached").write_bytes(b"weights")
    asked = []

    def cached(name: str, file: str) -> str | None:
        asked.append((name, file))
        return str(tmp_path / "cached") if name == "some/encoder" else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    name, places = named_initialization("some/encoder", ("scratch",))
    assert places == {name: tmp_path / "cached"}
    assert asked[0] == ("some/encoder", "model.safetensors")
    with pytest.raises(StudyError, match="no checkpoint at some/other"):
        named_initialization("some/other", ("scratch",))


def test_what_is_neither_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no checkpoint at .*absent: give supervised, scratch or the path"):
        named_initialization(str(tmp_path / "absent"), ("supervised", "scratch"))
    with pytest.raises(StudyError, match="no checkpoint at"):
        named_initialization(str(tmp_path), ("scratch",))
