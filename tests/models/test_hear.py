"""Modules of HEAR's contract as encoders: heard alone, at their own rate, and refused in one line."""

from pathlib import Path

import pytest
import torch

from scaling.errors import StudyError
from scaling.models.hear import hear_encoder, hear_file

MODULE = """
import torch
from beside import HOP

class Model(torch.nn.Module):
    def __init__(self, path):
        super().__init__()
        self.sample_rate, self.timestamp_embedding_size, self.scene_embedding_size = RATE, 3, 3
        self.path = path

def load_model(path=""):
    return Model(path)

def get_timestamp_embeddings(audio, model):
    # The mean of a padded batch would show up in every clip.
    audio = audio - audio.mean(dim=1, keepdim=True) + audio.mean()
    frames = audio.unfold(1, HOP, HOP)
    found = torch.stack([frames.mean(2), frames.abs().mean(2), frames.std(2)], dim=2)
    return found, torch.arange(found.shape[1])[None].expand(len(audio), -1) * 1000.0 * HOP / RATE

def get_scene_embeddings(audio, model):
    return get_timestamp_embeddings(audio, model)[0].mean(1)
"""


def module(folder: Path, rate: int = 16_000, text: str = MODULE, name: str = "tiny.py") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "beside.py").write_text("HOP = 160\n")
    (folder / name).write_text(text.replace("RATE", str(rate)))
    return str(folder / name)


def test_clips_are_as_long_as_they_are_and_in_their_places(tmp_path: Path) -> None:
    encoder = hear_encoder(module(tmp_path), weights="some.pt")
    assert (encoder.width, encoder.hears.rate, encoder.model.path) == (3, 16_000, "some.pt")
    lengths = torch.tensor([1_600, 800, 1_600, 333])
    audio = torch.zeros(4, 1_600)
    for row, length in enumerate(lengths.tolist()):
        audio[row, :length] = torch.sin(torch.arange(length) * 0.01 * (1 + row))
    frames, counts = encoder(audio, lengths)
    assert counts.tolist() == [10, 5, 10, 2]
    for row, (length, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        assert not frames[row, count:].any()
        if row in (1, 3):
            # Nobody else is of this length.
            alone, _ = encoder(audio[row : row + 1, :length], lengths[row : row + 1])
            torch.testing.assert_close(frames[row, :count], alone[0])


def test_a_rate_of_which_ten_milliseconds_are_no_whole_number_is_resampled(tmp_path: Path) -> None:
    encoder = hear_encoder(module(tmp_path, 22_050))
    assert encoder.hears.rate == 44_100
    tone = torch.sin(torch.arange(44_100) * 0.02)[None]
    frames, counts = encoder(tone, torch.tensor([44_100]))
    assert counts.tolist() == [22_050 // 160]
    half, _ = encoder(torch.repeat_interleave(tone[:, ::2], 2, 1), torch.tensor([44_100]))
    torch.testing.assert_close(frames[:, 5:-5], half[:, 5:-5], atol=0.02, rtol=0)


def test_a_folder_is_a_module_where_it_says_so(tmp_path: Path) -> None:
    assert hear_file(str(tmp_path)) is None
    module(tmp_path / "package", name="__init__.py", text=MODULE.replace("from beside", "from .beside"))
    assert hear_encoder(str(tmp_path / "package")).width == 3
    module(tmp_path / "exported", name="hear_module.py")
    assert hear_encoder(str(tmp_path / "exported")).width == 3
    # What is another kind of encoder is not run.
    (tmp_path / "exported" / "config.json").write_text("{}")
    assert hear_file(str(tmp_path / "exported")) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def load_model", "def other", "it has no load_model (it needs load_model, get_timestamp_embeddings"),
        ("return Model(path)", "return 3", "load_model gives int, and no torch.nn.Module"),
        ("return Model(path)", "raise OSError('no weights\\nthere')", "load_model raises OSError: no weights there"),
        ("RATE, 3, 3", "RATE, 0, 3", "its model has no whole number above 0 as timestamp_embedding_size"),
        ("RATE, 3, 3", "999_999, 3, 3", "audio at"),
        ("import torch", "import torch\nraise SystemExit(3)", "importing it raises SystemExit: 3"),
        ("import torch", "import torch\nimport not_there", "importing it raises ModuleNotFoundError: No module named"),
        ("import torch", "import (", "importing it raises SyntaxError"),
    ],
)
def test_what_is_no_such_module_is_told_in_a_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(StudyError) as error:
        hear_encoder(module(tmp_path, text=MODULE.replace(old, new, 1)))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("found", "gives no embeddings"),
        ("found[:, :, :2], None", "its timestamp_embedding_size is 3"),
        ("found[:, :0], None", "gives embeddings of shape [1, 0, 3]"),
        ("found[0, 1000], None", "get_timestamp_embeddings of 0.1 s raises IndexError"),
    ],
)
def test_embeddings_of_another_form_are_told_in_a_line(tmp_path: Path, answer: str, said: str) -> None:
    text = MODULE.replace("    return found, torch", f"    return {answer}\n    return found, torch")
    with pytest.raises(StudyError) as error:
        hear_encoder(module(tmp_path, text=text))(torch.zeros(1, 1_600), torch.tensor([1_600]))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no module of HEAR's contract at"):
        hear_encoder(str(tmp_path / "none.py"))
