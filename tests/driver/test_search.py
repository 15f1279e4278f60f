"""Searches of learning rates, from their command line to their file; and one that was killed."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from started import ROOT, Started
from study_corpus import write_corpus
from tiny import tiny_run

from scaling.cli import run_search
from scaling.driver.search import Parents, found_rates
from scaling.runs.rate_search import Asked, RateSearch, Space
from scaling.storage.files import names, read_json
from scaling.study.rates import read_rates
from scaling.study.study import Factor, Study, clips_axis
from studies.learning_rate import LearningRate, learning_rate, space

SCRIPT = ROOT / "studies" / "learning_rate.py"
TOO_HIGH = "1e15"


def study() -> Study:
    starts = {"from scratch": {}, "initialized": {"initialization.audio": "supervised"}}
    return Study(
        "search", "p", "T", "Q?", tiny_run(), (clips_axis((10, 20)),), (Factor("initialization", starts),), (0,)
    )


def test_of_a_study_the_parents_alone_are_done_as_runs() -> None:
    whole = study()
    parents = Parents.of(whole)
    assert [run.objective_name for run in parents.runs] == ["supervised"]
    assert {run.initialization.parent for run in whole.runs} - {""} == {run.name for run in parents.runs}
    assert not Parents.of(replace(whole, factors=())).runs


def test_what_is_found_is_a_rate_of_each_arm_and_the_rest_is_told() -> None:
    cells = [cell for cell in study().cells if cell.run.data.clips]
    search = RateSearch(cells, Space(1e-3, 1e-2, 2))
    while isinstance(asked := search.ask(), Asked):
        place = search.places[asked.place]
        if place.arm == "initialized" and place.clips == 10:
            search.fail(asked, "OSError: gone")
        else:
            diverges = place.arm == "initialized"
            search.tell(asked, float("inf") if diverges else asked.rate)
    rates, problems = found_rates(search)
    [rate] = rates
    assert (rate.arm, rate.audio) == ("from scratch", "scratch")
    assert [(one.clips, one.learning_rate, one.edge) for one in rate.found] == [
        (10, 1e-3, "lowest"),
        (20, 1e-3, "lowest"),
    ]
    assert problems == [
        "initialized at 10 clips: a trial failed: OSError: gone",
        "initialized at 20 clips: every rate diverged, down to 0.001: search lower ones",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lowest", "1e-2", "--highest", "1e-3"], "an empty range"),
        (["--trials", "1"], "one rate is no search"),
        (["--group-workers", "2"], "a trial has one worker"),
        (["--dry-run"], "--dry-run is for studies, not for a search"),
        (["--learning-rates", "rates.json"], "--learning-rates is for studies, not for a search"),
        (["--audio-init", "elsewhere"], "rates are searched from scratch and supervised"),
        (["--objectives", "supervised"], "supervised learns from labels"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    out = tmp_path / "search"
    monkeypatch.setattr(sys, "argv", ["search", "--preset", "smoke", "--out", str(out), *options])
    assert run_search(learning_rate, space, LearningRate, "") == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not out.exists()


def trials(out: Path) -> dict[str, Any]:
    files = {name: out / "runs" / name / "trial.json" for name in names(out / "runs")}
    return {name: read_json(path) for name, path in files.items() if path.exists()}


def recorded(out: Path) -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    [experiment] = client.search_experiments(filter_string="name LIKE 'learning-rate-%'")
    return list(client.search_runs([experiment.experiment_id]))


@pytest.mark.long
def test_a_search_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """The highest rate diverges, which is no failure; trials are nested under their search, each once."""
    arguments = ["--preset", "smoke", "--clips", "16", "32", "--steps", "30", "--highest", TOO_HIGH, "--trials", "3"]
    arguments += ["--objectives", "contrastive", *write_corpus(tmp_path / "corpus")]
    straight, killed = (Started(tmp_path / name, *arguments, script=SCRIPT) for name in ("straight", "killed"))
    killed.until(lambda: trials(killed.out))
    os.killpg(killed.process.pid, signal.SIGKILL)
    before = trials(killed.out)
    assert straight.ended() == 0, straight.log.read_text()
    assert 0 < len(before) < 6
    again = Started(killed.out, *arguments, script=SCRIPT)
    assert again.ended() == 0, again.log.read_text()

    def losses(out: Path) -> dict[str, float | None]:
        return {name: trial["holdout_loss"] for name, trial in trials(out).items()}

    assert len(losses(straight.out)) == 6
    assert losses(killed.out) == losses(straight.out)
    assert {name: trials(killed.out)[name] for name in before} == before
    assert (killed.out / "rates.json").read_bytes() == (straight.out / "rates.json").read_bytes()
    [rate] = read_rates(str(straight.out / "rates.json"))
    assert [one.clips for one in rate.found] == [16, 32]
    assert all(one.diverged > 0 for one in rate.found)
    assert "diverged: loss or gradient not finite" in straight.log.read_text()
    for out in (straight.out, killed.out):
        runs = recorded(out)
        [parent] = [run for run in runs if "scaling.search" in run.data.tags]
        nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        assert sorted(run.data.tags["scaling.run"] for run in nested) == sorted(trials(out))
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert sum(bool(run.data.tags["diverged"]) for run in nested) == sum(
            trial["holdout_loss"] is None for trial in trials(out).values()
        )
    assert not [name for name in names(straight.out / ".ray") if name.startswith("search-")]
