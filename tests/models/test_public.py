"""Published configurations, as lists, as one number for all stacks and as a command line has them."""

from typing import Any

import pytest

from scaling.errors import StudyError
from scaling.models.options import ZIPFORMERS
from scaling.models.public import public_options

M = {
    "num_encoder_layers": "2,2,3,4,3,2",
    "downsampling_factor": "1,2,4,8,4,2",
    "encoder_dim": [192, 256, 384, 512, 384, 256],
    "feedforward_dim": (512, 768, 1024, 1536, 1024, 768),
    "num_heads": "4,4,4,8,4,4",
    "cnn_module_kernel": "31,31,15,15,15,31",
    "encoder_unmasked_dim": "192,192,256,256,256,192",
    "query_head_dim": "32",
    "value_head_dim": 12,
    "pos_head_dim": [4],
    "pos_dim": 48,
    "output_downsampling_factor": 2,
    "causal": False,
    "feature_dim": 80,
}


def test_a_published_configuration() -> None:
    options = public_options(M)
    assert options.query_head == (32,) * 6
    assert options.label == "6x512"
    assert options.parameters == ZIPFORMERS["M-icefall"].parameters


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"causal": True}, "a causal Zipformer"),
        ({"feature_dim": 128}, "128 mel bins"),
        ({"num_heads": "4,4"}, r"6 stacks with heads \(4, 4\)"),
        ({"cnn_module_kernel": [30]}, "they must be odd"),
    ],
)
def test_what_cannot_be_built_is_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        public_options({**M, **change})
    assert "\n" not in str(refused.value)


def test_what_a_configuration_lacks_is_named() -> None:
    with pytest.raises(StudyError, match=r"it has no num_heads, pos_dim$"):
        public_options({name: value for name, value in M.items() if name not in ("num_heads", "pos_dim")})
