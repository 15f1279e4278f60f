"""Databases that somebody else has had a hand in are looked at, named, and left as they are."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scaling.errors import StudyError
from scaling.record import place
from scaling.record.outage import UnreachableError
from scaling.record.place import check_database, newest_schema, tracking_places


def mlflows(path: Path, schema: str = "") -> None:
    """What MLflow's database is known by."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            f"""CREATE TABLE experiments(a); CREATE TABLE runs(a); CREATE TABLE alembic_version(version_num);
            INSERT INTO alembic_version VALUES ('{schema or newest_schema()}');"""
        )
        database.executemany("INSERT INTO runs VALUES (?)", [("x" * 1000,)] * 100)
        database.commit()


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A database with other bytes."""

    def write(path: Path) -> None:
        mlflows(path)
        path.write_bytes(change(path.read_bytes()))

    return write


def another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks(url)")
        database.commit()


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "random": (lambda path: path.write_bytes(os.urandom(5000)), r"is damaged \(file is not a database\): move it"),
    "text": (lambda path: path.write_text("hello\n" * 99), "is damaged"),
    "cut in half": (changed(lambda content: content[: len(content) // 2]), "is damaged"),
    "cut in its header": (changed(lambda content: content[:60]), "is damaged"),
    "a page less": (changed(lambda content: content[:-4096]), "is damaged"),
    "a page overwritten": (changed(lambda content: content[:-8192] + bytes(range(256)) * 32), "is damaged"),
    "a folder": (Path.mkdir, "is damaged .it is no file.: move it"),
    "a pipe": (os.mkfifo, "is damaged .it is no file.: move it"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "is damaged .it is no file.: move it"),
    "another program's": (another_programs, "is another program's database, not MLflow's: move it away, or name"),
    "of an older MLflow": (
        lambda path: mlflows(path, "451aebb31d03"),
        "is of another MLflow .its schema is 451aebb31d03",
    ),
    "of a newer MLflow": (lambda path: mlflows(path, "ffffffffffff"), "mlflow db upgrade sqlite:///"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_database_that_cannot_be_used_is_named_and_left(kind: str, tmp_path: Path):
    path, (make, line) = tmp_path / "mlflow.db", REFUSED[kind]
    make(path)
    before = path.read_bytes() if path.is_file() else path.lstat().st_ino
    began = time.monotonic()
    with pytest.raises(StudyError, match=line) as refused:
        check_database(path)
    assert time.monotonic() - began < 1
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)
    assert "--tracking-uri" in str(refused.value)
    assert (path.read_bytes() if path.is_file() else path.lstat().st_ino) == before
    assert [other.name for other in tmp_path.iterdir()] == ["mlflow.db"]


def test_one_that_may_not_be_written(tmp_path: Path):
    mlflows(tmp_path / "mlflow.db")
    mounted = ["mount", "--bind", "-o", "ro", str(tmp_path), str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        (tmp_path / "mlflow.db").chmod(0o400)
    else:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path)], check=True)
    try:
        with pytest.raises(StudyError, match=r"mlflow\.db may not be written by this user: change that"):
            check_database(tmp_path / "mlflow.db")
    finally:
        subprocess.run(["umount", str(tmp_path)], capture_output=True, check=False)


def test_good_ones_and_absent_ones_pass(tmp_path: Path):
    check_database(tmp_path / "absent.db")
    (tmp_path / "empty.db").touch()
    check_database(tmp_path / "empty.db")
    mlflows(tmp_path / "mlflow.db")
    check_database(tmp_path / "mlflow.db")
    # What a process that was killed in mid-writing leaves is rolled back.
    program = (
        "import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('PRAGMA cache_size = 1');"
        "d.executemany('INSERT INTO runs VALUES (?)', [('y' * 4000,)] * 500); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "mlflow.db")], check=False)
    assert (tmp_path / "mlflow.db-journal").exists()
    check_database(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchall() == [(100,)]


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_one_that_is_locked_is_waited_for(lock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "mlflow.db"
    mlflows(path)
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as holder:
        holder.execute(f"BEGIN {lock}")
        monkeypatch.setattr(place, "LOCKED_SECONDS", 0.2)
        with pytest.raises(UnreachableError, match=f"^{path} is locked by another process$"):
            check_database(path)
        monkeypatch.setattr(place, "LOCKED_SECONDS", 10)
        release = threading.Timer(0.5, holder.execute, ["ROLLBACK"])
        release.start()
        began = time.monotonic()
        check_database(path)
        assert 0.3 < time.monotonic() - began < 5
        release.join()


GOOD = """
    http://host:5000 https://me:SECRET@host/mlflow http://[::1]:5000 sqlite:////data/mlflow.db sqlite:///mlflow.db
    postgresql://me:SE%40CRET@db:5432/m postgresql+psycopg:///m mysql+pymysql://me:SECRET@db/m databricks databricks://x
    mssql+pyodbc:///?odbc_connect=PWD%3DSECRET
"""
BAD = {
    "": "is empty",
    "  ": "is empty",
    " http://host": "a blank",
    "http://me:SE CRET@host": "a blank",
    "http://host:5000\n": "a blank",
    "http://host\x00": "control character",
    "http://host:99999": "a port is a number up to 65535",
    "http://host:abc": "a port is a number",
    "http://host:0": "a port is a number",
    "http://host:-1": "a port is a number",
    "http://me:SE/CRET@host:80": "a port is a number",
    "http://me:SE#CRET@host:80": "a port is a number",
    "http://SE/CRET@host:80": "special characters of a password are written as",
    "http://[::1": "is no address",
    "postgresql://me:SECRET@db:port/m": "a port is a number",
    "http://": "names no host",
    "http://:5000": "names no host",
    "http:///path": "names no host",
    "http:host": "MLflow records at",
    "foo://me:SECRET@host": "foo://...@host: MLflow records at",
    "file:///data/mlruns": "MLflow records at",
    "file:mlruns": "MLflow records at",
    "/data/mlflow.db": "/data/mlflow.db: MLflow records at",
    "mlruns": "MLflow records at",
    "s3://bucket/mlflow": "MLflow records at",
    "uc:catalog": "MLflow records at",
    "sqlite://": "names no file of SQLite",
    "sqlite:///": "names no file of SQLite",
    "sqlite:///:memory:": "names no file of SQLite",
    "sqlite:///file:x?mode=memory&uri=true": "names no file of SQLite",
    "sqlite:////data/my%20own/mlflow.db": "cannot hold %20: name another place",
    "sqlite:mlflow.db": "MLflow records at",
    "oracle://me:SECRET@db/m": "oracle://...@db/m: MLflow records at",
}


@pytest.mark.parametrize("uri", [*GOOD.split(), "sqlite:////data/my own/mlflow.db"])
def test_an_address_is_taken_as_it_is(uri: str, tmp_path: Path):
    assert tracking_places(uri, tmp_path) == (uri, tmp_path / "mlartifacts")


@pytest.mark.parametrize("uri", BAD)
def test_what_is_no_address_is_refused_without_its_password(uri: str, tmp_path: Path):
    with pytest.raises(StudyError, match=BAD[uri]) as refused:
        tracking_places(uri, tmp_path)
    assert str(refused.value).startswith("--tracking-uri ")
    assert "\n" not in str(refused.value)
    assert "SE" not in str(refused.value).replace("SERVER", "")
    assert "CRET" not in str(refused.value)
