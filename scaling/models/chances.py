"""What a regularized network does by chance or by schedule in a step: drawn outside of the network, so that the
network itself is one graph without branches.

Numbers lie in one vector on the network's device, so that a step copies once; no step waits for the device.
"""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Schedule:
    """A number by step: linear between its points (step, number), constant before the first and after the last."""

    points: tuple[tuple[float, float], ...]

    def at(self, step: float) -> float:
        """The number at a step."""
        before = [point for point in self.points if point[0] <= step]
        after = [point for point in self.points if point[0] > step]
        if not before or not after:
            return (before[-1] if before else after[0])[1]
        (left, low), (right, high) = before[-1], after[0]
        return low + (high - low) * (step - left) / (right - left)


def schedule(*points: tuple[float, float]) -> Schedule:
    """A schedule of these points."""
    return Schedule(points)


def constant(value: float) -> Schedule:
    """A number that stays."""
    return Schedule(((0.0, value),))


@dataclass(frozen=True)
class Drawn:
    """What was drawn for a batch: `kept` float32 [places, batch] of 0 and 1, and `numbers` float32 [numbers]."""

    kept: torch.Tensor
    numbers: torch.Tensor

    def keep(self, place: int, x: torch.Tensor) -> torch.Tensor:
        """What a part adds to its clips [batch, ...], without those that skip it."""
        return x * self.kept[place].to(x.dtype).view(-1, *[1] * (x.ndim - 1))

    def plus(self, place: int, x: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
        """Clips [batch, ...] with what a part adds to them, or as they are where they skip it."""
        return torch.addcmul(x, added, self.kept[place].to(added.dtype).view(-1, *[1] * (x.ndim - 1)))

    def number(self, place: int, like: torch.Tensor) -> torch.Tensor:
        """A number in the precision of a tensor."""
        return self.numbers[place].to(like.dtype)


class Chances(nn.Module):
    """Collects what the parts of a network want drawn: each part keeps the place that it is given.

    A clip skips a part with a probability by schedule (`skip`); a switch is on in a step with a probability by schedule
    (`switch`); a `value` follows its schedule.
    """

    def __init__(self) -> None:
        super().__init__()
        self._skips: list[Schedule] = []
        self._numbers: list[tuple[Schedule, bool]] = []
        self.register_buffer("values", torch.zeros(0), persistent=False)
        self.values: torch.Tensor

    def skip(self, rate: Schedule) -> int:
        """A place in `Drawn.kept`."""
        self._skips.append(rate)
        return len(self._skips) - 1

    def switch(self, rate: Schedule) -> int:
        """A place in `Drawn.numbers`: 1 in a step with this probability, else 0."""
        self._numbers.append((rate, True))
        return len(self._numbers) - 1

    def value(self, by_step: Schedule) -> int:
        """A place in `Drawn.numbers`."""
        self._numbers.append((by_step, False))
        return len(self._numbers) - 1

    def at_step(self, step: float) -> None:
        """Draw the switches of a step, from torch's generator of the CPU, and set all rates and values."""
        rates = [rate.at(step) for rate in self._skips]
        draws = torch.rand(len(self._numbers), device="cpu").tolist()
        numbers = [
            float(draw < by_step.at(step)) if switched else by_step.at(step)
            for (by_step, switched), draw in zip(self._numbers, draws, strict=True)
        ]
        values = torch.tensor(rates + numbers, dtype=torch.float32, device="cpu")
        if len(self.values) != len(values):
            self.values = torch.zeros_like(values, device=self.values.device)
        self.values.copy_(values, non_blocking=True)

    def forward(self, clips: int) -> Drawn:
        """What is drawn for a batch of so many clips, on the network's device."""
        rates, numbers = self.values[: len(self._skips)], self.values[len(self._skips) :]
        kept = torch.rand(len(self._skips), clips, device=rates.device) >= rates[:, None]
        return Drawn(kept.float(), numbers)


class Limited(torch.autograd.Function):
    """A parameter as it is; where it lies outside its limits, gradients that would take it further out are turned
    around."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        x: torch.Tensor,
        low: torch.Tensor,
        high: torch.Tensor,
        on: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, low, high, on)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, low, high, on = ctx.saved_tensors  # type: ignore[attr-defined]
        outwards = ((gradient > 0) & (x < low)) | ((gradient < 0) & (x > high))
        return torch.where(outwards & (on > 0), -gradient, gradient), None, None, None


def limited(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor, on: torch.Tensor) -> torch.Tensor:
    """See `Limited`; the limits and the switch are tensors of one number."""
    found: torch.Tensor = Limited.apply(x, low, high, on)  # type: ignore[no-untyped-call]
    return found
