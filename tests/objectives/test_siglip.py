"""The sigmoid loss against its formula, equal captions, and two workers against one."""

import math

import pytest
import torch
from tiny import OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.objectives.siglip import pairwise_sigmoid

OPTIONS = OBJECTIVES["siglip"]


def unit_vectors(clips: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(clips, 8, generator=generator), dim=1)


@pytest.mark.parametrize("caption", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2], [0] * 6])
def test_every_pair_is_a_question_of_its_own(caption: list[int]) -> None:
    audio, text, scale, bias = unit_vectors(6, 0), unit_vectors(6, 1), 9.0, -3.0
    expected = 0.0
    for i, one in enumerate(audio.tolist()):
        for j, other in enumerate(text.tolist()):
            logit = scale * sum(a * b for a, b in zip(one, other, strict=True)) + bias
            expected += math.log1p(math.exp(-logit if caption[i] == caption[j] else logit)) / 6
    loss, _ = pairwise_sigmoid(audio, text, torch.tensor(caption), scale, torch.tensor(bias))
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_a_clip_with_the_same_caption_is_no_negative() -> None:
    """Two clips with one caption and perfect vectors: apart they would be pushed, and are not."""
    audio = torch.eye(4)[[0, 0, 1, 2]].requires_grad_()
    loss, accuracy = pairwise_sigmoid(audio, audio.detach(), torch.tensor([9, 9, 1, 2]), 100.0, torch.tensor(-50.0))
    assert loss.item() < 1e-6
    assert accuracy == 1
    loss.backward()
    assert audio.grad is not None
    assert audio.grad.abs().max() < 1e-5


def test_gradients_are_those_of_differences() -> None:
    audio, text = (unit_vectors(5, seed).double().requires_grad_() for seed in (0, 1))
    scale, bias = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (10.0, -10.0))
    caption = torch.tensor([0, 1, 0, 2, 3])
    torch.autograd.gradcheck(
        lambda *given: pairwise_sigmoid(given[0], given[1], caption, given[2], given[3])[0], (audio, text, scale, bias)
    )


@pytest.mark.parametrize("caption", [[0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 0, 2, 3, 4, 4], [0, 1, 0, 2, 3]])
def test_two_workers_are_one(pair: Pair, caption: list[int]) -> None:
    batch = {**random_batch(len(caption)), "caption": torch.tensor(caption)}
    loss, gradients = loss_and_gradients(0, OPTIONS, batch, 1)
    assert {"bias", "scale.log"} <= gradients.keys()
    answers = pair.call(loss_and_gradients, OPTIONS, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        assert theirs.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)
