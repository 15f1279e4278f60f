"""Attention is that of torch, and position encodings are those of the paper."""

import math

import pytest
import torch

from scaling.models.encoder import valid
from scaling.models.layers import Attention, Block, sinusoids


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


def test_a_block_is_a_pre_norm_layer_of_torch() -> None:
    ours = Block(8, 2)
    theirs = torch.nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    attention = ours.attention
    theirs.self_attn.in_proj_weight.data = torch.cat([attention.query.weight.data, attention.key_value.weight.data])
    theirs.self_attn.in_proj_bias.data = torch.cat([attention.query.bias.data, attention.key_value.bias.data])
    theirs.self_attn.out_proj.load_state_dict(attention.output.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward[2].state_dict())
    inside = valid(torch.tensor([5, 2, 1]), 5)
    x = torch.randn(3, 5, 8)
    expected = theirs(x, src_key_padding_mask=~inside)
    torch.testing.assert_close(ours(x, inside)[inside], expected[inside])


def test_position_encodings_in_closed_form() -> None:
    encoded = sinusoids(50, 6)
    for position, pair in ((0, 0), (1, 0), (49, 2)):
        angle = position / 10_000 ** (2 * pair / 6)
        expected = [math.sin(angle), math.cos(angle)]
        assert encoded[position, 2 * pair : 2 * pair + 2].tolist() == pytest.approx(expected, abs=1e-5)
