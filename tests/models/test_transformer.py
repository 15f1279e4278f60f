"""The encoder and its parts: lengths, padding, pooling, what a convolution is."""

import warnings

import pytest
import torch
from tiny import random_batch

from scaling.models.encoder import valid
from scaling.models.pooling import masked_mean
from scaling.models.text import TextEncoder
from scaling.models.transformer import Attention, Halving
from scaling.study.study import Model
from scaling.training.initialize import build_encoder

MODEL = Model(width=16, layers=2, heads=2, text_width=16, text_layers=2)


@pytest.fixture
def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_encoder("transformer", MODEL)


def test_frames_out_are_frames_in_by_eight_rounded_up(encoder: torch.nn.Module) -> None:
    for length in range(1, 41):
        frames, lengths = encoder(torch.zeros(1, length, 80), torch.tensor([length]))
        assert frames.shape == (1, -(-length // 8), 16)
        assert lengths.tolist() == [-(-length // 8)]


def test_longer_neighbours_change_nothing(encoder: torch.nn.Module) -> None:
    batch = random_batch(40, frames=40)
    batch["lengths"] = torch.arange(1, 41)
    # Not even what lies past a clip's end may matter.
    batch["features"][~valid(batch["lengths"], 40)] = 1e3
    together, lengths = encoder(batch["features"], batch["lengths"])
    for row, length in enumerate(batch["lengths"].tolist()):
        alone, _ = encoder(batch["features"][row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row, : lengths[row]], alone[0], atol=1e-5, rtol=0)


def test_evaluation_gives_the_bits_of_training_and_no_warning(encoder: torch.nn.Module) -> None:
    batch = random_batch(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained, _ = encoder.train()(batch["features"], batch["lengths"])
        with torch.no_grad():
            evaluated, _ = encoder.eval()(batch["features"], batch["lengths"])
    assert torch.equal(trained, evaluated)


def test_a_halving_is_a_strided_convolution() -> None:
    halving = Halving(5, 7)
    weight = halving.taps.weight.view(7, 3, 5).transpose(1, 2)
    for time in (1, 2, 3, 10, 11):
        x = torch.randn(2, time, 5)
        expected = torch.nn.functional.conv1d(x.transpose(1, 2), weight, halving.taps.bias, stride=2, padding=1)
        torch.testing.assert_close(halving(x), expected.transpose(1, 2))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(causal: bool) -> None:
    ours, theirs = Attention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([ours.query.weight.data, ours.key_value.weight.data])
    theirs.in_proj_bias.data = torch.cat([ours.query.bias.data, ours.key_value.bias.data])
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(3, 5, 8)
    inside = None if causal else valid(torch.tensor([5, 2, 1]), 5)
    future = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    padding = None if inside is None else ~inside
    expected, _ = theirs(x, x, x, attn_mask=future, key_padding_mask=padding)
    torch.testing.assert_close(ours(x, x, inside, causal=causal), expected)


def test_masked_mean() -> None:
    frames = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[5.0, 7.0], [8.0, 8.0], [9.0, 9.0]]])
    expected = torch.tensor([[2.0, 4.0], [5.0, 7.0]])
    torch.testing.assert_close(masked_mean(frames, torch.tensor([2, 1])), expected)


def test_padding_changes_no_caption() -> None:
    text = TextEncoder(30, 16, 2, 2)
    tokens = random_batch(6)["tokens"]
    for row, vector in zip(tokens, text(tokens), strict=True):
        torch.testing.assert_close(text(row[row != 0][None])[0], vector, atol=1e-5, rtol=0)
