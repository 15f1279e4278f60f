"""X-ARES's contract, as its checker checks it (xares/audio_encoder_checker.py)."""

from pathlib import Path

import pytest
import torch
from pretrained.made import KINDS, folder, sound

from scaling.pretrained.xares import ScalingEncoder


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_of_x_ares(tmp_path: Path, kind: str) -> None:
    encoder = ScalingEncoder(folder(tmp_path / "encoder", KINDS[kind]))
    assert isinstance(encoder, torch.nn.Module)
    assert type(encoder).__name__.endswith("Encoder")
    assert encoder.sampling_rate == 16_000
    assert encoder.hop_size_in_ms > 0
    frames = encoder(torch.randn(2, 50_000))
    assert frames.ndim == 3
    assert (frames.shape[0], frames.shape[2]) == (2, encoder.output_dim)
    # Minutes at once, and as many frames as the hop says.
    long = encoder(sound(120.0)[None])
    assert long.isfinite().all()
    assert abs(long.shape[1] - 120_000 / encoder.hop_size_in_ms) <= 2
