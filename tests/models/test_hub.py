"""Models of the transformers library: each kind is built, saved, loaded back, and hears clips alone as in a batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from public_models import OWN_BINS as OWN
from public_models import PROJECT_BINS as ENCODERS
from public_models import SAMPLES
from safetensors.torch import load_file
from tiny import random_batch

from scaling.data.features import log_mel
from scaling.errors import StudyError
from scaling.models.formats import LogMel, Waveform
from scaling.models.hub import hub_encoder
from scaling.models.library import AUDIO, configuration
from scaling.models.options import HubOptions
from scaling.study.encoders import named_encoder

# isort: split
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor


def options(kind: str) -> HubOptions:
    return HubOptions(json.dumps({"model_type": kind, **ENCODERS[kind]}))


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_hears_a_clip_alone_as_in_a_batch_and_is_loaded_back(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = hub_encoder(options(kind)).eval()
    batch = random_batch(4, frames=90)
    with torch.no_grad():
        together, lengths = encoder(batch["features"], batch["lengths"])
        assert together.shape[2] == encoder.width == 16
        for row, length in enumerate(batch["lengths"].tolist()):
            alone, _ = encoder(batch["features"][row : row + 1, :length], torch.tensor([length]))
            assert lengths[row] == -(-length * together.shape[1] // encoder.longest)
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    encoder.model.save_pretrained(tmp_path)
    other = hub_encoder(options(kind))
    other.load_state_dict(dict(other.with_own_names(load_file(tmp_path / "model.safetensors"), "")))
    with torch.no_grad():
        assert torch.equal(other.eval()(batch["features"], batch["lengths"])[0], together)
    with pytest.raises(StudyError, match="these weights are of another model: no "):
        other.with_own_names({"head.weight": torch.ones(2)}, "")


def test_longer_clips_than_an_encoder_hears_are_refused() -> None:
    encoder = hub_encoder(options("whisper"))
    with pytest.raises(StudyError, match="a clip of 101 frames for an encoder that hears 100 at most"):
        encoder(torch.zeros(1, 101, 80), torch.tensor([101]))


def named(folder: Path, kind: str, fields: dict[str, Any], extractor: dict[str, Any] | None = None) -> Any:
    """The encoder of a folder with random weights in it, which it has."""
    folder.mkdir(exist_ok=True)
    config = configuration({"model_type": kind, **fields})
    torch.manual_seed(3)
    AUDIO[kind](config).save_pretrained(folder)
    if extractor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(extractor))
    encoder = hub_encoder(named_encoder(str(folder))).eval()
    encoder.load_state_dict(dict(encoder.with_own_names(load_file(folder / "model.safetensors"), "")))
    return encoder


def tones(rate: int, *seconds: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips of samples, zero past their ends."""
    generator = torch.Generator().manual_seed(0)
    clips = [
        0.1 * torch.randn(int(each * rate), generator=generator)
        + 0.5 * torch.sin(torch.arange(int(each * rate)) * 440 * (1 + number) * 6.283 / rate)
        for number, each in enumerate(seconds)
    ]
    return torch.nn.utils.rnn.pad_sequence(clips, batch_first=True), torch.tensor([len(clip) for clip in clips])


@pytest.mark.parametrize("form", ["group", "layer"])
@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm", "hubert"])
def test_an_encoder_of_samples_hears_a_clip_as_the_library_does_alone(kind: str, form: str, tmp_path: Path) -> None:
    fields = {**SAMPLES, "feat_extract_norm": form, "do_stable_layer_norm": form == "layer"}
    encoder = named(tmp_path, kind, fields)
    assert encoder.hears == Waveform(16_000)
    assert (encoder.width, encoder.stride) == (16, 320)
    samples, lengths = tones(16_000, 0.5, 0.31, 0.2)
    reference = AUDIO[kind].from_pretrained(tmp_path).eval()
    extractor = Wav2Vec2FeatureExtractor()
    with torch.no_grad():
        together, counts = encoder(samples, lengths)
        for row, length in enumerate(lengths.tolist()):
            heard = extractor(samples[row, :length].numpy(), sampling_rate=16_000, return_tensors="pt").input_values
            alone = reference(heard).last_hidden_state[0]
            assert counts[row] == len(alone)
            torch.testing.assert_close(together[row, : len(alone)], alone, atol=1e-4, rtol=0)
        # What makes no frame by itself is still one.
        assert encoder(torch.zeros(1, 100), torch.tensor([100]))[1].tolist() == [1]
    encoder.train()(samples, lengths)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def theirs(kind: str, extractor: Any, samples: torch.Tensor, rate: int) -> torch.Tensor:
    """What the library's extractor and a front of its make of a clip: [longest, bins]."""
    found = extractor(samples.numpy(), sampling_rate=rate, return_tensors="pt")
    if kind == "audio-spectrogram-transformer":
        return found.input_values[0]
    return found.input_features[0].T if kind == "whisper" else found.input_features[0, 0]


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
@pytest.mark.parametrize("kind", OWN)
def test_an_encoder_hears_what_its_own_extractor_makes(kind: str, truncation: str, tmp_path: Path) -> None:
    if truncation == "fusion" and kind != "clap_audio_model":
        pytest.skip("CLAP's")
    extractors = {
        "audio-spectrogram-transformer": ASTFeatureExtractor(max_length=100),
        "whisper": WhisperFeatureExtractor(feature_size=128),
        "clap_audio_model": ClapFeatureExtractor(truncation=truncation, frequency_min=50),
    }
    extractor = extractors[kind]
    fields = {**OWN[kind], **({"enable_fusion": truncation == "fusion"} if kind == "clap_audio_model" else {})}
    encoder = named(tmp_path, kind, fields, extractor.to_dict())
    rate = encoder.hears.rate
    samples, lengths = tones(rate, 0.9, 0.6)
    features, given = samples, lengths
    if isinstance(encoder.hears, LogMel):
        rows = [log_mel(clip[:length], encoder.hears).half() for clip, length in zip(samples, lengths, strict=True)]
        features = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        given = torch.tensor([len(row) for row in rows])
    with torch.no_grad():
        made, _ = encoder.front(features, given)
        for row, length in enumerate(lengths.tolist()):
            expected = theirs(kind, extractor, samples[row, :length], rate)
            assert made[row].shape == expected.shape
            # The store's log-mels end where the clip does; the library's go on into the silence behind it.
            inside = torch.ones(len(expected), dtype=torch.bool)
            if kind == "whisper":
                inside[int(given[row]) - 2 : int(given[row]) + 2] = False
            assert (made[row] - expected)[inside].abs().max() < (0.01 if kind == "whisper" else 1e-3)
        together, counts = encoder(features, given)
        alone, count = encoder(features[1:, : int(given[1])], given[1:])
        assert counts[1] == count[0]
        torch.testing.assert_close(alone[0, : int(count)], together[1, : int(count)], atol=1e-4, rtol=0)
    encoder.train()(features, given)[0].sum().backward()
    idle = [name for name, one in encoder.named_parameters() if one.requires_grad and one.grad is None]
    assert not idle


@pytest.mark.parametrize(
    ("kind", "whole", "fields"),
    [("whisper", "WhisperModel", {**ENCODERS["whisper"], "decoder_layers": 1, "decoder_attention_heads": 2}),
     ("wav2vec2", "Wav2Vec2ForCTC", {**SAMPLES, "vocab_size": 9})],
)  # fmt: skip
def test_weights_of_a_larger_model_are_taken(kind: str, whole: str, fields: dict[str, Any], tmp_path: Path) -> None:
    import transformers

    config = configuration({"model_type": kind, **fields})
    larger = getattr(transformers, whole)(config)
    larger.save_pretrained(tmp_path)
    encoder = hub_encoder(named_encoder(str(tmp_path)))
    weights = dict(encoder.with_own_names(load_file(tmp_path / "model.safetensors"), "encoder."))
    own = larger.encoder if kind == "whisper" else larger.wav2vec2
    for name, value in own.state_dict().items():
        if "masked_spec_embed" not in name:
            assert torch.equal(weights[f"encoder.model.{name}"], value), name
    # Its own stay as they are.
    assert encoder.with_own_names(weights, "encoder.") is weights


@pytest.mark.parametrize("kind", ["audio-spectrogram-transformer", "whisper", "wav2vec2", "wavlm", "hubert"])
def test_layers_computed_again_give_the_same_gradients(kind: str, tmp_path: Path) -> None:
    fields = OWN.get(kind, SAMPLES)
    encoder = named(tmp_path, kind, {**fields, "max_source_positions": 50} if kind == "whisper" else fields).train()
    shape = encoder.hears.shape(40)
    features, lengths = torch.randn(2, *shape), torch.tensor([shape[0], shape[0] // 2])

    def gradients() -> list[torch.Tensor]:
        torch.manual_seed(0)
        encoder.zero_grad()
        encoder(features, lengths)[0].square().sum().backward()
        return [parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None]

    plain = gradients()
    encoder.recompute_layers()
    for one, other in zip(plain, gradients(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "odd"),
    [("hubert", {"hidden_size": 15}), ("whisper", {"encoder_attention_heads": 3}), ("wavlm", {"conv_stride": [5]}),
     ("clap_audio_model", {"num_attention_heads": [3, 2]}), ("audio-spectrogram-transformer", {"patch_size": 900})],
)  # fmt: skip
def test_sizes_that_do_not_go_together_are_one_line(kind: str, odd: dict[str, Any]) -> None:
    fields = {**ENCODERS.get(kind, SAMPLES), **odd}
    with pytest.raises(StudyError, match=f"no model of the kind {kind} can be made: ") as refused:
        hub_encoder(HubOptions(json.dumps({"model_type": kind, **fields})))
    assert "\n" not in str(refused.value)


def test_layers_that_cannot_be_computed_again_are_one_line() -> None:
    with pytest.raises(StudyError, match="the layers of a clap_audio_model cannot be computed again"):
        hub_encoder(options("clap_audio_model")).recompute_layers()
