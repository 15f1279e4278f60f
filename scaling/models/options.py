"""What configures an encoder, and the table of known ones. Needs no torch.

The options of every encoder have `parameters`: about how many numbers it learns, which says what its runs cost before
it is built. They may have a `label`: what a run's name calls them instead of every field that is set; and `hears`: the
format in which clips are handed to it, the project's usual log-mels if they say nothing (`formats.heard_by`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from scaling.errors import StudyError
from scaling.known import Known, Table, born
from scaling.models.formats import MEL_BINS, Format, LogMel
from scaling.models.hub_options import HubOptions


@dataclass(frozen=True)
class TransformerOptions:
    """A small transformer for CPUs (`transformer.py`): sizes of its blocks.

    Raises `StudyError` for a width that cannot be shared out to its heads.
    """

    hears: ClassVar[Format] = LogMel()

    width: int = born(64, now=128)
    layers: int = 1
    heads: int = 4

    def __post_init__(self) -> None:
        if self.width < 2 or self.width % 2 or self.width % self.heads:
            raise StudyError(
                f"an encoder of width {self.width} with {self.heads} heads: the width must be even and a multiple of "
                "the heads"
            )

    @property
    def parameters(self) -> int:
        """Weights and biases of stem, blocks and norms."""
        w = self.width
        stem = (4 * MEL_BINS + 1) * w + (2 * w + 1) * w
        block = 8 * w * w + 11 * w
        return stem + self.layers * block + 4 * w


@dataclass(frozen=True)
class ZipformerOptions:
    """A Zipformer (Yao et al. 2024, `zipformer.py`); the defaults are M with the feed-forward widths of the CaptionStew
    study's toolkit.

    One number a stack: `layers`, how many frames become one (`downsampling`), `widths`, `feed_forward` widths, `heads`,
    `kernels` of the convolutions, and how many of the channels are never masked in training (`unmasked`); of heads,
    their widths of queries, values and positions (one for all stacks, or one a stack). `output_downsampling` of 2 makes
    25 frames a second, 1 makes 50. `warmup` is over how many steps layers are let in one after another; without
    `regularized` training drops, skips and balances nothing.

    Raises `StudyError` for sizes that make no network.
    """

    hears: ClassVar[Format] = LogMel()

    layers: tuple[int, ...] = (2, 2, 3, 4, 3, 2)
    downsampling: tuple[int, ...] = (1, 2, 4, 8, 4, 2)
    widths: tuple[int, ...] = (192, 256, 384, 512, 384, 256)
    feed_forward: tuple[int, ...] = (576, 768, 1152, 1536, 1152, 768)
    heads: tuple[int, ...] = (4, 4, 4, 8, 4, 4)
    kernels: tuple[int, ...] = (31, 31, 15, 15, 15, 31)
    unmasked: tuple[int, ...] = (192, 192, 256, 256, 256, 192)
    query_head: tuple[int, ...] = (32,)
    value_head: tuple[int, ...] = (12,)
    position_head: tuple[int, ...] = (4,)
    position_width: int = 48
    output_downsampling: int = 2
    warmup: float = 4000.0
    regularized: bool = True

    def __post_init__(self) -> None:
        stacks = len(self.layers)
        for name in (*A_STACK, *A_HEAD):
            values = getattr(self, name)
            if len(values) not in ((stacks,) if name in A_STACK else (1, stacks)) or min(values, default=0) < 1:
                raise StudyError(
                    f"a Zipformer of {stacks} stacks with {name} {values}: give one positive number a stack"
                )
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise StudyError(f"a Zipformer with kernels {self.kernels}: they must be odd")
        if any(some > width for some, width in zip(self.unmasked, self.widths, strict=True)):
            raise StudyError(f"a Zipformer with {self.unmasked} unmasked of {self.widths} channels: at most all can be")
        if self.output_downsampling < 1 or self.position_width < 2 or self.position_width % 2:
            raise StudyError(
                f"a Zipformer with output downsampling {self.output_downsampling} and positions of "
                f"{self.position_width}: the first must be positive, the second positive and even"
            )

    @property
    def label(self) -> str:
        """The size's name (`ZIPFORMERS`), or for another shape its stacks and greatest width."""
        plain = replace(self, warmup=4000.0, regularized=True)
        named = [name for name, options in ZIPFORMERS.items() if options == plain]
        return named[0] if named else f"{len(self.layers)}x{max(self.widths)}"

    @property
    def width(self) -> int:
        """Numbers an encoded frame has."""
        return max(self.widths)

    def stacks(self) -> Iterator["ZipformerStack"]:
        """The sizes of each stack, first to last."""
        heads = (values * (len(self.layers) // len(values)) for values in map(self.__getattribute__, A_HEAD))
        for sizes in zip(*map(self.__getattribute__, A_STACK), *heads, strict=True):
            yield ZipformerStack(self.position_width, *sizes)

    @property
    def parameters(self) -> int:
        """Weights and biases, exactly."""
        shrunk = ((MEL_BINS - 1) // 2 - 1) // 2
        front = sum(9 * i * o + o for i, o in ((1, 8), (8, 32), (32, 128)))
        front += 49 * 128 + 128 + 2 * 128 * 384 + 384 + 128 + (128 * shrunk + 1) * self.widths[0] + self.widths[0] + 1
        return front + sum(stack.parameters for stack in self.stacks()) + self.output_downsampling


@dataclass(frozen=True)
class ZipformerStack:
    """The sizes of one stack of a Zipformer."""

    position_width: int
    layers: int
    downsampling: int
    width: int
    feed_forward: int
    heads: int
    kernel: int
    unmasked: int
    query_head: int
    value_head: int
    position_head: int

    @property
    def hidden(self) -> tuple[int, int, int]:
        """The hidden widths of a layer's three feed-forward modules."""
        return self.feed_forward * 3 // 4, self.feed_forward, self.feed_forward * 5 // 4

    @property
    def parameters(self) -> int:
        w, h = self.width, self.heads
        weights = (w + 1) * (
            2 * self.query_head + self.position_head
        ) * h + self.position_width * self.position_head * h
        values = 2 * (2 * w * self.value_head * h + self.value_head * h + w)
        gated = (w + 1) * 3 * (3 * w // 4) + (3 * w // 4 + 1) * w
        convolutions = 2 * ((w + 1) * 2 * w + (self.kernel + 1) * w + (w + 1) * w)
        feed_forwards = sum((w + 1) * hidden + (hidden + 1) * w for hidden in self.hidden)
        layer = weights + values + gated + convolutions + feed_forwards + 4 * w + 1
        return self.layers * layer + (self.downsampling + w if self.downsampling > 1 else 0)


A_STACK = ("layers", "downsampling", "widths", "feed_forward", "heads", "kernels", "unmasked")
A_HEAD = ("query_head", "value_head", "position_head")

ZIPFORMERS = {
    "M": ZipformerOptions(),
    "M-icefall": ZipformerOptions(feed_forward=(512, 768, 1024, 1536, 1024, 768)),
    "S": ZipformerOptions(
        layers=(2,) * 6,
        widths=(192, 256, 256, 256, 256, 256),
        feed_forward=(512, 768, 768, 768, 768, 768),
        unmasked=(192,) * 6,
    ),
    "L": ZipformerOptions(
        layers=(2, 2, 4, 5, 4, 2),
        widths=(192, 256, 512, 768, 512, 256),
        feed_forward=(512, 768, 1536, 2048, 1536, 768),
        unmasked=(192, 192, 256, 320, 256, 192),
    ),
    "tiny": ZipformerOptions(
        layers=(1, 2, 1),
        downsampling=(1, 2, 4),
        widths=(32, 48, 40),
        feed_forward=(64, 96, 80),
        heads=(2, 4, 2),
        kernels=(31, 15, 15),
        unmasked=(24, 32, 32),
    ),
}
"""Sizes by name: M is the CaptionStew toolkit's; S, L and M-icefall have icefall's widths; tiny is for tests."""

ENCODERS = Table(
    "encoder",
    {
        "hub": Known(HubOptions, "scaling.models.hub:hub_encoder"),
        "transformer": Known(TransformerOptions, "scaling.models.transformer:Transformer"),
        "zipformer": Known(ZipformerOptions, "scaling.models.zipformer:Zipformer"),
    },
)
