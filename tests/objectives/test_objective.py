"""What objectives share: draws that do not depend on the number of workers, sums over them, and being alone."""

import pytest
import torch
from tiny import Pair

from scaling.objectives.objective import alone, share_of_draws, summed_over_workers, workers


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
