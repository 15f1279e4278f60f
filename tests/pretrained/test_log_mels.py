"""Log-mels by torch alone are those that encoders are trained on."""

import pytest
import torch
from pretrained.made import sound

from scaling.data.features import log_mel, mel_filters
from scaling.models.formats import LogMel
from scaling.pretrained.log_mels import LogMels


@pytest.mark.parametrize("samples", [1, 256, 257, 400, 16_000, 20_001])
@pytest.mark.parametrize("of", [LogMel(), LogMel(bins=64, fft=1024, window=1000, hop=320, scale="slaney")])
def test_they_are_those_of_the_store(samples: int, of: LogMel) -> None:
    made = LogMels(of)
    made.filters.copy_(mel_filters(of))
    heard = sound(2.0)[:samples]
    torch.testing.assert_close(made(heard), log_mel(heard, of), atol=1e-4, rtol=0)
