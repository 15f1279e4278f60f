"""Public text models learn on frozen frames: an encoder from its own weights, of a decoder what listens alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from public_models import write_public
from safetensors.torch import load_file

from scaling.data.tasks.task import Task
from scaling.errors import StudyError
from scaling.probes.answers import Answers, Subject
from scaling.probes.public_text import LISTENING, PublicText
from scaling.probes.text_captioning import text_captioning
from scaling.probes.text_retrieval import text_retrieval
from scaling.probes.work import Work

PROBES = {"encoder": (text_retrieval, "bert", "text_encoder"), "decoder": (text_captioning, "bart", "decoder")}
FILES = {"encoder": "retrieval-retrieval.safetensors", "decoder": "retrieval-captioning.safetensors"}
Named = tuple[Callable[[Task, Subject], Answers], Task, Path]


@pytest.fixture(params=list(PROBES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def named(kind: str, tmp_path: Path) -> Named:
    """A probe, a task that names a public model for it, and that model's folder."""
    probe, model, field = PROBES[kind]
    folder = write_public(tmp_path / model, model)
    return probe, replace(Task("retrieval", "environment", "recall"), **{field: str(folder)}), folder


def test_it_starts_from_public_weights_and_only_what_may_learn_learns(
    hearing: Subject, named: Named, kind: str, tmp_path: Path
) -> None:
    probe, task, folder = named
    scores, _ = probe(task, replace(hearing, work=Work(tmp_path / "work")))
    assert all("from public text weights" in score.note for score in scores)
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "work" / FILES[kind])
    learned = {name.removeprefix("module/"): value for name, value in after.items()}
    if kind == "encoder":
        name = "encoder.layer.0.output.dense.weight"
        moved = (learned[f"text.model.{name}"] - before[name]).abs().max()
        # Twelve steps at its own rate, and not at that of what is new.
        assert 0 < moved < 12 * 6e-5
    else:
        assert all(any(part in name for part in (*LISTENING, "mean", "inverse_std")) for name in learned)
        name = "layers.0.encoder_attn.out_proj.weight"
        assert not torch.equal(learned[f"decoder.model.{name}"], before[f"model.decoder.{name}"])


def test_what_was_interrupted_goes_on_to_the_same_bits(hearing: Subject, named: Named, tmp_path: Path) -> None:
    probe, task, _ = named
    whole = probe(task, hearing)
    steps = []

    def stop(save: Callable[[], None]) -> None:
        steps.append(1)
        if len(steps) == 5:
            save()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        probe(task, replace(hearing, work=Work(tmp_path / "work", stop)))
    # What is drawn elsewhere has no part in it.
    torch.manual_seed(7)
    again = probe(task, replace(hearing, work=Work(tmp_path / "work", lambda save: steps.append(1))))
    assert len(steps) == 12
    assert again[0] == whole[0]
    assert again[1].equals(whole[1])


def test_captions_are_read_by_the_models_own_tokenizer_or_by_one_made_of_them(tmp_path: Path) -> None:
    own = PublicText.named(str(write_public(tmp_path / "own", "bert")), "encoder", ["a dog"])
    assert own.tokenizer.text(own.tokenizer.encode("A dog barks.", 40)) == "a dog barks"
    made = PublicText.named(str(write_public(tmp_path / "made", "bart", tokenizer=False)), "decoder", ["zebra"] * 9)
    assert len(made.tokenizer.words_of("zebra")) == 1


def test_weights_of_another_model_are_one_line(tmp_path: Path) -> None:
    folder = write_public(tmp_path / "bart", "bart")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"decoder_layers": 1', '"decoder_layers": 2'))
    with pytest.raises(StudyError, match="of another model: no "):
        PublicText.named(str(folder), "decoder", []).decoder(8)
