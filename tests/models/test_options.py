"""What a run costs is known before its encoder is built."""

import pytest

from scaling.errors import StudyError
from scaling.models.options import ENCODERS, TransformerOptions


@pytest.mark.parametrize("width", [8, 64, 96])
@pytest.mark.parametrize("layers", [0, 1, 5])
def test_the_parameters_of_a_transformer_are_those_of_the_one_that_is_built(width: int, layers: int) -> None:
    options = TransformerOptions(width, layers, heads=2)
    built = ENCODERS.builder_of(options)(options)
    assert options.parameters == sum(parameter.numel() for parameter in built.parameters())


def test_heads_are_no_parameters() -> None:
    assert TransformerOptions(heads=2).parameters == TransformerOptions(heads=8).parameters


@pytest.mark.parametrize("sizes", [(1, 1, 1), (33, 1, 1), (64, 1, 5)])
def test_an_encoder_that_cannot_be_built_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(StudyError, match="the width must be even and a multiple of the heads"):
        TransformerOptions(*sizes)
