"""What objectives share: draws that do not depend on the number of workers, sums over them, and being alone."""

import pytest
import torch
from tiny import ENCODER, OBJECTIVES, Pair, loss_and_gradients, random_batch

from scaling.models.transformer import Transformer
from scaling.objectives.objective import alone, found_in_parts, gathered, share_of_draws, summed_over_workers, workers
from scaling.objectives.options import OBJECTIVES as KNOWN_OBJECTIVES


def test_a_quarter_of_the_clips_is_autoregressive() -> None:
    generator = torch.Generator().manual_seed(0)
    share = (share_of_draws(40_000, generator) < 0.25).float().mean()
    assert share == pytest.approx(0.25, abs=0.01)


def draws(worker: int, clips: int) -> torch.Tensor:
    return share_of_draws(clips, torch.Generator().manual_seed(7)).clone()


def test_a_clip_is_drawn_whatever_the_number_of_workers(pair: Pair) -> None:
    everyone = draws(0, 50)
    first, second = pair.call(draws, 25)
    assert torch.equal(first, everyone[0::2])
    assert torch.equal(second, everyone[1::2])


def sums(worker: int) -> tuple[int, float, int, float]:
    together = workers(), summed_over_workers(torch.tensor(worker + 1.0)).item()
    with alone():
        return *together, workers(), summed_over_workers(torch.tensor(worker + 1.0)).item()


def test_workers_are_summed_over_unless_one_is_alone(pair: Pair) -> None:
    assert sums(0) == (1, 1.0, 1, 1.0)
    assert pair.call(sums) == [(2, 3.0, 1, 1.0), (2, 3.0, 1, 2.0)]


def rows_and_gradient(worker: int) -> list[torch.Tensor]:
    """Of two rows of the first worker and three of the second: all rows, their numbers, and what a loss of both, in
    which row i counts i + 1 times as much on the second worker, leaves behind."""
    mine = torch.arange(2.0 + worker)[:, None].repeat(1, 2) + 10 * worker
    mine.requires_grad_()
    everyone = gathered(mine)
    weights = torch.arange(len(everyone)) if worker else torch.ones(len(everyone))
    (everyone.sum(dim=1) * weights).sum().backward()
    assert mine.grad is not None
    return [everyone.detach().clone(), gathered(torch.arange(2 + worker)).clone(), mine.grad.clone()]


def test_workers_with_different_numbers_of_rows_are_gathered_with_gradients(pair: Pair) -> None:
    first, second = pair.call(rows_and_gradient)
    for everyone, numbers, _ in (first, second):
        assert everyone[:, 0].tolist() == [0, 1, 10, 11, 12]
        assert numbers.tolist() == [0, 1, 0, 1, 2]
    assert first[2][:, 0].tolist() == [1, 2]
    assert second[2][:, 0].tolist() == [3, 4, 5]


@pytest.mark.parametrize("name", [name for name, options in OBJECTIVES.items() if options.targets == "captions"])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_batch_larger_than_memory_has_the_same_gradient(name: str, at_once: int) -> None:
    batch = {**random_batch(8), "caption": torch.tensor([0, 1, 2, 0, 3, 4, 5, 5])}
    loss, gradients = loss_and_gradients(0, OBJECTIVES[name], batch, 1)
    in_parts, theirs = loss_and_gradients(0, OBJECTIVES[name], batch, 1, at_once)
    assert in_parts == pytest.approx(loss, abs=1e-5)
    for key, gradient in gradients.items():
        torch.testing.assert_close(theirs[key], gradient, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [name for name, options in OBJECTIVES.items() if options.targets == "captions"])
def test_gradients_are_those_of_differences_of_the_whole_objective(name: str) -> None:
    """In float64, of every tensor of weights along a direction drawn at random, through encoder and text side."""
    torch.manual_seed(0)
    module = KNOWN_OBJECTIVES.builder_of(OBJECTIVES[name])(OBJECTIVES[name], Transformer(ENCODER), 30, {}).double()
    batch = {**random_batch(6), "caption": torch.tensor([0, 1, 2, 0, 3, 4])}
    batch["features"] = batch["features"].double()

    def loss() -> torch.Tensor:
        return module(batch, torch.Generator().manual_seed(5))["loss"]

    loss().backward()
    step = 1e-6
    for key, weights in module.named_parameters():
        direction = torch.randn_like(weights)
        with torch.no_grad():
            weights += step * direction
            ahead = loss().item()
            weights -= 2 * step * direction
            behind = loss().item()
            weights += step * direction
        found = 0.0 if weights.grad is None else (weights.grad * direction).sum().item()
        assert found == pytest.approx((ahead - behind) / (2 * step), rel=1e-4, abs=1e-6), key


def test_two_workers_that_hold_a_part_at_once_are_one(pair: Pair) -> None:
    batch = random_batch(7)
    _, gradients = loss_and_gradients(0, OBJECTIVES["hybrid"], batch, 1)
    for _, theirs in pair.call(loss_and_gradients, OBJECTIVES["hybrid"], batch, 2, 2):
        for key, gradient in gradients.items():
            torch.testing.assert_close(theirs[key], gradient, atol=1e-5, rtol=0)


def test_no_more_activations_are_held_than_of_a_part() -> None:
    """Counted as bytes that are saved for the way back while the loss is taken."""

    def held(at_once: int) -> int:
        sizes = []
        module, batch = torch.nn.Linear(4, 4), {"lengths": torch.ones(64), "features": torch.randn(64, 4)}

        def find(some: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            x = some["features"]
            for _ in range(20):
                x = module(x).tanh()
            return {"x": x}

        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            found_in_parts(find, batch, at_once)["x"].sum().backward()
        return sum(sizes)

    assert held(8) < held(0) / 4
