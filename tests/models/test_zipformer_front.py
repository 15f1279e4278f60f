"""The front end: lengths, and products that stand for convolutions."""

import torch
from torch import nn

from scaling.models.chances import Chances
from scaling.models.zipformer_front import LEAST_FRAMES, FrontEnd, convolved, over_channels


def test_lengths_are_those_of_the_convolutions() -> None:
    front = FrontEnd(8, Chances()).eval()
    for frames in range(LEAST_FRAMES, 30):
        x, lengths = front(torch.randn(1, frames, 80), torch.tensor([frames]), None, leaks=False)
        assert x.shape == (1, (frames - 7) // 2, 8)
        assert lengths.tolist() == [(frames - 7) // 2]


def test_channels_last_changes_no_convolution() -> None:
    x = torch.randn(2, 10, 9, 4)
    layer, point = nn.Conv2d(4, 6, 3, stride=(1, 2), padding=(0, 1)), nn.Conv2d(4, 6, 1)
    first = x.permute(0, 3, 1, 2)
    torch.testing.assert_close(convolved(x, layer), layer(first).permute(0, 2, 3, 1))
    torch.testing.assert_close(over_channels(x, point), point(first).permute(0, 2, 3, 1))
