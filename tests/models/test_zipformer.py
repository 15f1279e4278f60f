"""The Zipformer: equal to the public implementation, clips independent of their neighbours, one graph in training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import random_batch
from torch.nn.functional import mse_loss

from scaling.errors import StudyError
from scaling.models.options import A_STACK, ZIPFORMERS
from scaling.models.public import TRAINED
from scaling.models.zipformer import Zipformer, from_public

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
TINY = ZIPFORMERS["tiny"]
SMALL = replace(
    TINY, layers=(1, 1), downsampling=(1, 2), widths=(16, 24), feed_forward=(16, 16), heads=(2, 2), kernels=(7, 7),
    unmasked=(8, 8), query_head=(4,), value_head=(4,), position_width=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> dict[str, torch.Tensor]:
    """A forward pass of the public implementation, and its weights."""
    if not REFERENCE.exists():
        pytest.skip(f"the reference tensors are not at {REFERENCE}")
    return load_file(REFERENCE / "zipformer_tiny.safetensors")


def published(tensors: dict[str, torch.Tensor]) -> tuple[dict[str, object], dict[str, torch.Tensor]]:
    """Configuration and weights as a user has them."""
    config = json.loads((REFERENCE / "zipformer_tiny.json").read_text())
    return config, {k.removeprefix("param."): v for k, v in tensors.items() if k.startswith("param.")}


def test_it_gives_what_the_public_implementation_gives(reference: dict[str, torch.Tensor]) -> None:
    encoder = from_public(*published(reference))
    with torch.no_grad():
        frames, lengths = encoder(reference["input.features"], reference["input.lengths"])
    assert torch.equal(lengths, reference["output.lengths"])
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(frames[row, :length], reference["output.frames"][row, :length], atol=1e-4, rtol=0)


def test_what_padding_leaks_there_is_two_frames(reference: dict[str, torch.Tensor]) -> None:
    encoder = from_public(*published(reference), padding_leaks=False)
    with torch.no_grad():
        frames, lengths = encoder(reference["input.features"], reference["input.lengths"])
    for row, length in enumerate(lengths.tolist()):
        close = (frames[row, :length] - reference["output.frames"][row, :length]).abs().amax(dim=-1) < 5e-4
        assert close[: length - 2].all()
        assert close.all() == (row == 0)


@pytest.mark.parametrize("changes", [{}, {"output_downsampling": 1, "downsampling": (1, 3, 8)}], ids=str)
def test_a_padded_clip_is_the_same_clip_alone(changes: dict[str, object]) -> None:
    torch.manual_seed(0)
    encoder = Zipformer(replace(TINY, **changes)).eval()
    batch = random_batch(6, frames=120)
    batch["lengths"][1:] = torch.tensor([1, 9, 33, 64, 111])
    for row, length in enumerate(batch["lengths"].tolist()):
        # Not even what lies past a clip's end may matter.
        batch["features"][row, length:] = 1e2
    with torch.no_grad():
        together, lengths = encoder(batch["features"], batch["lengths"])
        for row, length in enumerate(batch["lengths"].tolist()):
            alone, alone_lengths = encoder(batch["features"][row : row + 1, :length], torch.tensor([length]))
            assert alone_lengths[0] == lengths[row]
            torch.testing.assert_close(together[row, : lengths[row]], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("size", "parameters", "width"),
    [
        ("M", 65_913_719, 512),
        ("M-icefall", 63_994_103, 512),
        ("S", 21_989_779, 256),
        ("L", 146_625_594, 768),
        ("tiny", 449_615, 48),
    ],
)
def test_sizes_have_their_documented_parameters_and_frames(size: str, parameters: int, width: int) -> None:
    with torch.device("meta"):
        encoder = Zipformer(ZIPFORMERS[size])
        frames, lengths = encoder(torch.empty(2, 1000, 80), torch.full((2,), 1000))
    assert sum(p.numel() for p in encoder.parameters()) == parameters == ZIPFORMERS[size].parameters
    assert ZIPFORMERS[size].label == size
    assert frames.shape == (2, 248, width)
    assert lengths.shape == (2,)


def test_eleven_stacks_of_other_widths_at_fifty_hertz() -> None:
    stacks = 11
    options = replace(
        SMALL, layers=(1,) * stacks, downsampling=(1, 2, 4, 8, 4, 2, 1, 2, 4, 2, 1),
        widths=(16, 24, 32, 40) + (32,) * 7,
        feed_forward=(16,) * stacks, heads=(2,) * stacks, kernels=(7,) * stacks, unmasked=(8,) * stacks,
        query_head=(4, 8) + (4,) * 9, output_downsampling=1,
    )  # fmt: skip
    with torch.device("meta"):
        encoder = Zipformer(options)
        frames, _ = encoder(torch.empty(1, 209, 80), torch.full((1,), 209))
    assert frames.shape == (1, 101, 40)
    assert (encoder.width, encoder.stride) == (40, 2)
    assert sum(p.numel() for p in encoder.parameters()) == options.parameters


def gradients(encoder: Zipformer, forward: object, step: int) -> dict[str, torch.Tensor]:
    """Of a training step of a small batch."""
    torch.manual_seed(step)
    encoder.at_step(step)
    encoder.zero_grad()
    batch = random_batch(3, frames=37)
    torch.manual_seed(step)
    frames, _ = forward(batch["features"], batch["lengths"])  # type: ignore[operator]
    mse_loss(frames, torch.ones_like(frames)).backward()
    return {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}


def test_training_is_one_graph_with_everything_drawn_inside_it() -> None:
    """`fullgraph` refuses a graph break; every branch on chance would be one, or a compilation a step."""
    torch.manual_seed(0)
    # One stack: tracing a layer takes seconds.
    one = {name: getattr(SMALL, name)[1:] for name in A_STACK}
    encoder = Zipformer(replace(SMALL, **one)).train()
    torch._dynamo.reset()
    compilations: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, inputs: object) -> object:
        compilations.append(graph)
        return graph.forward

    compiled = torch.compile(encoder, fullgraph=True, backend=backend)  # type: ignore[call-overload]
    # Steps in which regularizers work and such in which they do not, at other places of their schedules.
    for step in (0, 1, 5000, 60_000):
        expected = {name: gradient.clone() for name, gradient in gradients(encoder, encoder, step).items()}
        for name, gradient in gradients(encoder, compiled, step).items():
            torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-3)
    assert len(compilations) == 1


def test_layers_computed_again_give_the_same_gradients() -> None:
    torch.manual_seed(0)
    encoder = Zipformer(SMALL).train()
    expected = {name: gradient.clone() for name, gradient in gradients(encoder, encoder, 3).items()}
    encoder.recompute = True
    found = gradients(encoder, encoder, 3)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_without_regularizers_training_is_evaluation() -> None:
    torch.manual_seed(0)
    encoder = Zipformer(replace(SMALL, regularized=False))
    batch = random_batch(3, frames=37)
    trained, _ = encoder.train()(batch["features"], batch["lengths"])
    evaluated, _ = encoder.eval()(batch["features"], batch["lengths"])
    assert torch.equal(trained, evaluated)


def test_schedules_go_on_where_those_have_ended_that_it_starts_from(reference: dict[str, torch.Tensor]) -> None:
    encoder = Zipformer(SMALL).train()
    encoder.at_step(7)
    assert encoder.step == 7
    again = Zipformer(SMALL)
    again.load_state_dict(encoder.state_dict())
    again.train().at_step(8)
    assert again.step == 8
    again.start_over()
    again.train().at_step(2)
    assert again.step == 10
    public = from_public(*published(reference)).train()
    public.at_step(1)
    assert public.step == TRAINED + 1


def test_weights_of_a_larger_model_are_found_and_of_another_one_named(reference: dict[str, torch.Tensor]) -> None:
    config, state = published(reference)
    inside = {
        "model": {f"module.audio.{name}": value for name, value in state.items()} | {"joiner.bias": torch.ones(3)}
    }
    assert torch.equal(from_public(config, inside).encoder_embed.out.bias, state["encoder_embed.out.bias"])
    for change, said in (
        ({"encoder_embed.out.bias": torch.ones(3)}, r"encoder_embed.out.bias of shape \[3\], not \[32\]"),
        ({"encoder.extra.weight": torch.ones(3)}, "encoder.extra.weight too many"),
    ):
        with pytest.raises(StudyError, match=said) as refused:
            from_public(config, {**state, **change})
        assert "\n" not in str(refused.value)
    with pytest.raises(StudyError, match=r"another Zipformer: no encoder_embed\.out\.weight$"):
        from_public(config, {name: value for name, value in state.items() if name != "encoder_embed.out.weight"})
    with pytest.raises(StudyError, match="no weights of a Zipformer"):
        from_public(config, {"decoder.weight": torch.ones(3)})
