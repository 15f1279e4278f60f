"""The attention probe: a multi-head attention head with learned queries on frozen frames, and a linear classifier.

The head, ours to specify: frames are standardized channel by channel with training statistics; each of `HEADS` heads
has a learned query u and weighs a clip's frames by softmax over time of u . x; the heads' weighted means, side by side,
go through one linear layer. (A key and a value projection would be absorbed: u stands for query times key projection,
the linear layer for what follows the values.) With queries of 0 it is the linear probe of mean frames.

Training is a fixed budget: `PASSES` over the training clips and at least `FEWEST_STEPS` steps of `BATCH` clips, AdamW,
the learning rate falling to 0 by a cosine. Learning rate and weight decay are those of `GRID` that do best on
validation clips with the first probe seed; then every seed of `SEEDS` is trained with these, its first weights and the
order of its clips its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scaling.data.keyed import keyed_generator
from scaling.models.flops import counted
from scaling.probes.frames import Frames
from scaling.probes.label_metrics import mean_average_precision
from scaling.probes.work import Work

HEADS = 4
SEEDS = (0, 1, 2)
BATCH = 128
PASSES, FEWEST_STEPS = 20, 100
GRID = (*product((1e-3, 3e-3, 1e-2), (1e-2, 1.0, 10.0)), (3e-4, 1.0), (3e-2, 1.0))
"""Rates and decays that are tried side by side, of which each takes 3 % longer. Weights shrink by rate x decay a step:
a decay of 0.01 is next to none, one of 10 leaves little. On the embedded corpus the best rates lie inside, and half of
the best decays at the upper end, within a standard error of 1."""
_BETAS, _EPSILON = (0.9, 0.98), 1e-8
_WARMUP = 0.05
_IN_MEMORY = 2**28
"""Bytes of frames that are held at once; more are read batch by batch."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class AttentionProbe:
    """What the head answered.

    scores: float64 [seeds, n_test, n_classes], logits of every probe seed.
    rate, decay: those chosen; `on_edge` names what of them lies where a better one may lie beyond the grid.
    """

    scores: Tensor
    rate: float
    decay: float
    on_edge: tuple[str, ...] = ()


class Clips:
    """Clips by their places in `Frames`, standardized when they are read; in memory where there is room."""

    def __init__(self, frames: Frames, places: Places, device: torch.device) -> None:
        self.frames, self.places, self.device = frames, places, device
        lengths = frames.lengths(places)
        small = 4 * len(places) * int(lengths.max(initial=1)) * frames.width <= _IN_MEMORY
        self.held = frames.batch(places) if small else None

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, rows: Places) -> tuple[Tensor, Tensor]:
        """Frames float32 [n, time, width] and lengths of these of the clips."""
        if self.held is None:
            frames, lengths = self.frames.batch(self.places[rows])
        else:
            chosen = torch.from_numpy(rows)
            frames, lengths = self.held[0][chosen], self.held[1][chosen]
            frames = frames[:, : max(int(lengths.max()), 1)]
        return frames.to(self.device), lengths.to(self.device)

    def blocks(self, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
        """All clips, in order."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and inverse deviation of every channel over all frames: float32 [width] each."""
        count = 0
        sums, squares = torch.zeros(2, self.frames.width, dtype=torch.float64, device=self.device)
        for frames, lengths in self.blocks():
            count += int(lengths.sum())
            doubled = frames.double()
            sums, squares = sums + doubled.sum((0, 1)), squares + doubled.square().sum((0, 1))
        mean = sums / max(count, 1)
        std = (squares / max(count, 1) - mean**2).clamp(min=0).sqrt()
        constant = std <= 1e-3 * mean.abs()
        return mean.float(), torch.where(constant, 0.0, 1 / std.masked_fill(constant, 1.0)).float()


class Heads:
    """Several heads of one shape that are trained side by side: queries [k, heads, width], weights [k, heads * width,
    classes], biases [k, classes]."""

    def __init__(self, many: int, width: int, classes: int, seed: int, moments: tuple[Tensor, Tensor]) -> None:
        device = moments[0].device
        generator = torch.Generator().manual_seed(int(keyed_generator("attention probe", seed).integers(2**62)))
        queries = torch.randn(1, HEADS, width, generator=generator) / width**0.5
        weights = torch.randn(1, HEADS * width, classes, generator=generator) * 1e-2
        first = queries.expand(many, -1, -1), weights.expand(many, -1, -1), torch.zeros(many, classes)
        self.parameters = [one.clone().to(device).requires_grad_() for one in first]
        self.mean, self.inverse_std = moments

    def __call__(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits float32 [k, n, classes]."""
        queries, weights, biases = self.parameters
        many, heads, width = queries.shape
        x = (frames - self.mean) * self.inverse_std
        scores = x @ queries.reshape(-1, width).T
        outside = torch.arange(x.shape[1], device=x.device) >= lengths.clamp(min=1)[:, None]
        attention = torch.softmax(scores.masked_fill(outside[..., None], -torch.inf), dim=1)
        pooled = (attention.transpose(1, 2) @ x).reshape(len(x), many, heads * width).transpose(0, 1)
        return torch.baddbmm(biases[:, None], pooled, weights)

    @torch.no_grad()
    def scores(self, clips: Clips) -> Tensor:
        """Logits float64 [k, clips, classes], on the CPU."""
        return torch.cat([self(*block).double().cpu() for block in clips.blocks()], dim=1)


def steps_of(clips: int) -> int:
    """The budget."""
    return max(FEWEST_STEPS, PASSES * math.ceil(clips / BATCH))


def fit(
    clips: Clips, y: Tensor, classes: int, grid: list[tuple[float, float]], seed: int, work: Work | None = None
) -> Heads:
    """One head for each (rate, decay) of the grid. y is int64 [clips], or bool [clips, classes] of several labels."""
    heads = Heads(len(grid), clips.frames.width, classes, seed, clips.moments())
    y = y.to(clips.device)
    rates, decays = (torch.tensor(column, device=clips.device) for column in zip(*grid, strict=True))
    moments = [(torch.zeros_like(one), torch.zeros_like(one)) for one in heads.parameters]
    steps = steps_of(len(clips))
    if work is not None:
        first = next(_orders(len(clips), 1, seed))
        spent = counted(lambda: torch.autograd.grad(_loss_of(heads, clips, y, first), heads.parameters))
        work.flops.append(steps * spent)
    for step, rows in enumerate(_orders(len(clips), steps, seed)):
        loss = _loss_of(heads, clips, y, rows)
        gradients = torch.autograd.grad(loss, heads.parameters)
        factor = min((step + 1) / (_WARMUP * steps), 1.0) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for parameter, gradient, (one, two) in zip(heads.parameters, gradients, moments, strict=True):
            one.mul_(_BETAS[0]).add_(gradient, alpha=1 - _BETAS[0])
            two.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
            update = one / (1 - _BETAS[0] ** (step + 1))
            update = update / ((two / (1 - _BETAS[1] ** (step + 1))).sqrt() + _EPSILON)
            shape = (-1,) + (1,) * (parameter.ndim - 1)
            rate = (factor * rates).reshape(shape)
            with torch.no_grad():
                # Biases, the last of the parameters, do not decay.
                if parameter.ndim > 2:
                    parameter.mul_(1 - rate * decays.reshape(shape))
                parameter.sub_(rate * update)
        if work is not None:
            # Seconds of work: done again, not saved.
            work.after_step(_no_save)
    return heads


def _no_save() -> None:
    pass


def _orders(clips: int, steps: int, seed: int) -> Iterator[Places]:
    """Rows of every step: each pass in an order that is a function of (seed, pass)."""
    size = min(BATCH, clips)
    rows = np.empty(0, np.int64)
    epoch = 0
    for _ in range(steps):
        if len(rows) < size:
            more = keyed_generator("attention probe", seed, epoch).permutation(clips)
            rows, epoch = np.concatenate([rows, more]), epoch + 1
        yield rows[:size]
        rows = rows[size:]


def _loss_of(heads: Heads, clips: Clips, y: Tensor, rows: Places) -> Tensor:
    """The loss of these of the clips."""
    return _loss(heads(*clips.batch(rows)), y[torch.from_numpy(rows).to(y.device)])


def _loss(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over clips, summed over heads."""
    many = len(logits)
    if y.ndim == 2:
        wanted = y.to(logits.dtype).expand(many, -1, -1)
        # The mean over classes would make steps of many classes small.
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / len(y)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.repeat(many)) * many


def attention_probe(
    frames: Frames,
    train: tuple[Places, Tensor],
    val: tuple[Places, Tensor],
    test: Places,
    classes: int,
    device: torch.device,
    refit: tuple[Places, Tensor] | None = None,
    work: Work | None = None,
) -> AttentionProbe:
    """Choose on validation clips among heads fitted on train, and answer test with every probe seed.

    A split is places in `frames` and labels, int64 [n] or bool [n, classes]. With `refit` the heads that answer are
    fitted on these clips, at the chosen rate and decay: where validation clips were held out of the training split.
    """
    grid = list(GRID)
    clips, held = Clips(frames, train[0], device), Clips(frames, val[0], device)
    heads = fit(clips, train[1], classes, grid, SEEDS[0], work)
    keys = [_key(logits, val[1]) for logits in heads.scores(held)]
    best = keys.index(max(keys))
    unseen = Clips(frames, test, device)
    clips, y = (Clips(frames, refit[0], device), refit[1]) if refit else (clips, train[1])
    scores = []
    for seed in SEEDS:
        if seed == SEEDS[0] and refit is None:
            scores.append(heads.scores(unseen)[best])
        else:
            scores.append(fit(clips, y, classes, [grid[best]], seed, work).scores(unseen)[0])
    return AttentionProbe(torch.stack(scores), *grid[best], ends(*grid[best]))


def ends(rate: float, decay: float) -> tuple[str, ...]:
    """Which of the two lies at an end of the grid: a rate at either, a decay at the upper one, as 0 lies next to the
    other."""
    rates, decays = zip(*GRID, strict=True)
    found = {"rate": rate in (min(rates), max(rates)), "decay": decay == max(decays)}
    return tuple(name for name, there in found.items() if there)


def _key(logits: Tensor, y: Tensor) -> tuple[float, float]:
    """By which settings are compared: accuracy or mean average precision, then likelihood."""
    y = y.cpu()
    likelihood = -float(_loss(logits[None], y))
    if y.ndim == 2:
        found = mean_average_precision(logits.numpy(), y.numpy()).value if bool(y.any()) else 0.0
        return found, likelihood
    return float((logits.argmax(1) == y).double().mean()), likelihood


def strength(probe: AttentionProbe) -> str:
    """A note of what the probe chose."""
    edge = f", {' and '.join(probe.on_edge)} at the edge of the grid" if probe.on_edge else ""
    return f"rate {probe.rate:g}, decay {probe.decay:g}{edge}, {len(probe.scores)} probe seeds"
