"""Zipformer (Yao et al. 2024): a U-Net of stacks at several frame rates, in plain PyTorch.

Written from the published architecture; parameters have the names of the public implementation, and `from_public`
equals it number by number.
"""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from scaling.models.chances import Chances, Drawn
from scaling.models.encoder import Encoder, valid
from scaling.models.options import ZipformerOptions, ZipformerStack
from scaling.models.public import TRAINED, is_public, public_options, public_parameters
from scaling.models.regularizers import Regularizer
from scaling.models.zipformer_front import LEAST_FRAMES, FrontEnd
from scaling.models.zipformer_layer import Bypass, Inside, Layer, relative_positions

MASKED_CLIPS = 0.125
"""Share of the clips whose upper channels are masked in training, and of the others those whose uppermost are."""


class Zipformer(Encoder):
    """10 ms frames in, 40 ms frames out (20 ms where the output is not downsampled again).

    Schedules follow `at_step`; the step and what the regularizers have seen are buffers and go with the weights. They
    go on where those have ended that an encoder starts from.

    Attributes:
        leaks: whether what lies past a clip's end is heard by its last frames, as in the public implementation, where
            a clip in a batch is not quite the same clip alone. False in studies.
    """

    leaks = False

    def __init__(self, options: ZipformerOptions) -> None:
        super().__init__()
        self.width, self.stride = options.width, 2 * options.output_downsampling
        self.regularized = options.regularized
        self.chances = Chances()
        stacks = list(options.stacks())
        self.encoder_embed = FrontEnd(stacks[0].width, self.chances)
        self.encoder = UNet(stacks, options, self.chances)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("steps_before", torch.zeros((), dtype=torch.int64))
        self.step: torch.Tensor
        self.steps_before: torch.Tensor
        self._before: int | None = 0
        self.at_step(0)

    def train(self, mode: bool = True) -> Self:
        # Weights may have been loaded; to look at every step would wait for the device.
        self._before = None
        return super().train(mode)

    def at_step(self, step: int) -> None:
        if not self.regularized:
            return
        if self._before is None:
            self._before = int(self.steps_before.item())
        step += self._before
        self.step.fill_(step)
        self.chances.at_step(step)
        parts = [part for part in self.modules() if isinstance(part, Regularizer)]
        for part, draw in zip(parts, torch.rand(len(parts), device="cpu").tolist(), strict=True):
            part.at_step(step, draw)

    def with_own_names(self, weights: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        if not is_public(weights):
            return weights
        return {prefix + name: tensor for name, tensor in self.public_state(weights).items()}

    def public_state(self, weights: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """The state of this encoder with the parameters of a published one.

        Raises `StudyError` where they do not fit.
        """
        own = self.state_dict()
        parameters = public_parameters(weights, {name: own[name] for name, _ in self.named_parameters()})
        # They were trained on log-mels as they are.
        mean, deviation = torch.zeros_like(self.log_mel_mean), torch.ones_like(self.log_mel_std)
        heard = {"log_mel_mean": mean, "log_mel_std": deviation}
        return {**own, **parameters, **heard, "step": torch.full_like(self.step, TRAINED)}

    @torch.no_grad()
    def start_over(self) -> None:
        self.steps_before.copy_(self.step)
        self._before = None

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = self.chances(len(features)) if self.training and self.regularized else None
        x = self.normalized(features)
        if not self.leaks:
            # Heard only by a clip that is too short for a single frame.
            x = x.masked_fill(~valid(lengths, x.shape[1])[..., None], 0.0)
        if x.shape[1] < LEAST_FRAMES:
            x = nn.functional.pad(x, (0, 0, 0, LEAST_FRAMES - x.shape[1]))
        x, lengths = self.encoder_embed(x, lengths.clamp(min=LEAST_FRAMES), drawn, leaks=self.leaks)
        recompute = self.recompute and self.training
        frames, lengths = self.encoder(x, lengths, drawn, leaks=self.leaks, recompute=recompute)
        return frames, lengths


def from_public(config: Mapping[str, Any], state: Mapping[str, Any], *, padding_leaks: bool = True) -> Zipformer:
    """A published Zipformer from its configuration and its weights, under the names that they are published by; in
    evaluation mode.

    It gives what the public implementation gives: there the last frames of a clip hear a little of the padding behind
    it, so that a clip in a batch is not quite the same clip alone. Without `padding_leaks` it is, and differs from
    the public implementation in the last two frames of a padded clip. Features are log-mels as they are. Raises
    `StudyError` for another kind of model and for weights that do not fit, naming them.
    """
    encoder = Zipformer(public_options(config))
    encoder.load_state_dict(encoder.public_state(state))
    encoder.start_over()
    encoder.leaks = padding_leaks
    return encoder.eval()


class UNet(nn.Module):
    """The stacks one after another, and what comes out downsampled again: frames [batch, time, width of the first] and
    lengths to [batch, time / factor, greatest width] and theirs."""

    def __init__(self, stacks: list[ZipformerStack], options: ZipformerOptions, chances: Chances) -> None:
        super().__init__()
        part = options.warmup / (len(stacks) + 1)
        made = [_stack(sizes, chances, part * (number + 1), part) for number, sizes in enumerate(stacks)]
        self.encoders = nn.ModuleList(made)
        self.widths = [sizes.width for sizes in stacks]
        self.factor = options.output_downsampling
        self.downsample_output = Downsampling(self.factor)

    def forward(
        self, x: torch.Tensor, lengths: torch.Tensor, drawn: Drawn | None, *, leaks: bool, recompute: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # The same clips in every stack.
        masked = None if drawn is None else torch.rand(2, len(x), device=x.device) < MASKED_CLIPS
        outputs: list[torch.Tensor] = []
        for width, stack in zip(self.widths, self.encoders, strict=True):
            x = stack(_with_width(x, width), lengths, drawn, masked, leaks=leaks, recompute=recompute)
            outputs.append(x)
        return self.downsample_output(_widest(outputs), _ends(x, lengths, leaks)), -(-lengths // self.factor)


class Stack(nn.Module):
    """Layers at one frame rate: [batch, time, width] to the same.

    `begin` and `part`: when its first layer begins to be let in, and over how many steps all are.
    """

    def __init__(self, sizes: ZipformerStack, chances: Chances, begin: float, part: float) -> None:
        super().__init__()
        self.width, self.unmasked, self.position_width = sizes.width, sizes.unmasked, sizes.position_width
        each, skipped = part / sizes.layers, 0.035 * sizes.downsampling**0.5
        schedules = [((begin + i * each, 0.5), (begin + (i + 1) * each, skipped)) for i in range(sizes.layers)]
        self.layers = nn.ModuleList([Layer(sizes, chances, points) for points in schedules])

    def forward(
        self,
        x: torch.Tensor,
        lengths: torch.Tensor,
        drawn: Drawn | None,
        masked: torch.Tensor | None,
        *,
        leaks: bool,
        recompute: bool,
    ) -> torch.Tensor:
        inside = Inside.of(valid(lengths, x.shape[1]), torch.float32 if x.dtype == torch.bfloat16 else x.dtype)
        positions = relative_positions(x.shape[1], self.position_width, x.device).to(x.dtype)
        if drawn is not None:
            positions = nn.functional.dropout(positions, 0.15)
        channels = None if masked is None else self._channels(masked).to(x.dtype)
        x = x if channels is None else x * channels
        for layer in self.layers:
            if recompute:
                x = checkpoint(layer, x, positions, inside, drawn, use_reentrant=False)
            else:
                x = layer(x, positions, inside, drawn)
            x = x if channels is None else x * channels
        return x

    def _channels(self, masked: torch.Tensor) -> torch.Tensor:
        """0 for the channels of a clip that are masked: [batch, 1, width]; the same clips in every stack."""
        upper, uppermost = masked[0], masked[0] | masked[1]
        middle = self.unmasked + (self.width - self.unmasked) // 2
        channel = torch.arange(self.width, device=masked.device)
        hidden = (upper[:, None] & (channel >= self.unmasked)) | (uppermost[:, None] & (channel >= middle))
        return ~hidden[:, None]


class DownsampledStack(nn.Module):
    """A stack at a lower frame rate, what it makes mixed with its input."""

    def __init__(self, stack: Stack, factor: int, chances: Chances) -> None:
        super().__init__()
        self.width, self.factor = stack.width, factor
        self.downsample = Downsampling(factor)
        self.encoder = stack
        self.out_combiner = Bypass(stack.width, chances)

    def forward(
        self,
        x: torch.Tensor,
        lengths: torch.Tensor,
        drawn: Drawn | None,
        masked: torch.Tensor | None,
        *,
        leaks: bool,
        recompute: bool,
    ) -> torch.Tensor:
        fewer = self.downsample(x, _ends(x, lengths, leaks))
        made = self.encoder(fewer, -(-lengths // self.factor), drawn, masked, leaks=leaks, recompute=recompute)
        repeated = made[:, :, None].expand(-1, -1, self.factor, -1).flatten(1, 2)[:, : x.shape[1]]
        combined: torch.Tensor = self.out_combiner(x, repeated, drawn)
        return combined


def _stack(sizes: ZipformerStack, chances: Chances, begin: float, part: float) -> Stack | DownsampledStack:
    stack = Stack(sizes, chances, begin, part)
    return stack if sizes.downsampling == 1 else DownsampledStack(stack, sizes.downsampling, chances)


class Downsampling(nn.Module):
    """Every `factor` frames become one, by learned weights: [batch, time, width] to [batch, time / factor rounded up,
    width]. Frames from `ends` [batch] on are heard as the last before them."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.bias = nn.Parameter(torch.zeros(factor))

    def forward(self, x: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        groups = -(-x.shape[1] // self.factor)
        there = torch.unflatten(valid(ends, groups * self.factor), 1, (groups, self.factor))
        x = nn.functional.pad(x, (0, 0, 0, groups * self.factor - x.shape[1]))
        x = torch.unflatten(x, 1, (groups, self.factor))
        weights = self.bias.softmax(dim=0) * there
        # What a group lacks goes to its last frame.
        last = there & ~nn.functional.pad(there[..., 1:], (0, 1))
        weights = weights + last * (1 - weights.sum(dim=-1, keepdim=True))
        fewer: torch.Tensor = (weights.to(x.dtype)[:, :, None] @ x)[:, :, 0]
        return fewer


def _ends(x: torch.Tensor, lengths: torch.Tensor, leaks: bool) -> torch.Tensor:
    """Where the frames end that a downsampling may hear: with the clip, or with the batch."""
    return torch.full_like(lengths, x.shape[1]) if leaks else lengths


def _with_width(x: torch.Tensor, width: int) -> torch.Tensor:
    """Frames cut or filled with zeros to a width."""
    return nn.functional.pad(x, (0, width - x.shape[-1])) if x.shape[-1] < width else x[..., :width]


def _widest(outputs: list[torch.Tensor]) -> torch.Tensor:
    """Every channel as the last stack made it that has it."""
    pieces = [outputs[-1]]
    have = outputs[-1].shape[-1]
    for output in reversed(outputs[:-1]):
        if output.shape[-1] > have:
            pieces.append(output[..., have:])
            have = output.shape[-1]
    return torch.cat(pieces, dim=-1)
