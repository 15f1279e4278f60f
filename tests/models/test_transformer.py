"""The transformer encoder: lengths, padding, what patches are."""

import warnings

import pytest
import torch
from tiny import random_batch

from scaling.models.encoder import Encoder, valid
from scaling.models.options import TransformerOptions
from scaling.models.transformer import Patches, Transformer


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Transformer(TransformerOptions(width=16, layers=2, heads=2))


def test_frames_out_are_frames_in_by_eight_rounded_up(encoder: Encoder) -> None:
    for length in range(1, 41):
        frames, lengths = encoder(torch.zeros(1, length, 80), torch.tensor([length]))
        assert frames.shape == (1, -(-length // 8), 16)
        assert lengths.tolist() == [-(-length // 8)]


def test_longer_neighbours_change_nothing(encoder: Encoder) -> None:
    batch = random_batch(40, frames=40)
    batch["lengths"] = torch.arange(1, 41)
    # Not even what lies past a clip's end may matter.
    batch["features"][~valid(batch["lengths"], 40)] = 1e3
    together, lengths = encoder(batch["features"], batch["lengths"])
    for row, length in enumerate(batch["lengths"].tolist()):
        alone, _ = encoder(batch["features"][row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row, : lengths[row]], alone[0], atol=1e-5, rtol=0)


def test_evaluation_gives_the_bits_of_training_and_no_warning(encoder: Encoder) -> None:
    batch = random_batch(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained, _ = encoder.train()(batch["features"], batch["lengths"])
        with torch.no_grad():
            evaluated, _ = encoder.eval()(batch["features"], batch["lengths"])
    assert torch.equal(trained, evaluated)


def test_patches_are_a_convolution_that_strides_by_its_width() -> None:
    patches = Patches(4, 5, 7)
    weight = patches.taps.weight.view(7, 4, 5).transpose(1, 2)
    for time in (1, 3, 4, 11, 12):
        x = torch.randn(2, time, 5)
        filled = torch.nn.functional.pad(x, (0, 0, 0, -time % 4)).transpose(1, 2)
        expected = torch.nn.functional.conv1d(filled, weight, patches.taps.bias, stride=4)
        torch.testing.assert_close(patches(x), expected.transpose(1, 2))
