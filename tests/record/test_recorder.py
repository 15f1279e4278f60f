"""MLflow that goes away while a study works: a real server, really killed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_study import finish, score, tiny_study
from tracking_server import Server

from scaling.cli.results import sync
from scaling.driver.identity import VERSION
from scaling.record.recorder import Recorder
from scaling.record.tracker import Tracker
from scaling.runs.folder import StudyFolder
from scaling.runs.queue import Entry
from scaling.storage.files import write_json
from scaling.study.study import Cell

STUDY = tiny_study()
CELLS = STUDY.cells[-3:]
NAMES = [cell.run.name for cell in CELLS]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    if server.process.poll() is None:
        server.kill()


def done(cell: Cell, folder: StudyFolder) -> Entry:
    """A finished run, as the queue shows it."""
    finish(folder.run(cell.run.name), cell, score("birds", "accuracy", 0.5))
    return Entry(cell.run, "done")


def test_a_server_that_is_away_for_a_while_and_one_that_stays_away(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("scaling.record.recorder.FORWARD_SECONDS", 0.0)
    monkeypatch.setattr("scaling.record.recorder.AGAIN_SECONDS", 0.1)
    path, said = tmp_path / "study", []
    folder = StudyFolder(path)
    path.mkdir()
    fields = {"study": STUDY.name, "preset": STUDY.preset, "corpus": "c", "id": "me", "version": VERSION}
    fields["design"] = STUDY.design()
    write_json(path / "study.json", fields)

    def tracker_at(uri: str) -> Tracker:
        return Tracker(uri, "data-scale-smoke", STUDY.design(), "me", path / "mlartifacts")

    tracker = tracker_at(server.uri)
    recorder = Recorder(tracker, CELLS, folder, {"study": STUDY.name}, said.append)

    def watch_until(entries: list[Entry], words: str) -> None:
        began = time.monotonic()
        while not any(words in line for line in said):
            asked = time.monotonic()
            recorder.watch(entries)
            assert time.monotonic() - asked < 0.2, "the watch must not wait for the server"
            assert time.monotonic() - began < 60, said
            time.sleep(0.02)

    def recorded(at: str) -> set[str]:
        scores = tracker_at(at).scores(STUDY, StudyFolder(tmp_path / "nowhere"))
        return set(scores["run"])

    # Away for a while: the study goes on, and what ended meanwhile is recorded when it is back.
    first = done(CELLS[0], folder)
    recorder.watch([first])
    server.kill()
    second = done(CELLS[1], folder)
    watch_until([first, second], "the study goes on")
    server.start()
    watch_until([first, second], "answers again")
    assert recorded(server.uri) == {NAMES[0], NAMES[1]}

    # Away for good: the scores are all there, from the runs' own files.
    server.kill()
    done(CELLS[2], folder)
    assert not recorder.settle([cell.run for cell in CELLS], [])
    scores = tracker.scores(STUDY, folder)
    assert scores["run"].to_list() == sorted(NAMES)
    assert scores["value"].to_list() == [0.5] * 3
    assert not scores["excluded"].any()

    # After the study's end: with the server gone for good, into the study's own database.
    assert sync(str(path)) == 0
    assert sync(str(path)) == 0
    assert "MLflow holds all 3 finished runs" in capsys.readouterr().out
    assert recorded(f"sqlite:///{path / 'mlflow.db'}") == set(NAMES)
