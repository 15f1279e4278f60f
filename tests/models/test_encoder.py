"""What every encoder does."""

import torch

from scaling.models.encoder import LOG_MEL_MEAN, LOG_MEL_STD, Encoder, valid


def test_normalization_goes_along_with_the_weights():
    encoder = Encoder()
    assert encoder.normalized(torch.full((1, 2, 80), LOG_MEL_MEAN)).eq(0).all()
    assert encoder.normalized(torch.full((1, 2, 80), LOG_MEL_MEAN + LOG_MEL_STD)).eq(1).all()
    encoder.log_mel_mean.fill_(3.0)
    other = Encoder()
    other.load_state_dict(encoder.state_dict())
    assert other.normalized(torch.full((1, 2, 80), 3.0)).eq(0).all()
    assert not list(encoder.parameters())


def test_what_is_inside_its_sequence():
    assert valid(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]
