"""What a caption's position may know."""

import pytest
import torch

from scaling.models.decoder import CaptionDecoder


@pytest.fixture
def decoder() -> CaptionDecoder:
    torch.manual_seed(0)
    return CaptionDecoder(30, 16, 2, 2, 8)


def embedding_gradient(decoder: CaptionDecoder, tokens: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """By how much each input moves the logits of a state: [length]."""
    [gradient] = torch.autograd.grad(decoder.logits(state).square().sum(), decoder.embedding.weight, retain_graph=True)
    return gradient[tokens].abs().sum(dim=1)


def test_an_autoregressive_position_sees_no_later_token(decoder: CaptionDecoder) -> None:
    tokens = torch.tensor([[2, 7, 11, 5, 9, 13]])
    frames, lengths = torch.randn(1, 4, 8), torch.tensor([3])
    states = decoder.autoregressive(tokens, frames, lengths)
    for position in range(6):
        seen = embedding_gradient(decoder, tokens[0], states[0, position]) > 0
        assert seen.tolist() == [other <= position for other in range(6)]


def test_a_parallel_position_sees_the_mask_token_and_its_own_frames_alone(decoder: CaptionDecoder) -> None:
    frames, lengths = torch.randn(3, 4, 8, requires_grad=True), torch.tensor([4, 2, 3])
    states = decoder.parallel(6, frames, lengths)
    assert states.shape == (3, 6, 16)
    words = torch.arange(30)
    for position in range(6):
        assert (embedding_gradient(decoder, words, states[1, position]) > 0).nonzero()[:, 0].tolist() == [4]
        [gradient] = torch.autograd.grad(states[1, position].square().sum(), frames, retain_graph=True)
        assert (gradient.abs().sum(dim=2) > 0).tolist() == [[False] * 4, [True, True, False, False], [False] * 4]


def test_positions_of_a_parallel_clip_differ(decoder: CaptionDecoder) -> None:
    states = decoder.parallel(6, torch.randn(1, 4, 8), torch.tensor([4]))[0]
    assert torch.pdist(states).min() > 1e-3
