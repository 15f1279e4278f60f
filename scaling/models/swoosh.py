"""What a Zipformer's modules are built of: its activations, its norm, its feed-forward product."""

from collections.abc import Sequence

import torch
from torch import nn

from scaling.models.chances import Chances, Drawn, constant, limited

LEFT = (4.0, 0.035)
RIGHT = (1.0, 0.313261687)
"""SwooshL and SwooshR: ln(1 + exp(x - shift)) - 0.08 x - fall."""
_CACHED = 2**16
"""Numbers that are worked on at once on a CPU."""


def swoosh(x: torch.Tensor, kind: tuple[float, float]) -> torch.Tensor:
    """SwooshL or SwooshR of a tensor."""
    shift, fall = kind
    if torch.compiler.is_compiling():
        return nn.functional.softplus(x - shift) - 0.08 * x - fall
    activated: torch.Tensor = _Swoosh.apply(x, shift, fall)  # type: ignore[no-untyped-call]
    return activated


class _Swoosh(torch.autograd.Function):
    """The same in few passes over memory, which is what it costs on a CPU."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor, shift: float, fall: float) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.shift = shift  # type: ignore[attr-defined]
        activated = torch.empty_like(x)
        for some, made in zip(_pieces(x), _pieces(activated), strict=True):
            swoosh_into(made, some, (shift, fall))
        return activated

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        slope, gradient = torch.empty_like(x), gradient.contiguous() if x.is_contiguous() else gradient
        for some, behind, before in zip(_pieces(x), _pieces(gradient, like=x), _pieces(slope), strict=True):
            torch.sub(some, ctx.shift, out=before).sigmoid_().sub_(0.08).mul_(behind)  # type: ignore[attr-defined]
        return slope, None, None


def swoosh_into(out: torch.Tensor, x: torch.Tensor, kind: tuple[float, float]) -> torch.Tensor:
    """SwooshL or SwooshR written into a tensor of the same shape."""
    shift, fall = kind
    shifted = x - shift
    # ln(1 + exp(s)) - 0.08 (s + shift) - fall
    return torch.sub(nn.functional.softplus(shifted), shifted.add_(shift + fall / 0.08), alpha=0.08, out=out)


def _pieces(x: torch.Tensor, like: torch.Tensor | None = None) -> Sequence[torch.Tensor]:
    """A tensor in pieces that stay in a CPU's cache from one operation to the next; whole on a GPU, and where it (or
    the one that it goes along with) does not lie in one piece."""
    whole = x.device.type != "cpu" or not (x if like is None else like).is_contiguous()
    return [x] if whole else torch.split(x.view(-1), _CACHED)


def linear(inputs: int, outputs: int, scale: float = 1.0, *, bias: bool = True) -> nn.Linear:
    """A linear layer that starts `scale` times as large as torch's own, its bias within a tenth of that."""
    made = nn.Linear(inputs, outputs, bias=bias)
    start_small(made, scale)
    return made


@torch.no_grad()
def start_small(layer: nn.Linear | nn.Conv2d, scale: float) -> None:
    """Make a layer's first weights `scale` times as large, and its bias within a tenth of the scale."""
    layer.weight.mul_(scale)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -0.1 * scale, 0.1 * scale)


class BiasNorm(nn.Module):
    """Frames [..., width] divided by the root mean square of what is left of them without a learned bias, times a
    learned scale; in training the scale is held between e^-1.5 and e^1.5."""

    def __init__(self, width: int, chances: Chances) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.empty(width).normal_(0, 1e-4))
        self.register_buffer("limit", torch.tensor(1.5), persistent=False)
        self.limit: torch.Tensor
        self.limits_work = chances.switch(constant(0.6))

    def forward(self, x: torch.Tensor, drawn: Drawn | None) -> torch.Tensor:
        log_scale: torch.Tensor = self.log_scale
        if drawn is not None:
            log_scale = limited(log_scale, -self.limit, self.limit, drawn.number(self.limits_work, log_scale))
        level = (x - self.bias).square().mean(dim=-1, keepdim=True)
        return x * (level.rsqrt() * log_scale.exp())


def dropped(x: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """Channels of [batch, time, channels] set to 0 with a probability (a tensor of one number), for all of a clip's
    frames at once, and the others made larger for it."""
    mask = (torch.rand(len(x), 1, x.shape[-1], device=x.device) >= rate).to(x.dtype)
    return x * (mask / (1 - rate).to(x.dtype))
