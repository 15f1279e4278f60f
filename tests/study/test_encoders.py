"""Encoders by name: known sizes, folders, and names that are not there."""

import json
from pathlib import Path

import pytest

from scaling.errors import StudyError
from scaling.models.formats import LogMel, Waveform
from scaling.models.options import ZIPFORMERS, HubOptions, TransformerOptions
from scaling.study.encoders import formats_of, named_encoder

AST = {"model_type": "audio-spectrogram-transformer", "num_mel_bins": 80, "max_length": 200, "hidden_size": 32}


def test_known_names() -> None:
    assert named_encoder("transformer") == TransformerOptions()
    assert named_encoder("zipformer-S") == ZIPFORMERS["S"]


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(AST))
    options = named_encoder(str(tmp_path))
    assert isinstance(options, HubOptions)
    assert (options.label, options.longest_seconds) == ("audio-spectrogram-transformer-32", 2.0)
    assert options.hears == Waveform(16_000)
    # Not the folder: the same configuration elsewhere is the same encoder.
    assert str(tmp_path) not in options.config
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clap", "audio_config": AST}))
    assert named_encoder(str(tmp_path)) == options


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no encoder"),
        ({"config.json": "{"}, "is no JSON object"),
        ({"config.json": "[]"}, "is no JSON object"),
        ({"config.json": "{}"}, "of the kind unnamed: known are"),
        ({"config.json": json.dumps({"model_type": "gpt2"})}, "of the kind gpt2: known are"),
        (
            {"config.json": json.dumps(AST), "preprocessor_config.json": json.dumps({"sampling_rate": 48_000})},
            "hears audio of 48000 Hz",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(StudyError, match=said) as refused:
        named_encoder(str(tmp_path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["openai/whisper-not-there", "zipformer-XXL", "", "a/b/c", "../nowhere", "a\0b"])
def test_a_name_that_is_not_there_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match="no encoder") as refused:
        named_encoder(name)
    assert "\n" not in str(refused.value)


def test_what_named_encoders_hear_is_said_once(tmp_path: Path) -> None:
    for name, kind in (("clap", "clap_audio_model"), ("whisper", "whisper"), ("hubert", "hubert")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": kind}))
    whisper, hubert, clap = (str(tmp_path / name) for name in ("whisper", "hubert", "clap"))
    formats = formats_of([hubert, whisper, whisper, "transformer"])
    assert set(formats) == {LogMel(), Waveform(16_000), LogMel(80, fft=400, floor=1e-10, scale="slaney")}
    assert formats_of([clap]) == (Waveform(48_000),)
    with pytest.raises(StudyError, match="a study hears its clips at one sample rate"):
        formats_of([clap, hubert])
    assert formats_of(["transformer", "zipformer-S", "zipformer-M"]) == (LogMel(),)
    with pytest.raises(StudyError, match="no encoder radio"):
        formats_of(["transformer", "radio"])
