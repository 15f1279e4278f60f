"""What a run costs is known before its encoder is built."""

import pytest

from scaling.models.options import ENCODERS, TransformerOptions


@pytest.mark.parametrize("width", [8, 64, 96])
@pytest.mark.parametrize("layers", [0, 1, 5])
def test_the_parameters_of_a_transformer_are_those_of_the_one_that_is_built(width: int, layers: int) -> None:
    options = TransformerOptions(width, layers, heads=2)
    built = ENCODERS.builder_of(options)(options)
    assert options.parameters == sum(parameter.numel() for parameter in built.parameters())


def test_heads_are_no_parameters() -> None:
    assert TransformerOptions(heads=2).parameters == TransformerOptions(heads=8).parameters
