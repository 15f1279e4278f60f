"""InfoNCE against its formula, and two workers against one."""

import math
from dataclasses import replace

import pytest
import torch
from tiny import OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.objectives.contrastive import info_nce

OPTIONS = OBJECTIVES["contrastive"]
TEMPERATURE = OPTIONS.temperature


def brute_force(audio: torch.Tensor, text: torch.Tensor, caption: torch.Tensor) -> float:
    """The mean over clips and directions of the mean over positives of -log softmax, in plain Python."""
    losses = []
    for one, other in ((audio.tolist(), text.tolist()), (text.tolist(), audio.tolist())):
        for row, vector in enumerate(one):
            logits = [sum(a * b for a, b in zip(vector, o, strict=True)) / TEMPERATURE for o in other]
            positives = [i for i in range(len(other)) if caption[i] == caption[row]]
            total = math.log(sum(math.exp(logit) for logit in logits))
            losses.append(sum(total - logits[i] for i in positives) / len(positives))
    return sum(losses) / len(losses)


def unit_vectors(clips: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(clips, 8, generator=generator), dim=1)


@pytest.mark.parametrize("caption", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2], [0] * 6])
def test_equal_captions_are_positives_of_each_other(caption: list[int]) -> None:
    audio, text, captions = unit_vectors(6, 0), unit_vectors(6, 1), torch.tensor(caption)
    loss, _ = info_nce(audio, text, captions, 1 / TEMPERATURE)
    assert loss.item() == pytest.approx(brute_force(audio, text, captions), abs=1e-5)


def test_orthogonal_vectors_in_closed_form() -> None:
    vectors, n = torch.eye(5), 5
    loss, accuracy = info_nce(vectors, vectors, torch.arange(n), 1 / TEMPERATURE)
    assert loss.item() == pytest.approx(math.log1p((n - 1) * math.exp(-1 / TEMPERATURE)), abs=1e-6)
    assert accuracy == 1
    # Every clip next to the caption of its neighbour.
    loss, accuracy = info_nce(vectors, vectors.roll(1, 0), torch.arange(n), 1 / TEMPERATURE)
    assert loss.item() == pytest.approx(math.log(n - 1 + math.exp(1 / TEMPERATURE)), abs=1e-5)
    assert accuracy == 0


def test_a_clip_with_the_same_caption_is_no_negative() -> None:
    """Two clips with one caption and perfect vectors: nothing is left to be learned."""
    vectors = torch.eye(4)[[0, 0, 1, 2]]
    audio = vectors.clone().requires_grad_()
    loss, _ = info_nce(audio, vectors, torch.tensor([9, 9, 1, 2]), 100.0)
    assert loss.item() == pytest.approx(math.log(2) / 2, abs=1e-5)
    loss.backward()
    assert audio.grad is not None
    assert audio.grad.abs().max() < 1e-5


# Clips are dealt in turn: 0 and 1 lie on different workers, 0 and 2 on the same one; of five one has three.
@pytest.mark.parametrize(
    "caption",
    [[0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 2, 3, 4, 5, 5], [0, 1, 0, 2, 0, 0, 3, 3], [0, 1, 0, 2, 3]],
)
@pytest.mark.parametrize("learned", [False, True], ids=["fixed", "learned"])
def test_two_workers_are_one(pair: Pair, caption: list[int], learned: bool) -> None:
    options = replace(OPTIONS, learned_temperature=learned)
    batch = {**random_batch(len(caption)), "caption": torch.tensor(caption)}
    loss, gradients = loss_and_gradients(0, options, batch, 1)
    assert ("scale.log" in gradients) == learned
    answers = pair.call(loss_and_gradients, options, batch, 2)
    assert sum(answer[0] for answer in answers) / 2 == pytest.approx(loss, abs=1e-5)
    for _, theirs in answers:
        assert theirs.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(theirs[name], gradient, atol=1e-5, rtol=0)


def test_gradients_are_those_of_differences() -> None:
    audio, text = (unit_vectors(5, seed).double().requires_grad_() for seed in (0, 1))
    scale, caption = torch.tensor(14.0, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 0, 2, 3])
    torch.autograd.gradcheck(lambda *given: info_nce(given[0], given[1], caption, given[2])[0], (audio, text, scale))
