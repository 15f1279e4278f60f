"""The convolutional front end of a Zipformer: log-mels at 100 Hz to frames at 50 Hz.

Everything is channels last, [batch, time, bins, channels]: on a CPU that halves its cost, and it is most of a small
encoder's. Names of parameters are those of the public implementation.
"""

import torch
from torch import nn

from scaling.models.chances import Chances, Drawn, schedule
from scaling.models.encoder import valid
from scaling.models.formats import MEL_BINS
from scaling.models.products import products
from scaling.models.regularizers import Balancer, Whiten
from scaling.models.swoosh import LEFT, RIGHT, BiasNorm, dropped, start_small, swoosh

CHANNELS = (8, 32, 128)
LEAST_FRAMES = 9
"""Frames that make one."""


class FrontEnd(nn.Module):
    """Three convolutions, a ConvNeXt block, and a projection of all bins: [batch, time, 80] and lengths to
    [batch, (time - 7) // 2, width] and theirs.

    With `leaks` what lies past a clip's end is heard by its last three frames, as in the public implementation.
    """

    def __init__(self, width: int, chances: Chances) -> None:
        super().__init__()
        first, second, third = CHANNELS
        # Named by their places among what stands between them in the public implementation.
        self.conv = nn.ModuleDict(
            {
                "0": nn.Conv2d(1, first, 3, padding=(0, 1)),
                "4": nn.Conv2d(first, second, 3, stride=2),
                "7": nn.Conv2d(second, third, 3, stride=(1, 2)),
            }
        )
        self.balancers = nn.ModuleList([Balancer(magnitude=(0.2, most)) for most in (1.0, 4.0, 4.0)])
        self.convnext = ConvNeXt(third, chances)
        self.out = nn.Linear(((MEL_BINS - 1) // 2 - 1) // 2 * third, width)
        self.out_whiten = Whiten(schedule((0, 4.0), (20_000, 8.0)), strength=0.02)
        self.out_norm = BiasNorm(width, chances)
        self.dropout = chances.value(schedule((0, 0.3), (20_000, 0.1)))

    def forward(
        self, x: torch.Tensor, lengths: torch.Tensor, drawn: Drawn | None, *, leaks: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x = x[..., None]
        for number, (layer, balancer) in enumerate(zip(self.conv.values(), self.balancers, strict=True)):
            x = convolved(x, layer)
            if number == 0 and drawn is not None:
                # Of a single input channel the gradients are an order larger than those of the others.
                x = _Scaled.apply(x, 0.2)  # type: ignore[no-untyped-call]
            x = swoosh(balancer(x), RIGHT)
        lengths = (lengths - 7) // 2
        if not leaks and not _all_are_whole(lengths, x):
            x = x.masked_fill_(~valid(lengths, x.shape[1])[..., None, None], 0.0)
        x = self.convnext(x, drawn)
        # The weights lie with channels before bins.
        weight = torch.unflatten(self.out.weight, 1, (x.shape[3], x.shape[2])).transpose(1, 2).flatten(1)
        x = self.out_norm(self.out_whiten(nn.functional.linear(x.flatten(2), weight, self.out.bias)), drawn)
        return (x if drawn is None else dropped(x, drawn.numbers[self.dropout])), lengths


class ConvNeXt(nn.Module):
    """A depthwise convolution over time and bins, and two products over channels (Liu et al. 2022, without norm)."""

    def __init__(self, channels: int, chances: Chances) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.pointwise_conv1 = nn.Conv2d(channels, 3 * channels, 1)
        self.pointwise_conv2 = nn.Conv2d(3 * channels, channels, 1)
        start_small(self.pointwise_conv2, 0.01)
        self.skips = chances.skip(schedule((0, 0.2), (20_000, 0.015)))
        self.hidden_balancer = Balancer((0.3, 1.0), (0.75, 5.0))
        self.out_balancer = Balancer((0.4, 0.6), (1.0, 6.0))
        self.out_whiten = Whiten(schedule((0, 5.0)))

    def forward(self, x: torch.Tensor, drawn: Drawn | None) -> torch.Tensor:
        added = self._added(x)
        x = x + added if drawn is None else drawn.plus(self.skips, x, added)
        whitened: torch.Tensor = self.out_whiten(self.out_balancer(x))
        return whitened

    def _added(self, x: torch.Tensor) -> torch.Tensor:
        if (
            x.device.type == "cpu"
            and not torch.compiler.is_compiling()
            and x.dtype == self.pointwise_conv1.weight.dtype
        ):
            # The gradient of a convolution's bias takes a CPU longer than that of its input.
            x, bias = convolved(x, self.depthwise_conv, bias=False), self.depthwise_conv.bias
            assert bias is not None
            return products(x, bias, self.pointwise_conv1, self.pointwise_conv2, self.hidden_balancer)
        hidden = self.hidden_balancer(over_channels(convolved(x, self.depthwise_conv), self.pointwise_conv1))
        return over_channels(swoosh(hidden, LEFT), self.pointwise_conv2)


def _all_are_whole(lengths: torch.Tensor, x: torch.Tensor) -> bool:
    """Whether no clip is padded, as far as that can be known for nothing: on a CPU."""
    return lengths.device.type == "cpu" and not torch.compiler.is_compiling() and bool((lengths >= x.shape[1]).all())


def convolved(x: torch.Tensor, layer: nn.Module, *, bias: bool = True) -> torch.Tensor:
    """A convolution of [batch, time, bins, channels]; without `bias` that is left out."""
    assert isinstance(layer, nn.Conv2d)
    weight = layer.weight.contiguous(memory_format=torch.channels_last)
    return nn.functional.conv2d(
        x.permute(0, 3, 1, 2),
        weight,
        layer.bias if bias else None,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
    ).permute(0, 2, 3, 1)


def over_channels(x: torch.Tensor, layer: nn.Conv2d) -> torch.Tensor:
    """A convolution of one position: a product over channels, the last dimension."""
    return nn.functional.linear(x, layer.weight.flatten(1), layer.bias)


class _Scaled(torch.autograd.Function):
    """A tensor as it is, its gradient times a number."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.scale = scale  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient * ctx.scale, None  # type: ignore[attr-defined]
