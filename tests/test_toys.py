"""Encoders of log-mels and of waveforms, an objective, a probe and an initialization of somebody else's, each one file
and one line in a table."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import torch
from corpora import labelled_tones
from started import Started
from study_corpus import write_corpus
from tiny import tiny_run, tiny_store

from scaling.data.store import Store
from scaling.models.formats import LogMel, Waveform
from scaling.models.options import ENCODERS
from scaling.objectives.options import OBJECTIVES
from scaling.probes.options import PROBES
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.study.run import Run, with_fields
from scaling.training.attempt import Attempt
from scaling.training.initialize import INITIALIZATIONS

TOYS = Path(__file__).parent / "toys"
TRAINED = {
    "contrastive-16-halves-stacked",
    "contrastive-32-halves-stacked",
    "words-16-scratch-stacked",
    "words-32-scratch-stacked",
    "contrastive-16-scratch-listener",
    "contrastive-32-scratch-listener",
}


class Toys:
    """The toys' study in a folder, to be started again."""

    def __init__(self, root: Path) -> None:
        self.arguments, self.out = ["--clips", "16", "32", *write_corpus(root / "corpus")], root / "study"

    def start(self) -> Started:
        study = Started(self.out, *self.arguments, script=TOYS / "toy_study.py")
        assert study.ended() == 0, study.log.read_text()
        return study


@pytest.fixture(scope="module")
def toy_study(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    return Toys(tmp_path_factory.mktemp("toys"))


def test_toys_go_through_a_whole_study(toy_study: Toys):
    """In processes of Ray's, which know the lines of a study's own code."""
    study = toy_study.start()
    scores = study.scores()
    arms = scores.filter(pl.col("reference") == "")
    assert set(arms["objective"]) == {"words", "contrastive", "heard"}
    assert set(arms["clips"]) == {16, 32}
    results = study.results()
    assert {name.rpartition("-s0")[0] for name in results if name.startswith(("contrastive", "words"))} == TRAINED
    store = Store(study.out / "store")
    assert store.description.formats == (LogMel(), Waveform())
    assert len(store.waveform(0)) // 160 + 1 == len(store.log_mel(0))
    for name, result in results.items():
        poolings = {score["pooling"] for score in result["scores"] if score["metric"] == "accuracy"}
        # Chance is what it is: everything else was probed by the toy, too.
        assert poolings == ({"mean"} if name.startswith("chance") else {"mean", "nearest"}), name
        if name.startswith("words"):
            assert result["run"]["objective"] == {"name": "words", "max_tokens": 16}
            assert result["cost"]["encoder_parameters"] == 4 * 80 * 12 + 12


@pytest.mark.long
def test_a_run_that_no_toy_stands_in_is_scored_by_the_toy_probe_when_done_alone(toy_study: Toys):
    results = toy_study.start().results()
    [name] = [name for name in results if name.startswith("log-mel")]
    (toy_study.out / "runs" / name / "result.json").unlink()
    (toy_study.out / "report" / "stamp.json").unlink()
    assert toy_study.start().results()[name]["scores"] == results[name]["scores"]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The lines are there for the time of the test."""
    tables = (ENCODERS, OBJECTIVES, PROBES, INITIALIZATIONS)
    before = [dict(table) for table in tables]
    monkeypatch.syspath_prepend(TOYS)
    import toy_networks
    import toy_options

    lines = {**toy_options.LINES, "halves": toy_networks.halves}
    for table, name in zip(tables, ("stacked", "words", "nearest", "halves"), strict=True):
        table[name] = lines[name]
    yield
    for table, lines in zip(tables, before, strict=True):
        table.clear()
        table.update(lines)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """A study's folder with a store of 32 clips and 30 labelled ones."""
    folder = StudyFolder(tmp_path / "study")
    tiny_store(folder.store)
    shutil.copytree(labelled_tones(tmp_path / "tones").store.folder, folder.store / "labelled")
    return folder


def done(run: Run, folder: StudyFolder) -> tuple[dict[str, torch.Tensor], set[str]]:
    """A run's final weights, and the poolings that its labels were scored by."""
    from scaling.training.checkpoint import WEIGHTS, latest_checkpoint, read_tensors

    attempt = Attempt(folder.run(run.name).path)
    attempt.claim()
    result = perform(run, folder, attempt, device=torch.device("cpu"))
    assert result is not None
    checkpoint = latest_checkpoint(folder.run(run.name).path)
    assert checkpoint is not None
    return read_tensors(checkpoint / WEIGHTS), {score.pooling for score in result.scores if score.metric == "accuracy"}


@pytest.mark.usefixtures("toys")
def test_a_toy_probe_scores_every_encoder(folder: StudyFolder):
    assert done(tiny_run(steps=2), folder)[1] == {"mean", "nearest"}


@pytest.mark.usefixtures("toys")
def test_a_toy_initialization_gives_the_first_weights(folder: StudyFolder):
    from toy_options import StackedOptions, WordsOptions

    run = with_fields(tiny_run(steps=0), {"objective": WordsOptions(), "encoder": StackedOptions()})
    run = with_fields(run, {"initialization.audio": "halves"})
    weights, _ = done(run, folder)
    assert weights["encoder.layer.weight"].eq(0.5).all()
    assert not weights["words.weight"].eq(0.5).any()
    assert run.name.startswith("words-24-halves-stacked")
