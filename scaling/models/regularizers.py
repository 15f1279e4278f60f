"""Regularizers that leave what flows forward as it is and change gradients (Yao et al. 2024): Balancer and Whiten.

Both are written in closed form: what autograd would find of their penalties, from a few sums a channel. Their work is
an operator of its own, which decides by numbers on the CPU whether it is to be done at all: a compiled network contains
it whole, and nothing waits for the device.
"""

import math

import torch
from torch import nn

from scaling.models.chances import Schedule, constant, schedule

TINY = 1e-20
CACHED_ROWS = 1024
"""On a CPU work goes by so many rows: they stay in the cache from one operation to the next."""
OFTEN = schedule((0, 0.5), (8000, 0.125))
"""How often a balancer works by default."""


class Regularizer(nn.Module):
    """A part that works in some steps only; outside training it is nothing."""

    on = False
    """Whether it may work in this step."""

    def at_step(self, step: float, draw: float) -> None:
        """Decide by a uniform draw whether it works in a step, and how."""
        raise NotImplementedError

    def works(self, x: torch.Tensor) -> bool:
        """Whether gradients of this tensor are to be changed. A compiled network asks once, and so always does."""
        return self.training and x.requires_grad and (torch.compiler.is_compiling() or self.on)


def _mean_of_positive_share(share: float) -> float:
    """About the mean of a normal variable of deviation 1 that is positive in this share of cases."""
    return 0.8139535143 * math.atanh(min(max(2 * share - 1, -1 + 1e-10), 1 - 1e-10))


class Balancer(Regularizer):
    """Holds channels (last dimension) to a share of positive values and to a mean magnitude.

    `positive` and `magnitude` are the limits, `often` the probability of a step; the penalty's gradient is at most
    `strength` of the gradient's own magnitude.
    """

    def __init__(
        self,
        positive: tuple[Schedule | float, Schedule | float] = (0.05, 0.95),
        magnitude: tuple[Schedule | float, Schedule | float] = (0.2, 100.0),
        often: Schedule = OFTEN,
        strength: float = 0.04,
    ) -> None:
        super().__init__()
        self.positive, self.magnitude = _schedules(positive), _schedules(magnitude)
        self.often, self.strength = often, strength
        # No buffer: it stays on the CPU, where the operator looks at it.
        self.limits = torch.zeros(6, device="cpu")

    def at_step(self, step: float, draw: float) -> None:
        self.on = draw < self.often.at(step)
        if self.on or self.limits[0]:
            means = [_mean_of_positive_share(share.at(step)) for share in self.positive]
            # Of a normal variable, from the mean magnitude.
            levels = [math.sqrt(math.pi / 2) * level.at(step) for level in self.magnitude]
            self.limits.copy_(torch.tensor([float(self.on), *means, *levels, self.strength], device="cpu"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.works(x):
            return x
        balanced: torch.Tensor = _Balanced.apply(x, self.limits)  # type: ignore[no-untyped-call]
        return balanced


class Whiten(Regularizer):
    """Holds the covariance of channels (last dimension, in `groups`) near a multiple of the identity: its metric, which
    is 1 there, below `limit`.

    It works seldom (2.5 % of steps) while the metric was below the limit when it last looked, else in 25 %; which of
    the two it is lies in `violated` and goes with the weights. The penalty's gradient has `strength` of the
    gradient's norm.
    """

    SELDOM, OFTEN = 0.025, 0.25

    def __init__(self, limit: Schedule, groups: int = 1, strength: float = 0.01) -> None:
        super().__init__()
        self.limit, self.groups, self.strength = limit, groups, strength
        self.settings = torch.zeros(4, device="cpu")
        self.register_buffer("violated", torch.ones(()))
        self.violated: torch.Tensor

    def at_step(self, step: float, draw: float) -> None:
        self.on = draw < self.OFTEN
        if self.on or self.settings[0]:
            seldom = float(draw < self.SELDOM)
            self.settings.copy_(
                torch.tensor([float(self.on), seldom, self.limit.at(step), self.strength], device="cpu")
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.works(x):
            return x
        whitened: torch.Tensor = _Whitened.apply(x, self.settings, self.violated, self.groups)  # type: ignore[no-untyped-call]
        return whitened


class LargeScores(Regularizer):
    """Attention scores beyond `limit` get a small constant gradient back towards 0, in a tenth of the steps."""

    def __init__(self, limit: float = 25.0, strength: float = 1e-4) -> None:
        super().__init__()
        self.limit, self.strength = limit, strength
        self.setting = torch.zeros(1, device="cpu")

    def at_step(self, step: float, draw: float) -> None:
        self.on = draw < 0.1
        self.setting.fill_(float(self.on))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.works(x):
            return x
        held: torch.Tensor = _HeldBack.apply(x, self.setting, self.limit, self.strength)  # type: ignore[no-untyped-call]
        return held


def _schedules(values: tuple[Schedule | float, Schedule | float]) -> list[Schedule]:
    return [value if isinstance(value, Schedule) else constant(value) for value in values]


Context = torch.autograd.function.FunctionCtx


class _Balanced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, limits)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        x, limits = ctx.saved_tensors  # type: ignore[attr-defined]
        return balanced_gradient(x, gradient, limits), None


class _Whitened(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Context, x: torch.Tensor, settings: torch.Tensor, violated: torch.Tensor, groups: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, settings)
        ctx.violated, ctx.groups = violated, groups  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, settings = ctx.saved_tensors  # type: ignore[attr-defined]
        changed = whitened_gradient(x, gradient, settings, ctx.violated, ctx.groups)  # type: ignore[attr-defined]
        return changed, None, None, None


class _HeldBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: torch.Tensor, setting: torch.Tensor, limit: float, strength: float) -> torch.Tensor:
        ctx.save_for_backward(x, setting)
        ctx.limit, ctx.strength = limit, strength  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, setting = ctx.saved_tensors  # type: ignore[attr-defined]
        return held_back_gradient(x, gradient, setting, ctx.limit, ctx.strength), None, None, None  # type: ignore[attr-defined]


@torch.library.custom_op("audio_scaling::balanced_gradient", mutates_args=())
def balanced_gradient(x: torch.Tensor, gradient: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
    """The gradient of `x` [..., channels] with the balancer's penalty.

    `limits` float32 [6] on the CPU: whether to do anything, least and greatest mean in deviations, least and greatest
    root mean square, strength. The penalty of a channel is |m - m limited| + |ln(r / r limited)|; its gradient is
    linear in x.
    """
    on, *others = limits.tolist()
    if not on:
        return gradient.clone()
    rows = x.detach().reshape(-1, x.shape[-1])
    parts = torch.split(rows, CACHED_ROWS if x.device.type == "cpu" else len(rows))
    mean = rows.mean(dim=0, dtype=torch.float32).double()
    square = torch.stack([part.float().square().sum(dim=0) for part in parts]).double().sum(dim=0) / len(rows)
    offset, slope = (number.to(gradient.dtype) for number in balancing(mean, square, [on, *others]))
    changed = torch.empty_like(gradient, memory_format=torch.contiguous_format)
    whole = (torch.split(each.reshape(rows.shape), len(parts[0])) for each in (changed, gradient))
    for part, new, old in zip(parts, *whole, strict=True):
        torch.mul(part, slope, out=new).add_(offset).mul_(old.abs()).add_(old)
    return changed


def balancing(mean: torch.Tensor, square: torch.Tensor, limits: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """What a balancer adds to a gradient, as a share of its magnitude: offset + slope x, from the mean and mean square
    of each channel.

    Both double, which costs nothing here: what a channel of hardly any deviation has overflows float32.
    """
    _, lowest, highest, least, greatest, strength = limits
    square = square.clamp(min=TINY)
    # Below the rounding of the mean there is no telling.
    deviation = (square - mean * mean).maximum(1e-7 * square).sqrt()
    level = square.sqrt()
    relative = mean / deviation
    # With s the deviation, d m / d x = (1 / s - mean (x - mean) / s³) / n; n cancels below.
    towards = (relative > highest).double() - (relative < lowest).double()
    slope = -towards * mean / deviation**3
    offset = towards / deviation - slope * mean
    slope = slope + ((level > greatest).double() - (level < least).double()) / square
    # The root mean square of offset + slope x, of which the strength is a share.
    size = (offset.square() + 2 * offset * slope * mean + slope.square() * square).clamp(min=0).sqrt()
    # A channel without a penalty has size 0 and stays as it is.
    scale = strength / size.clamp(min=TINY)
    return offset * scale, slope * scale


def limits_of(balancer: Balancer, x: torch.Tensor) -> torch.Tensor | None:
    """What a balancer would hold its input to, made of `x`, in this step; None where it does nothing."""
    return balancer.limits if balancer.works(x) else None


@balanced_gradient.register_fake
def _(x: torch.Tensor, gradient: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(gradient)


@torch.library.custom_op("audio_scaling::whitened_gradient", mutates_args=("violated",))
def whitened_gradient(
    x: torch.Tensor, gradient: torch.Tensor, settings: torch.Tensor, violated: torch.Tensor, groups: int
) -> torch.Tensor:
    """The gradient of `x` [..., channels] with the penalty of `Whiten`; `violated` is set to what it sees.

    `settings` float32 [4] on the CPU: whether to look if the limit was violated, whether to look anyway, the limit,
    the strength.
    """
    on, seldom, limit, strength = settings.tolist()
    # On a CPU the flag can be looked at for nothing; a GPU works on and throws away what was not wanted.
    if not on or not (seldom or violated.device.type != "cpu" or violated.item()):
        return gradient.clone()
    rows = x.detach().reshape(-1, groups, x.shape[-1] // groups).transpose(0, 1).float()
    centred = rows - rows.mean(dim=1, keepdim=True)
    covariance = centred.transpose(1, 2) @ centred
    variance = covariance.diagonal(dim1=1, dim2=2).mean()
    squares = covariance.square().sum() / x.shape[-1]
    metric = squares / (variance.square() + TINY)
    covariance.diagonal(dim1=1, dim2=2).sub_(squares / (variance + TINY))
    penalty = (centred @ covariance).transpose(0, 1).reshape(gradient.shape)
    looked = torch.full_like(violated, seldom).maximum(violated)
    over = (metric >= limit).to(violated.dtype)
    scale = strength * torch.linalg.vector_norm(gradient.float()) / (torch.linalg.vector_norm(penalty) + TINY)
    violated.copy_(torch.where(looked > 0, over, violated))
    return torch.addcmul(gradient, penalty.to(gradient.dtype), (scale * looked * over).to(gradient.dtype))


@whitened_gradient.register_fake
def _(
    x: torch.Tensor, gradient: torch.Tensor, settings: torch.Tensor, violated: torch.Tensor, groups: int
) -> torch.Tensor:
    return torch.empty_like(gradient)


@torch.library.custom_op("audio_scaling::held_back_gradient", mutates_args=())
def held_back_gradient(
    x: torch.Tensor, gradient: torch.Tensor, setting: torch.Tensor, limit: float, strength: float
) -> torch.Tensor:
    """The gradient of attention scores with the penalty of `LargeScores`; `setting` float32 [1] on the CPU says whether
    to do anything."""
    if not setting.item():
        return gradient.clone()
    return gradient + strength * (x.sign() * (x.abs() > limit)).to(gradient.dtype)


@held_back_gradient.register_fake
def _(x: torch.Tensor, gradient: torch.Tensor, setting: torch.Tensor, limit: float, strength: float) -> torch.Tensor:
    return torch.empty_like(gradient)
