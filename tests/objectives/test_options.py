"""Every known objective is one, and what reads captions says how many tokens."""

import pytest

from scaling.models.options import TransformerOptions
from scaling.models.transformer import Transformer
from scaling.objectives.objective import Objective
from scaling.objectives.options import OBJECTIVES


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_known_objective_is_built_from_its_options(name: str) -> None:
    options = OBJECTIVES.default(name)
    built = OBJECTIVES.builder_of(options)(options, Transformer(TransformerOptions(8, 1, 2)), 30, {"a": 3})
    assert isinstance(built, Objective)
    assert options.targets in ("captions", "labels")
    if options.targets == "captions":
        assert options.max_tokens > 2
    if built.text_part:
        for part in built.text_part.split():
            assert any(key.startswith(part) for key in built.state_dict())
