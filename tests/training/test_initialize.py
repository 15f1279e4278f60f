"""What a run may start from, and what it says when that does not fit."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
from outcomes import outcome
from safetensors.torch import save_file
from tiny import ENCODER, tiny_run

from scaling.errors import StudyError
from scaling.models.options import ZIPFORMERS
from scaling.models.public import TRAINED
from scaling.models.zipformer import Zipformer
from scaling.study.checkpoints import named_initialization
from scaling.training.initialize import Sources, build, first_weights, read_weights


def supervised(**encoder: int) -> dict[str, torch.Tensor]:
    run = tiny_run("supervised", seed=5, encoder=replace(ENCODER, **encoder))
    return build(run, 0, {"task": 3}, None, None).state_dict()


@pytest.mark.parametrize("objective", ["contrastive", "captioning", "hybrid", "tagging"])
def test_the_encoder_of_a_supervised_run_and_nothing_else_is_taken(tmp_path: Path, objective: str) -> None:
    save_file(supervised(), tmp_path / "weights.safetensors")
    weights = read_weights(tmp_path / "weights.safetensors")
    run = tiny_run(objective, audio="supervised")
    fresh, module = build(run, 30, {}, None, None).state_dict(), build(run, 30, {}, weights, None).state_dict()
    for key, value in module.items():
        assert torch.equal(value, weights[key] if key.startswith("encoder.") else fresh[key])


def test_a_hybrid_takes_what_there_is_of_its_two_text_sides() -> None:
    run = tiny_run("hybrid", text="checkpoint-x")
    fresh = build(run, 30, {}, None, None).state_dict()
    for objective, taken in (("contrastive", "text."), ("captioning", "decoder."), ("hybrid", ("text.", "decoder."))):
        weights = build(tiny_run(objective, seed=1), 30, {}, None, None).state_dict()
        module = build(run, 30, {}, None, weights).state_dict()
        for key, value in module.items():
            assert torch.equal(value, weights[key] if key.startswith(taken) else fresh[key])
    with pytest.raises(StudyError, match="has no tensor text"):
        build(run, 30, {}, None, supervised())
    with pytest.raises(StudyError, match="this objective has no weights there"):
        build(tiny_run("tagging", text="checkpoint-x"), 30, {}, None, supervised())


@pytest.mark.parametrize(
    ("objective", "prefix"), [("contrastive", "text."), ("siglip", "text."), ("captioning", "decoder.")]
)
def test_the_text_side_of_a_run_is_taken(objective: str, prefix: str) -> None:
    weights = build(tiny_run(objective, seed=1), 30, {}, None, None).state_dict()
    run = tiny_run(objective, text="checkpoint-x")
    fresh, module = build(run, 30, {}, None, None).state_dict(), build(run, 30, {}, None, weights).state_dict()
    for key, value in module.items():
        assert torch.equal(value, weights[key] if key.startswith(prefix) else fresh[key])


def message(weights: dict[str, torch.Tensor]) -> str:
    with pytest.raises(StudyError) as error:
        build(tiny_run(audio="checkpoint-x"), 30, {}, weights, None)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_another_shape_is_named_with_both() -> None:
    said = message(supervised(width=32))
    assert "checkpoint-x" in said
    assert "encoder.stem.0.taps.weight has shape [32, 320], this model needs [16, 320]" in said


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (lambda value: value.fill_(torch.nan), "holds values that are no numbers"),
        (lambda value: value.fill_(torch.inf), "holds values that are no numbers"),
        (lambda value: value.to(torch.complex64), "is of torch.complex64, this model needs torch.float32"),
        (lambda value: value.to(torch.int64), "is of torch.int64, this model needs torch.float32"),
    ],
)
def test_other_values_are_named(odd: Callable[[torch.Tensor], torch.Tensor], said: str) -> None:
    weights = supervised()
    weights["encoder.norm.bias"] = odd(weights["encoder.norm.bias"].clone())
    assert f"encoder.norm.bias {said}" in message(weights)


def test_a_missing_tensor_is_named() -> None:
    weights = supervised()
    del weights["encoder.norm.bias"]
    assert "no tensor encoder.norm.bias" in message(weights)
    assert "no tensor encoder." in message(supervised(layers=0))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 a pickle, by chance", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    for place in (path, tmp_path):
        with pytest.raises(StudyError) as error:
            read_weights(place)
        assert str(place) in str(error.value)
        assert "\n" not in str(error.value)


def test_public_weights_are_read_from_a_file_of_torch_and_only_weights(tmp_path: Path) -> None:
    run = tiny_run(audio="checkpoint-x", encoder=ZIPFORMERS["tiny"])
    parameters = dict(Zipformer(ZIPFORMERS["tiny"]).named_parameters())
    # Whatever the file is called: a copy in an object store has the name of its digest.
    torch.save({"model": parameters, "epoch": 3}, tmp_path / "public.safetensors")
    module = build(run, 30, {}, read_weights(tmp_path / "public.safetensors"), None)
    assert all(torch.equal(module.get_parameter(f"encoder.{name}"), value) for name, value in parameters.items())
    assert module.encoder.get_buffer("steps_before") == TRAINED
    assert module.encoder.log_mel_mean.abs().max() == 0
    with pytest.raises(StudyError, match=r"another Zipformer: no encoder\.encoders\.0\.layers\.1"):
        build(tiny_run(audio="checkpoint-x", encoder=ZIPFORMERS["S"]), 30, {}, parameters, None)
    for content, said in (({"model": Path("code")}, "no file of weights alone"), ({"epoch": 3}, "holds no weights")):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(StudyError, match=said) as refused:
            read_weights(tmp_path / "other.pt")
        assert "\n" not in str(refused.value)


def test_a_file_of_torch_with_wrong_bytes_is_one_line(tmp_path: Path) -> None:
    path, draws = tmp_path / "weights.pt", random.Random(0)
    torch.save({"model": {"a": torch.ones(3)}}, path)
    with ZipFile(path) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    refused = 0
    for _ in range(60):
        with ZipFile(path, "w") as changed:
            for name, content in files.items():
                place = draws.randrange(len(content)) if name.endswith(".pkl") else len(content)
                changed.writestr(name, content[:place] + draws.randbytes(1) + content[place + 1 :])
        refused += isinstance(outcome(lambda: read_weights(path)), str)
    assert refused > 30


def test_a_file_that_has_changed_since_a_run_was_named_by_it_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(supervised(), path)
    name, places = named_initialization(str(path), ())
    run, sources = tiny_run(audio=name), Sources(tmp_path, places)
    assert first_weights(run, sources)[0] is not None
    save_file(supervised(width=32), path)
    with pytest.raises(StudyError, match=r"weights\.safetensors has changed since .*: start the study again"):
        first_weights(run, sources)
