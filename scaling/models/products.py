"""Two products over channels with SwooshL between them, in pieces that stay in the cache of a CPU.

In a small Zipformer this is most of the work, and more of it moving memory than multiplying. Nothing between the
products is kept but the input of the activation.
"""

from typing import Any

import torch
from torch import nn

from scaling.models.regularizers import Balancer, balancing, limits_of
from scaling.models.swoosh import LEFT, swoosh_into

ROWS = 1024


def products(
    x: torch.Tensor, bias: torch.Tensor, first: nn.Conv2d, second: nn.Conv2d, balancer: Balancer
) -> torch.Tensor:
    """`second` of SwooshL of the balanced `first` of x + bias, [..., channels]; both convolutions have one position."""
    inner = first.weight.flatten(1)
    weights = inner, nn.functional.linear(bias, inner, first.bias), second.weight.flatten(1), second.bias
    limits = limits_of(balancer, x)
    made: torch.Tensor = _Products.apply(x.reshape(-1, x.shape[-1]), *weights, limits)  # type: ignore[no-untyped-call]
    return made.view(*x.shape[:-1], -1)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        first: torch.Tensor,
        first_bias: torch.Tensor,
        second: torch.Tensor,
        second_bias: torch.Tensor,
        limits: torch.Tensor | None,
    ) -> torch.Tensor:
        out = x.new_empty(len(x), len(second))
        # In blocks that are small enough for the C library to keep them from step to step: what it hands back to the
        # kernel is cleared page by page when it comes again.
        hidden = [x.new_empty(len(some), len(first)) for some in torch.split(x, ROWS)]
        total, squares = x.new_zeros(2, len(first)).unbind()
        activated = x.new_empty(min(len(x), ROWS), len(first))
        for some, inner, outer in zip(torch.split(x, ROWS), hidden, torch.split(out, ROWS), strict=True):
            torch.addmm(first_bias, some, first.T, out=inner)
            torch.addmm(second_bias, swoosh_into(activated[: len(inner)], inner, LEFT), second.T, out=outer)
            if limits is not None:
                total += inner.sum(dim=0)
                squares += inner.square().sum(dim=0)
        ctx.save_for_backward(x, first, second, *hidden)
        ctx.penalty = None
        if limits is not None:
            ctx.penalty = balancing(total.double() / len(x), squares.double() / len(x), limits.tolist())
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, first, second, *hidden = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_x, of_first, of_second = torch.empty_like(x), torch.zeros_like(first), torch.zeros_like(second)
        of_first_bias = first.new_zeros(len(first))
        activated = x.new_empty(min(len(x), ROWS), len(first))
        pieces = torch.split(x, ROWS), hidden, torch.split(gradient, ROWS), torch.split(of_x, ROWS)
        for some, inner, behind, before in zip(*pieces, strict=True):
            of_second.addmm_(behind.T, swoosh_into(activated[: len(inner)], inner, LEFT))
            change = (behind @ second).mul_((inner - LEFT[0]).sigmoid_().sub_(0.08))
            if ctx.penalty is not None:
                offset, slope = ctx.penalty
                change += (inner * slope.to(inner.dtype)).add_(offset.to(inner.dtype)).mul_(change.abs())
            of_first.addmm_(change.T, some)
            of_first_bias += change.sum(dim=0)
            torch.mm(change, first, out=before)
        return of_x, of_first, of_first_bias, of_second, gradient.sum(dim=0), None
