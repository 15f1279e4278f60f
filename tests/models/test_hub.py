"""Models of the transformers library: each kind is built, saved, loaded back, and hears clips alone as in a batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import random_batch

from scaling.errors import StudyError
from scaling.models.hub import HubEncoder
from scaling.models.options import HubOptions

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
