"""One run from its options to its result, without Ray or MLflow."""

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from corpora import labelled_tones
from public_models import write_public
from tiny import ENCODER, tiny_run, tiny_store

from scaling.errors import StudyError
from scaling.probes import text_captioning, text_retrieval
from scaling.probes.options import ChanceOptions, LogMelOptions, named_probes
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform, stores
from scaling.runs.result import Result
from scaling.storage.tables import read_parquet
from scaling.study.run import Run, with_fields
from scaling.study.texts import named_text, with_text
from scaling.training.attempt import Attempt, InterruptedRunError
from scaling.training.checkpoint import WEIGHTS, latest_checkpoint, read_tensors
from scaling.training.initialize import build, read_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study's folder with a store of 32 clips and 30 labelled ones."""
    root = tmp_path_factory.mktemp("perform")
    folder = StudyFolder(root / "study")
    tiny_store(folder.store)
    shutil.copytree(labelled_tones(root / "tones").store.folder, folder.store / "labelled")
    return folder


def done(run: Run, folder: StudyFolder) -> Result:
    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    result = perform(run, folder, attempt, device=torch.device("cpu"))
    assert result is not None
    return result


def poolings(result: Result) -> set[tuple[str, str]]:
    return {(score.task, score.pooling) for score in result.scores}


def weights(run: Run, folder: StudyFolder) -> dict[str, torch.Tensor]:
    checkpoint = latest_checkpoint(folder.run(run.name).path)
    assert checkpoint is not None
    return read_tensors(checkpoint / WEIGHTS)


def test_a_run_leaves_its_result_and_the_answer_to_every_test_clip(folder: StudyFolder):
    run = tiny_run(steps=4)
    result = done(run, folder)
    assert folder.run(run.name).result() == result
    assert (result.clips, result.cost.samples_seen, result.cost.encoder_parameters) == (24, 32, ENCODER.parameters)
    # The contrastive objective has a joint space of its own.
    assert poolings(result) == {("pitch", "mean"), ("retrieval", "mean"), ("retrieval", "head")}
    answers = read_parquet(folder.run(run.name).predictions)
    for score in result.scores:
        named = pl.col("task") == score.task, pl.col("pooling") == score.pooling, pl.col("metric") == score.metric
        mine = answers.filter(*named)
        assert len(mine) == score.n_test
        assert mine["correct"].mean() == pytest.approx(score.value)


@pytest.mark.parametrize(("objective", "kind"), [("contrastive", "bert"), ("captioning", "bart")])
def test_a_run_with_a_public_text_model_and_its_tokenizer(
    folder: StudyFolder, tmp_path: Path, objective: str, kind: str
) -> None:
    run = tiny_run(objective, steps=3, text="public")
    model = named_text(str(write_public(tmp_path / kind, kind)), run.objective.text, weights=True)
    run = replace(run, objective=with_text(run.objective, model))
    elsewhere = replace(folder, path=tmp_path / "study", shared_store=folder.store).with_checkpoints(model.files)
    result = done(run, elsewhere)
    own = weights(run, elsewhere)
    first = build(run, 0, {}, None, read_weights(tmp_path / kind / "model.safetensors")).state_dict()
    # Three small steps from where the public model was.
    for name, value in own.items():
        if name.startswith(("text.model.", "decoder.model.")):
            assert (value - first[name]).abs().max() < 0.02, name
    assert {score.pooling for score in result.scores} == {"mean", "head"} - ({"head"} if kind == "bart" else set())


def test_a_run_that_reads_captions_by_byte_pairs(folder: StudyFolder) -> None:
    run = tiny_run("captioning", steps=2)
    run = replace(run, objective=replace(run.objective, tokenizer="bpe-400"))
    done(run, folder)
    assert len(weights(run, folder)["decoder.embedding.weight"]) == 400


def test_an_objective_without_a_joint_space_has_no_scores_of_one(folder: StudyFolder):
    assert poolings(done(tiny_run("captioning", steps=2), folder)) == {("pitch", "mean"), ("retrieval", "mean")}


@pytest.mark.parametrize("objective", ["siglip", "hybrid", "tagging"])
def test_further_objectives_are_trained_and_probed(folder: StudyFolder, objective: str):
    result = done(tiny_run(objective, steps=4, at_once=3), folder)
    heads = {("retrieval", "head")} if objective != "tagging" else set()
    assert poolings(result) == {("pitch", "mean"), ("retrieval", "mean")} | heads
    assert result.cost.holdout_loss is not None


def test_a_child_starts_from_what_its_parent_ended_with(folder: StudyFolder):
    parent = tiny_run("supervised", steps=3, clips=0)
    child = tiny_run(steps=0, audio="supervised", parent=parent.name)
    with pytest.raises(StudyError, match=f"{child.name} starts from {parent.name}, which has left no weights"):
        done(child, folder)
    result = done(parent, folder)
    # Labelled clips of the training split.
    assert result.clips == 16
    done(child, folder)
    mine, theirs = weights(child, folder), weights(parent, folder)
    for key, value in theirs.items():
        assert not key.startswith("encoder.") or torch.equal(mine[key], value)


@pytest.mark.parametrize(
    ("encoder", "parameters"), [(ENCODER, ENCODER.parameters), (ChanceOptions(), 0), (LogMelOptions(), 0)]
)
def test_references_are_scored_without_training(folder: StudyFolder, encoder: object, parameters: int):
    run = with_fields(tiny_run(), {"objective": None, "encoder": encoder, "data.clips": 0})
    result = done(run, folder)
    assert (result.clips, result.cost.samples_seen, result.cost.encoder_parameters) == (0, 0, parameters)
    assert poolings(result) == {("pitch", "mean"), ("retrieval", "mean")}
    assert latest_checkpoint(folder.run(run.name).path) is None


def test_a_finished_run_is_scored_by_more_probes_without_being_trained_again(
    folder: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("scaling.probes.attention.FEWEST_STEPS", 5)
    monkeypatch.setattr("scaling.probes.attention.PASSES", 1)
    for module in (text_retrieval, text_captioning):
        monkeypatch.setattr(module, "BUDGET", replace(module.BUDGET, batch=64, passes=1, fewest=5))
    run = tiny_run(steps=3, seed=7)
    before = done(run, folder)
    assert set(before.probed) == {*named_probes(), "embedding"}
    assert 1 <= (before.rank_me or 0) <= ENCODER.width
    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    folder.run(run.name).reopen()
    asked: list[int] = []

    def stop(step: int, rate: float) -> bool:
        asked.append(step)
        return len(asked) > 1

    monkeypatch.setattr("scaling.runs.perform.ASK_SECONDS", 0.0)
    # Asked to stop while a probe trains, it stops; the next attempt goes on.
    with pytest.raises(InterruptedRunError):
        perform(run, folder, attempt, device=torch.device("cpu"), progress=stop, probes=named_probes(("all",)))
    after = perform(run, folder, attempt, device=torch.device("cpu"), probes=named_probes(("all",)))
    assert after is not None
    assert replace(after.cost, wall_seconds=before.cost.wall_seconds) == before.cost
    assert set(before.scores) < set(after.scores)
    assert poolings(after) - poolings(before) == {
        ("pitch", "attention"),
        ("retrieval", "text"),
        *(("captioning", pooling) for pooling in ("text", "text-greedy", "text-shuffled")),
    }
    assert folder.run(run.name).result() == after
    # What is trained step by step is counted, wherever its training was interrupted.
    assert set(after.probe_flops) == {"attention", "text-retrieval", "captioning"}
    alone = StudyFolder(tmp_path, folder.store)
    attempt = Attempt(alone.run(run.name).path)
    attempt.claim()
    once = perform(run, alone, attempt, device=torch.device("cpu"), probes=named_probes(("all",)))
    assert once is not None
    assert once.probe_flops == after.probe_flops
    assert once.scores == after.scores


def test_what_depends_on_no_run_is_made_once(folder: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = StudyFolder(tmp_path, folder.store)
    first = done(tiny_run(steps=2), elsewhere)
    assert sorted(path.name.rpartition("-")[0] for path in tmp_path.joinpath("shared").iterdir()) == [
        "holdout",
        "retrieval-text",
    ]
    stores.cache_clear()
    with monkeypatch.context() as forbidding:
        for name in ("scaling.data.store.Store._statistics", "scaling.probes.ridge_retrieval.text_matrices"):
            forbidding.setattr(name, lambda *given: pytest.fail("made again"))
        (elsewhere.run(tiny_run(steps=2).name).path / "result.json").unlink()
        again = done(tiny_run(steps=2), elsewhere)
        assert (again.scores, again.cost.weights) == (first.scores, first.cost.weights)
        done(tiny_run("captioning", steps=2), elsewhere)
    stores.cache_clear()


def test_the_same_run_again_has_the_same_scores(folder: StudyFolder, tmp_path: Path):
    run = tiny_run("captioning", steps=2)
    elsewhere = StudyFolder(tmp_path, folder.store)
    assert done(run, elsewhere).scores == done(run, folder).scores
