"""What configures an encoder, and the table of known ones. Needs no torch.

The options of every encoder have `parameters`: about how many numbers it learns, which says what its runs cost before
it is built.
"""

from dataclasses import dataclass

from scaling.errors import StudyError
from scaling.known import Known, Table

MEL_BINS = 80


@dataclass(frozen=True)
class TransformerOptions:
    """A small transformer for CPUs (`transformer.py`): sizes of its blocks.

    Raises `StudyError` for a width that cannot be shared out to its heads.
    """

    width: int = 64
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
        stem = sum(3 * i * o + o for i, o in ((MEL_BINS, w // 2), (w // 2, w), (w, w)))
        block = 8 * w * w + 11 * w
        return stem + self.layers * block + 4 * w


ENCODERS = Table("encoder", {"transformer": Known(TransformerOptions, "scaling.models.transformer:Transformer")})
