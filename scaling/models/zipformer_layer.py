"""One layer of a Zipformer: attention weights that three modules share, convolutions, feed-forwards, bypasses.

Names of parameters are those of the public implementation, so that its checkpoints load by name.
"""

from dataclasses import dataclass

import torch
from torch import nn

from scaling.models.chances import Chances, Drawn, constant, limited, schedule
from scaling.models.options import ZipformerStack
from scaling.models.regularizers import Balancer, LargeScores, Whiten
from scaling.models.swoosh import LEFT, RIGHT, BiasNorm, dropped, linear, swoosh

DROPOUT = schedule((0, 0.3), (20_000, 0.1))


@dataclass(frozen=True)
class Inside:
    """Which frames of a stack are valid: `frames` bool [batch, time]; and the same as what attention adds to its
    scores, float [batch, 1, 1, time]."""

    frames: torch.Tensor
    scores: torch.Tensor

    @classmethod
    def of(cls, frames: torch.Tensor, dtype: torch.dtype) -> "Inside":
        outside = torch.zeros(frames.shape, dtype=dtype, device=frames.device)
        return cls(frames, outside.masked_fill(~frames, -torch.inf)[:, None, None])


def relative_positions(frames: int, width: int, device: torch.device) -> torch.Tensor:
    """Encodings of how far one frame lies from another, from -(frames - 1) to frames - 1: float32
    [2 frames - 1, width].

    Distances are compressed by a logarithm and an arctangent, so that near ones are told apart well and far ones
    hardly: no two large distances need be compared.
    """
    distance = torch.arange(-(frames - 1), frames, device=device, dtype=torch.float32)[:, None]
    compressed = width**0.5 * distance.sign() * torch.log1p(distance.abs() / width**0.5)
    angle = (compressed / (width / (2 * torch.pi))).atan()
    angles = angle * torch.arange(1, width // 2 + 1, device=device)
    positions = torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)
    # The last sine gives way to a constant.
    return torch.cat([positions[:, :-1], torch.ones_like(positions[:, :1])], dim=1)


class AttentionWeights(nn.Module):
    """The weights of multi-head attention with relative positions: [batch, heads, time, time], rows of sum 1."""

    def __init__(self, sizes: ZipformerStack, chances: Chances) -> None:
        super().__init__()
        self.heads, self.query_head, self.position_head = sizes.heads, sizes.query_head, sizes.position_head
        width = (2 * self.query_head + self.position_head) * self.heads
        self.in_proj = linear(sizes.width, width, self.query_head**-0.25)
        self.linear_pos = linear(sizes.position_width, self.position_head * self.heads, 0.05, bias=False)
        self.positions_count = chances.switch(schedule((0, 0.5), (4000, 1.0)))
        # A constant added to all keys changes nothing, and rounding alone would make it grow.
        self.balance_keys = Balancer((0.4, 0.6), (0.0, 100.0), constant(0.025))
        self.whiten_keys = Whiten(schedule((0, 3.0), (20_000, 6.0)), groups=self.heads, strength=0.025)
        self.hold_scores = LargeScores()

    def forward(self, x: torch.Tensor, positions: torch.Tensor, inside: Inside, drawn: Drawn | None) -> torch.Tensor:
        heads, time = self.heads, x.shape[1]
        width = self.query_head * heads
        query, key, asked = self.in_proj(x).split([width, width, self.position_head * heads], dim=-1)
        key = self.whiten_keys(self.balance_keys(key))
        if drawn is not None:
            asked = asked * drawn.number(self.positions_count, asked)
        query = query.unflatten(-1, (heads, -1)).transpose(1, 2)
        key = key.unflatten(-1, (heads, -1)).permute(0, 2, 3, 1)
        # What every frame has to say of every distance, [heads, time, position head, time]: frame t of frame s is row
        # time - 1 - t + s.
        table = self.linear_pos(positions).unfold(0, time, 1).flip(0).unflatten(1, (heads, -1)).transpose(0, 1)
        asked = asked.unflatten(-1, (heads, -1)).permute(2, 1, 0, 3)
        scores = query @ key + (asked @ table).permute(2, 0, 1, 3)
        scores = self.hold_scores(scores) + inside.scores.to(scores.dtype)
        weights: torch.Tensor = scores.softmax(dim=-1).to(x.dtype)
        return weights


class SelfAttention(nn.Module):
    """Values mixed by attention weights."""

    def __init__(self, sizes: ZipformerStack) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.in_proj = nn.Linear(sizes.width, sizes.heads * sizes.value_head)
        self.out_proj = linear(sizes.heads * sizes.value_head, sizes.width, 0.05)
        self.whiten = Whiten(schedule((0, 7.5), (20_000, 22.5)))

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        values = self.in_proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        mixed: torch.Tensor = self.whiten(self.out_proj((weights @ values).transpose(1, 2).flatten(2)))
        return mixed


class NonlinAttention(nn.Module):
    """A gated mixture over time by the weights of one head [batch, time, time]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = 3 * width // 4
        self.in_proj = nn.Linear(width, 3 * hidden)
        self.out_proj = linear(hidden, width, 0.05)
        low, high = schedule((0, 0.25), (20_000, 0.05)), schedule((0, 0.75), (20_000, 0.95))
        self.balancer = Balancer((low, high), (0.5, 5.0))
        self.whiten1 = Whiten(schedule((0, 5.0), (20_000, 10.0)))
        self.whiten2 = Whiten(schedule((0, 5.0), (20_000, 15.0)))

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        gate, values, after = self.in_proj(x).chunk(3, dim=-1)
        values = self.whiten1(values) * self.balancer(gate).tanh()
        mixed: torch.Tensor = self.whiten2(self.out_proj((weights @ values) * after))
        return mixed


class FeedForward(nn.Module):
    """The position-wise module, its hidden channels dropped for all of a clip's frames at once."""

    def __init__(self, width: int, hidden: int, chances: Chances) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, hidden)
        self.out_proj = linear(hidden, width, 0.1)
        self.dropout = chances.value(DROPOUT)
        self.hidden_balancer = Balancer((0.3, 1.0), (0.75, 5.0))
        self.out_whiten = Whiten(schedule((0, 7.5), (20_000, 15.0)))

    def forward(self, x: torch.Tensor, drawn: Drawn | None) -> torch.Tensor:
        hidden = swoosh(self.hidden_balancer(self.in_proj(x)), LEFT)
        if drawn is not None:
            hidden = dropped(hidden, drawn.numbers[self.dropout])
        out: torch.Tensor = self.out_whiten(self.out_proj(hidden))
        return out


class Convolution(nn.Module):
    """A gated depthwise convolution over time."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 2 * width)
        self.depthwise_conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.out_proj = linear(width, width, 0.05)
        low, high = schedule((0, 0.05), (8000, 0.025)), schedule((0, 5.0), (8000, 10.0))
        self.balancer1 = Balancer((low, 1.0), (1.5, high))
        low, least = schedule((0, 0.1), (8000, 0.05)), schedule((0, 0.2), (20_000, 0.5))
        self.balancer2 = Balancer((low, 1.0), (least, 10.0))
        self.whiten = Whiten(schedule((0, 7.5), (20_000, 15.0)))

    def forward(self, x: torch.Tensor, inside: Inside) -> torch.Tensor:
        x, gate = self.in_proj(x).chunk(2, dim=-1)
        x = x * self.balancer1(gate).sigmoid()
        x = over_time(x.masked_fill(~inside.frames[..., None], 0.0), self.depthwise_conv)
        out: torch.Tensor = self.out_proj(swoosh(self.whiten(self.balancer2(x)), RIGHT))
        return out


def over_time(x: torch.Tensor, layer: nn.Conv1d) -> torch.Tensor:
    """A depthwise convolution of [batch, time, width] along time.

    As one of two dimensions, channels last, it needs no transposed copy.
    """
    width, kernel = x.shape[-1], layer.weight.shape[-1]
    wide, weight = x.transpose(1, 2)[..., None], layer.weight[..., None]
    return nn.functional.conv2d(wide, weight, layer.bias, padding=(kernel // 2, 0), groups=width)[..., 0].transpose(
        1, 2
    )


class Bypass(nn.Module):
    """What a part made of its input, mixed with that input channel by channel; whole clips may skip the part.

    In training the share of what the part made is held above a schedule and below 1.
    """

    def __init__(self, width: int, chances: Chances, skip: tuple[tuple[float, float], ...] = ((0, 0.0),)) -> None:
        super().__init__()
        self.bypass_scale = nn.Parameter(torch.full((width,), 0.5))
        self.skips = chances.skip(schedule(*skip))
        self.least = chances.value(schedule((0, 0.9), (20_000, 0.2)))
        self.limits_work = chances.switch(constant(0.6))
        self.register_buffer("most", torch.ones(()), persistent=False)
        self.most: torch.Tensor

    def forward(self, before: torch.Tensor, after: torch.Tensor, drawn: Drawn | None) -> torch.Tensor:
        scale: torch.Tensor = self.bypass_scale
        if drawn is not None:
            numbers = drawn.number(self.least, scale), self.most, drawn.number(self.limits_work, scale)
            scale = drawn.keep(self.skips, limited(scale, *numbers).expand(drawn.kept.shape[1], 1, -1))
        return torch.lerp(before, after.to(before.dtype), scale.to(before.dtype))


class Layer(nn.Module):
    """Frames [batch, time, width] to the same; `let_in` are the points of the schedule by which clips skip it."""

    def __init__(self, sizes: ZipformerStack, chances: Chances, let_in: tuple[tuple[float, float], ...]) -> None:
        super().__init__()
        width = sizes.width
        self.bypass = Bypass(width, chances, let_in)
        self.bypass_mid = Bypass(width, chances)
        self.self_attn_weights = AttentionWeights(sizes, chances)
        self.self_attn1, self.self_attn2 = SelfAttention(sizes), SelfAttention(sizes)
        hidden = iter(sizes.hidden)
        self.feed_forward1 = FeedForward(width, next(hidden), chances)
        self.feed_forward2 = FeedForward(width, next(hidden), chances)
        self.feed_forward3 = FeedForward(width, next(hidden), chances)
        self.nonlin_attention = NonlinAttention(width)
        self.conv_module1, self.conv_module2 = Convolution(width, sizes.kernel), Convolution(width, sizes.kernel)
        # Public checkpoints hold it and its numbers count; nothing has used it since before they were published.
        self.bypass_scale = nn.Parameter(torch.full((width,), 0.5), requires_grad=False)
        self.norm = BiasNorm(width, chances)

        dynamic = schedule((0, 0.2), (4000, 0.05), (16_000, 0.0))
        static = schedule((0, 0.1), (4000, 0.01), (50_000, 0.0))
        self.skips_attention = chances.skip(dynamic)
        self.skips_convolution = chances.skip(dynamic), chances.skip(dynamic)
        self.skips_feed_forward = chances.skip(static), chances.skip(static)
        self.constant_attention = chances.switch(schedule((0, 0.25), (4000, 0.025)))
        seldom = constant(0.05)
        self.balancer_na = Balancer((0.3, 0.7), (schedule((0, 0.004), (4000, 0.02)), 100.0), seldom)
        self.balancer_ff2 = Balancer((0.3, 0.7), (schedule((0, 0.0), (4000, 0.1)), 2.0), seldom)
        self.balancer_ff3 = Balancer((0.3, 0.7), (schedule((0, 0.0), (4000, 0.2)), 4.0), seldom)
        self.balancer1 = Balancer((0.45, 0.55), (0.2, 4.0))
        self.balancer2 = Balancer((0.45, 0.55), (0.1, 4.0))
        self.whiten = Whiten(schedule((0, 4.0), (20_000, 12.0)))

    def forward(self, x: torch.Tensor, positions: torch.Tensor, inside: Inside, drawn: Drawn | None) -> torch.Tensor:
        def plus(x: torch.Tensor, place: int, added: torch.Tensor) -> torch.Tensor:
            return x + added if drawn is None else drawn.plus(place, x, added)

        first = x
        weights = self.self_attn_weights(x, positions, inside, drawn)
        x = x + self.feed_forward1(x, drawn)
        gated = self.nonlin_attention(x, self._of_one_head(weights, inside, drawn))
        x = plus(x, self.skips_attention, self.balancer_na(gated))
        x = plus(x, self.skips_attention, self.self_attn1(x, weights))
        x = plus(x, self.skips_convolution[0], self.conv_module1(x, inside))
        x = plus(x, self.skips_feed_forward[0], self.balancer_ff2(self.feed_forward2(x, drawn)))
        x = self.bypass_mid(first, x, drawn)
        x = plus(x, self.skips_attention, self.self_attn2(x, weights))
        x = plus(x, self.skips_convolution[1], self.conv_module2(x, inside))
        x = plus(x, self.skips_feed_forward[1], self.balancer_ff3(self.feed_forward3(x, drawn)))
        x = self.norm(self.balancer1(x), drawn)
        whitened: torch.Tensor = self.whiten(self.balancer2(self.bypass(first, x, drawn)))
        return whitened

    def _of_one_head(self, weights: torch.Tensor, inside: Inside, drawn: Drawn | None) -> torch.Tensor:
        """The weights of the first head, in some steps those of a plain mean over the clip: [batch, time, time]."""
        one = weights[:, 0]
        if drawn is None:
            return one
        mean = inside.frames.to(one.dtype)[:, None]
        mean = mean / mean.sum(dim=-1, keepdim=True).clamp(min=1)
        return torch.lerp(one, mean.expand_as(one), drawn.number(self.constant_attention, one))
