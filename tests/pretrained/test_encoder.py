"""A clip is what it is, whatever its batch and however long; what lies in a folder is what was put there."""

import json
from pathlib import Path

import pytest
import torch
from pretrained.made import KINDS, encoder, folder, sound
from public_models import PROJECT_BINS, SAMPLES
from safetensors.torch import load_file, save_file

from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.formats import Waveform
from scaling.models.options import HubOptions
from scaling.pretrained import PretrainedEncoder, from_pretrained
from scaling.pretrained.encoder import windows_of

SECONDS = (0.01, 0.4, 1.0, 1.013, 2.5)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest) -> PretrainedEncoder:
    return encoder(KINDS[request.param])


def heard(made: PretrainedEncoder, audio: torch.Tensor) -> torch.Tensor:
    """What an encoder of log-mels hears."""
    assert made.log_mels is not None
    found: torch.Tensor = made.log_mels(audio)
    return found


def test_a_clips_vector_does_not_depend_on_its_batch(made: PretrainedEncoder) -> None:
    clips = [sound(seconds, seed) for seed, seconds in enumerate(SECONDS)]
    together = made.clip_vectors(clips)
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    by_lengths = made.clip_vectors(padded, torch.tensor([len(clip) for clip in clips]))
    for row, clip in enumerate(clips):
        [alone] = made.clip_vectors(clip[None])
        frames, vector = made.encode(clip, 16_000)
        torch.testing.assert_close(vector, frames.mean(dim=0))
        for other in (together[row], by_lengths[row], vector):
            torch.testing.assert_close(other, alone, atol=1e-5, rtol=0)


class Samples(Encoder):
    """Hears samples: their mean, two hundred at a time."""

    width, stride = 2, 200

    def __init__(self) -> None:
        super().__init__(Waveform(16_000))
        self.scale = torch.nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.nn.functional.pad(features, (0, -features.shape[1] % 200)).unflatten(1, (-1, 200)).mean(dim=2)
        return x[..., None] * self.scale, -(-lengths // 200)


def test_an_encoder_of_samples_hears_them() -> None:
    made = PretrainedEncoder(Samples(), windows_of(Samples(), 15_990))
    assert (made.log_mels, made.windows.frames, made.windows.hop) == (None, 16_000, 16_000)
    assert made.hop_seconds == pytest.approx(200 / 16_000)
    clips = [sound(0.5), sound(2.4, 1)]
    frames, counts = made(clips)
    assert counts.tolist() == [40, 192]
    torch.testing.assert_close(frames[1, :, 0], clips[1].unflatten(0, (-1, 200)).mean(dim=1))


@pytest.mark.parametrize("kind", ["whisper", "audio-spectrogram-transformer", "wav2vec2"])
def test_encoders_of_the_library_leave_too(tmp_path: Path, kind: str) -> None:
    fields = SAMPLES if kind == "wav2vec2" else PROJECT_BINS[kind]
    options = HubOptions(json.dumps({"model_type": kind, **fields}))
    units = 16_000 if kind == "wav2vec2" else 100
    made = from_pretrained(folder(tmp_path / "encoder", options, units))
    assert made.windows.frames <= units
    clips = [sound(seconds, seed) for seed, seconds in enumerate((0.3, 1.0, 2.2))]
    for row, clip in zip(made.clip_vectors(clips), clips, strict=True):
        torch.testing.assert_close(row, made.clip_vectors([clip])[0], atol=1e-5, rtol=0)
    _, counts = made(clips[2:])
    assert int(counts) == pytest.approx(2.2 / made.hop_seconds, abs=2 + 2.2 / (made.windows.hop * made.unit_seconds))


def test_frames_follow_each_other_evenly_over_minutes(made: PretrainedEncoder) -> None:
    """As many as the length says, and a window's are those that it has alone."""
    audio = sound(130.0)
    frames, _ = made.encode(audio, 16_000)
    assert abs(len(frames) - 130.0 / made.hop_seconds) <= 2
    a_window = made.windows.hop // made.stride
    log_mel = heard(made, audio)
    start = 50 * made.windows.hop
    with torch.no_grad():
        alone, _ = made.encoder(log_mel[None, start : start + made.windows.frames], torch.tensor([made.windows.frames]))
    torch.testing.assert_close(frames[50 * a_window : 51 * a_window], alone[0, :a_window], atol=1e-5, rtol=0)


def test_a_clip_as_long_as_those_it_was_trained_on_is_one_window(made: PretrainedEncoder) -> None:
    assert made.windows.frames >= 100
    assert made.windows.frames - 100 < made.stride
    log_mel = heard(made, sound(0.99))
    with torch.no_grad():
        frames, _ = made.encoder(log_mel[None], torch.tensor([len(log_mel)]))
    torch.testing.assert_close(made.encode(sound(0.99), 16_000)[0], frames[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_folder_comes_what_was_put_there(tmp_path: Path, kind: str) -> None:
    read = from_pretrained(folder(tmp_path / "encoder", KINDS[kind]))
    vector = read.encode(sound(1.7), 16_000)[1]
    assert torch.equal(vector, encoder(KINDS[kind]).encode(sound(1.7), 16_000)[1])
    assert not read.training
    assert not any(p.requires_grad for p in read.parameters())


def test_what_is_no_encoder_is_told_in_a_line(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(StudyError) as error:
            from_pretrained(tmp_path / "encoder")
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "no encoder in" in refused()
    path = folder(tmp_path / "encoder")
    config = json.loads((path / "config.json").read_text())
    for changed in ("{", "[]", json.dumps({**config, "format": 9}), json.dumps({**config, "encoder": {"name": "x"}})):
        (path / "config.json").write_text(changed)
        assert "config.json is damaged, or of another version" in refused()
    (path / "config.json").write_text(json.dumps(config))
    weights = load_file(path / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "norm.weight" not in name}, path / "model.safetensors")
    assert "is not of the encoder in" in refused()
    (path / "model.safetensors").write_bytes(b"none")
    assert "cannot read" in refused()


@pytest.mark.parametrize("samples", [torch.zeros(2, 100), torch.zeros(0), torch.tensor([0.0, float("nan")])])
def test_what_are_no_samples_is_told(samples: torch.Tensor) -> None:
    with pytest.raises(StudyError, match="give those of one channel, all of them finite"):
        encoder().encode(samples, 16_000)
