"""The mean over what is valid."""

import torch

from scaling.models.pooling import masked_mean


def test_masked_mean() -> None:
    frames = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[5.0, 7.0], [8.0, 8.0], [9.0, 9.0]]])
    expected = torch.tensor([[2.0, 4.0], [5.0, 7.0]])
    torch.testing.assert_close(masked_mean(frames, torch.tensor([2, 1])), expected)


def test_nothing_valid_is_zero_and_finite() -> None:
    assert masked_mean(torch.ones(1, 3, 2), torch.tensor([0])).tolist() == [[0.0, 0.0]]
