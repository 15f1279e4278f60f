"""Decoders that encode captions too: what each way of reading sees."""

import pytest
import torch

from scaling.models.joint_decoders import CocaDecoder, MammutDecoder

TOKENS = torch.tensor([[2, 7, 8, 9, 3], [2, 6, 3, 0, 0]])
FRAMES, LENGTHS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([6, 4])


@pytest.fixture(params=[CocaDecoder, MammutDecoder])
def decoder(request: pytest.FixtureRequest) -> CocaDecoder | MammutDecoder:
    torch.manual_seed(0)
    made: CocaDecoder | MammutDecoder = request.param(12, 16, 2, 2, 8)
    return made


def test_every_word_counts_in_a_captions_vector_and_nothing_behind_it(decoder: CocaDecoder | MammutDecoder) -> None:
    vectors = decoder.text(TOKENS)
    assert vectors.shape == (2, 16)
    torch.testing.assert_close(decoder.text(TOKENS[1:, :3]), vectors[1:], atol=1e-5, rtol=0)
    for place in (1, 2, 3):
        changed = TOKENS.clone()
        changed[0, place] = 11
        assert (decoder.text(changed) - vectors)[0].abs().max() > 1e-3


def test_an_autoregressive_position_sees_no_later_token_and_all_frames(decoder: CocaDecoder | MammutDecoder) -> None:
    states = decoder.autoregressive(TOKENS, FRAMES, LENGTHS)
    changed = TOKENS.clone()
    changed[0, 3] = 11
    again = decoder.autoregressive(changed, FRAMES, LENGTHS)
    torch.testing.assert_close(again[0, :3], states[0, :3], atol=1e-6, rtol=0)
    assert (again[0, 3] - states[0, 3]).abs().max() > 1e-3
    others = FRAMES.clone()
    others[0, 5], others[1, 5] = 0.0, 0.0
    heard = decoder.autoregressive(TOKENS, others, LENGTHS)
    assert (heard[0, 0] - states[0, 0]).abs().max() > 1e-4
    torch.testing.assert_close(heard[1], states[1])


def test_parallel_positions_are_as_they_are_whatever_is_beside_them(decoder: CocaDecoder | MammutDecoder) -> None:
    both = decoder.parallel(4, FRAMES, LENGTHS)
    torch.testing.assert_close(decoder.parallel(4, FRAMES[1:, :4], LENGTHS[1:]), both[1:], atol=1e-5, rtol=0)
    inside = torch.tensor([[True] * 4, [True, True, False, False]])
    told = decoder.parallel(4, FRAMES, LENGTHS, inside)
    torch.testing.assert_close(told[0], both[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(told[1, :2], decoder.parallel(2, FRAMES[1:], LENGTHS[1:])[0], atol=1e-5, rtol=0)
