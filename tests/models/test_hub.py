"""Models of the transformers library: each kind is built, saved, loaded back, and hears clips alone as in a batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import BART, BERT, random_batch

from scaling.errors import StudyError
from scaling.models.hub import HubDecoder, HubEncoder, HubTextEncoder
from scaling.models.options import HubOptions
from scaling.models.tokens import MASK, PAD

ENCODERS: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "num_mel_bins": 80, "max_length": 100,
    },
    "whisper": {
        "d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16,
        "max_source_positions": 50, "vocab_size": 60_000,
    },
    "clap_audio_model": {
        "spec_size": 160, "num_mel_bins": 80, "patch_embeds_hidden_size": 8, "depths": [1, 1], "hidden_size": 16,
        "num_attention_heads": [1, 2], "window_size": 5, "enable_fusion": False,
    },
}  # fmt: skip


def options(kind: str) -> HubOptions:
    return HubOptions(json.dumps({"model_type": kind, **ENCODERS[kind]}))


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_hears_a_clip_alone_as_in_a_batch_and_is_loaded_back(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = HubEncoder(options(kind)).eval()
    batch = random_batch(4, frames=90)
    with torch.no_grad():
        together, lengths = encoder(batch["features"], batch["lengths"])
        assert together.shape[2] == encoder.width == 16
        for row, length in enumerate(batch["lengths"].tolist()):
            alone, _ = encoder(batch["features"][row : row + 1, :length], torch.tensor([length]))
            assert lengths[row] == -(-length // encoder.stride)
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    encoder.model.save_pretrained(tmp_path)
    other = HubEncoder(options(kind))
    other.load_state_dict(dict(other.with_own_names(load_file(tmp_path / "model.safetensors"), "")))
    with torch.no_grad():
        assert torch.equal(other.eval()(batch["features"], batch["lengths"])[0], together)
    with pytest.raises(StudyError, match="these weights are of another model: no "):
        other.with_own_names({"head.weight": torch.ones(2)}, "")


def test_longer_clips_than_an_encoder_hears_are_refused() -> None:
    encoder = HubEncoder(options("whisper"))
    with pytest.raises(StudyError, match="a clip of 101 frames for an encoder that hears 100 at most"):
        encoder(torch.zeros(1, 101, 80), torch.tensor([101]))


def test_a_text_encoder_does_not_see_padding() -> None:
    torch.manual_seed(0)
    text = HubTextEncoder(json.dumps(BERT), PAD).eval()
    tokens = torch.tensor([[2, 7, 8, 3, 0, 0], [2, 9, 10, 11, 12, 3]])
    together = text(tokens)
    assert together.shape == (2, text.width)
    torch.testing.assert_close(text(tokens[:1, :4]), together[:1], atol=1e-6, rtol=0)


def test_a_decoder_is_causal_only_where_it_is_to_be() -> None:
    torch.manual_seed(0)
    decoder = HubDecoder(json.dumps(BART), 8, MASK).eval()
    tokens, frames, lengths = torch.randint(5, 40, (2, 6)), torch.randn(2, 9, 8), torch.tensor([9, 4])
    states = decoder.autoregressive(tokens, frames, lengths)
    assert decoder.logits(states).shape == (2, 6, 40)
    changed = tokens.clone()
    changed[:, 4:] = 5
    again = decoder.autoregressive(changed, frames, lengths)
    torch.testing.assert_close(again[:, :4], states[:, :4])
    assert not torch.allclose(again[:, 4:], states[:, 4:])
    frames[1, 4:] = 1e3
    torch.testing.assert_close(decoder.autoregressive(tokens, frames, lengths)[1], states[1])
    parallel = decoder.parallel(5, frames, lengths)
    assert parallel.shape == (2, 5, 16)
    assert not torch.allclose(parallel[0, 0], decoder.autoregressive(torch.full((2, 5), MASK), frames, lengths)[0, 0])


@pytest.mark.parametrize("config", ['{"model_type": "gpt9"}', '{"model_type": "bert", "hidden_size": "wide"}'])
def test_what_the_library_cannot_make_is_one_line(config: str) -> None:
    with pytest.raises(StudyError, match="can be made") as refused:
        HubTextEncoder(config, PAD)
    assert "\n" not in str(refused.value)
    with pytest.raises(StudyError, match="it must be bart"):
        HubDecoder(json.dumps(BERT), 8, MASK)
