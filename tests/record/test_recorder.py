"""MLflow that goes away while a study works: a real server, really killed."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from tracking_server import Server

from scaling.cli import sync
from scaling.record.recorder import Recorder
from scaling.record.tracker import Tracker
from scaling.runs.queue import Entry
from scaling.storage.files import write_json
from scaling.study.study import Corpus, Run, Study

RUNS = tuple(Run("contrastive", clips=clips, steps=2) for clips in (10, 20, 30))
STUDY = Study("data-scale", "smoke", "Does it pay?", Corpus(), RUNS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    if server.process.poll() is None:
        server.kill()


def finish(run: Run, runs: Path) -> Entry:
    """What a lane leaves of a finished run."""
    folder = runs / run.name
    folder.mkdir(parents=True)
    score = {"task": "birds", "domain": "environment", "pooling": "mean", "metric": "accuracy", "value": 0.5}
    result = {
        "run": asdict(run),
        "clips": run.clips,
        "captions": run.clips,
        "hours": 0.1,
        "cost": {"samples_seen": 64, "epochs": 1.0, "weights": "abc"},
        "scores": [{**score, "stderr": 0.1, "n_test": 25}],
        "machine": {"device": "cpu"},
        "store": "s",
        "source_hash": "h",
        "commit": "c",
    }
    write_json(folder / "run.json", asdict(run))
    write_json(folder / "result.json", result)
    (folder / "metrics.jsonl").write_text('{"step": 1, "time": 1000, "train/loss": 2.0}\n')
    (folder / "predictions.parquet").touch()
    return Entry(run, "done")


def test_a_server_that_is_away_for_a_while_and_one_that_stays_away(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("scaling.record.recorder.FORWARD_SECONDS", 0.0)
    monkeypatch.setattr("scaling.record.recorder.AGAIN_SECONDS", 0.1)
    folder, said = tmp_path / "study", []
    runs = folder / "runs"
    fields = {"study": STUDY.name, "preset": STUDY.preset, "question": STUDY.question, "id": "me"}
    folder.mkdir()
    write_json(folder / "study.json", fields)
    tracker = Tracker(server.uri, STUDY, "me", folder / "mlartifacts")
    recorder = Recorder(tracker, runs, {"study": STUDY.name}, said.append)

    def watch_until(entries: list[Entry], words: str) -> None:
        began = time.monotonic()
        while not any(words in line for line in said):
            asked = time.monotonic()
            recorder.watch(entries)
            assert time.monotonic() - asked < 0.2, "the watch must not wait for the server"
            assert time.monotonic() - began < 60, said
            time.sleep(0.02)

    def recorded(at: str) -> set[str]:
        scores = Tracker(at, STUDY, "me", folder / "mlartifacts").scores(STUDY, tmp_path / "nowhere")
        return set(scores["run"])

    # Away for a while: the study goes on, and what ended meanwhile is recorded when it is back.
    first = finish(RUNS[0], runs)
    recorder.watch([first])
    server.kill()
    second = finish(RUNS[1], runs)
    watch_until([first, second], "the study goes on")
    server.start()
    watch_until([first, second], "answers again")
    assert recorded(server.uri) == {RUNS[0].name, RUNS[1].name}

    # Away for good: the scores are all there, from the runs' own files.
    server.kill()
    finish(RUNS[2], runs)
    assert not recorder.settle(RUNS, [])
    scores = tracker.scores(STUDY, runs)
    assert scores["run"].to_list() == sorted(run.name for run in RUNS)
    assert scores["value"].to_list() == [0.5] * 3
    assert not scores["excluded"].any()

    # After the study's end: with the server gone for good, into the study's own database.
    assert sync(folder) == 0
    assert sync(folder) == 0
    assert "MLflow holds all 3 finished runs" in capsys.readouterr().out
    assert recorded(f"sqlite:///{folder / 'mlflow.db'}") == {run.name for run in RUNS}
