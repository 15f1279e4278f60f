"""Places where nothing can be recorded, and passwords in their addresses: what a person is told, and what goes on."""

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from study_corpus import write_corpus
from tiny_study import finish, score, tiny_study

from scaling import cli
from scaling.cli import run_study
from scaling.cli.ended import print_without_secrets
from scaling.driver.identity import VERSION
from scaling.errors import StudyError
from scaling.record import place, recorder
from scaling.record.recorder import Recorder
from scaling.record.tracker import Tracker
from scaling.runs.folder import StudyFolder
from scaling.runs.queue import Entry
from scaling.storage.files import write_json
from scaling.study.options import parse
from studies.data_scale import DataScale, data_scale

REFUSED = {
    "postgresql://me:SECRET@127.0.0.1:9/m": "No module named '.*', which this address needs: install it",
    "mysql://me:SECRET@127.0.0.1:9/m?password=SECRET": "which this address needs: install it",
    "mssql+pyodbc:///?odbc_connect=PWD%3DSECRET": "which this address needs: install it",
    "postgresql+nodriver://me:SECRET@127.0.0.1/m": "cannot be reached .*nodriver",
    "http://me:SECRET@127.0.0.1:9": "cannot be reached .http://...@127.0.0.1:9: ",
    "http://me@firm:SE%40CRET@127.0.0.1:9/x?token=SECRET": "cannot be reached",
    "http://me:SE/CRET@127.0.0.1:9": "--tracking-uri is no address",
    "http://127.0.0.1:99999": "--tracking-uri is no address",
    "sqlite:////dev/null/mlflow.db": "cannot be reached .sqlite:////dev/null/mlflow.db: ",
    "databricks": "cannot be reached .databricks: ",
    "file:///tmp/mlruns": "MLflow records at",
    "ftp://me:SECRET@host": "MLflow records at",
    "": "is empty",
    " ": "is empty",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


Line = Callable[..., str]


@pytest.fixture
def line(
    corpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Line:
    """Starts a study recorded at a place; the one line it is refused with, before anything is written."""

    def start(uri: str) -> str:
        out = tmp_path / "out"
        monkeypatch.setattr(sys, "argv", ["study", *corpus, "--out", str(out), "--tracking-uri", uri])
        assert run_study(data_scale, DataScale, "") == 2
        assert not out.exists()
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        assert "CRET" not in said.out + said.err
        return said.err.strip()

    return start


@pytest.mark.parametrize("uri", REFUSED)
def test_a_place_that_cannot_be_used(line: Line, uri: str):
    with pytest.raises(StudyError, match=REFUSED[uri]):
        raise StudyError(line(uri))


def test_a_database_of_something_else_is_refused_and_left(line: Line, tmp_path: Path):
    path = tmp_path / "mine.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks(url)")
        database.commit()
    before = path.read_bytes()
    assert "is another program's database, not MLflow's" in line(f"sqlite:///{path}")
    path.write_bytes(before[:50])
    assert "mine.db is damaged (" in line(f"sqlite:///{path}")
    assert path.read_bytes() == before[:50]


MISTAKES = {
    "a name that is not known": ["--tracking-ur", "http://me:SECRET@host"],
    "one word too many": ["--tracking-uri", "http://me:SECRET@host", "http://me:SECRET@host"],
    "another mistake": ["--tracking-uri=http://me:SECRET@host", "--seeds", "x"],
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_in_the_command_line_shows_no_password(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(SystemExit, match="2"):
        parse(DataScale, "", MISTAKES[kind])
    monkeypatch.setattr(sys, "argv", ["scaling", "sync", "nowhere", *MISTAKES[kind]])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr()
    assert "SECRET" not in said.out + said.err
    assert parse(DataScale, "", ["--tracking-uri", "http://me:SECRET@host"]).tracking_uri == "http://me:SECRET@host"


def test_a_traceback_shows_no_password(capsys: pytest.CaptureFixture[str]):
    try:
        try:
            raise ValueError("http://me:SECRET@host")
        except ValueError as cause:
            raise KeyError("http://host/path?token=SECRET") from cause
    except KeyError as error:
        print_without_secrets(KeyError, error, error.__traceback__)
    said = capsys.readouterr().err
    assert "http://...@host" in said
    assert "test_tracking.py" in said
    assert "SECRET" not in "".join(line for line in said.splitlines() if "raise" not in line)


def test_a_study_goes_on_while_its_database_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(place, "LOCKED_SECONDS", 0.1)
    monkeypatch.setattr(recorder, "FORWARD_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "AGAIN_SECONDS", 0.1)
    study, path, said = tiny_study(), tmp_path / "study", []
    cell, folder = study.cells[-1], StudyFolder(path)
    finish(folder.run(cell.run.name), cell, score("birds", "accuracy", 0.5))
    write_json(
        path / "study.json",
        {
            "study": study.name,
            "preset": study.preset,
            "corpus": "c",
            "id": "me",
            "version": VERSION,
            "design": study.design(),
        },
    )
    uri = f"sqlite:///{path / 'mlflow.db'}"

    def tracker() -> Tracker:
        return Tracker(uri, "data-scale-smoke", study.design(), "me", path / "mlartifacts")

    tracker().check()

    def until(words: str) -> None:
        began = time.monotonic()
        while not any(words in one for one in said):
            beside.watch([Entry(cell.run, "done")])
            assert time.monotonic() - began < 30, said
            time.sleep(0.02)

    with closing(sqlite3.connect(path / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        beside = Recorder(tracker(), [cell], folder, {}, said.append)
        until("the study goes on")
        assert f"MLflow does not answer ({path / 'mlflow.db'} is locked by another process)" in said[0]
        with pytest.raises(StudyError, match="is locked by another process"):
            cli.sync(str(path))
        # At the end of a study it is not waited for much longer: the scores are all in the runs' folders.
        late = Recorder(tracker(), [cell], folder, {}, said.append)
        assert not late.settle([cell.run], [])
        assert tracker().scores(study, folder)["run"].to_list() == [cell.run.name]
        holder.execute("ROLLBACK")
        until("answers again")
    assert beside.settle([cell.run], [])
    assert tracker().scores(study, folder)["mlflow_run_id"].to_list() != [""]
    assert cli.sync(str(path)) == 0
