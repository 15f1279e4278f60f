"""`scaling prepare` and `scaling verify`."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from study_corpus import write_corpus

from scaling import cli
from scaling.data.corpus import open_source
from scaling.data.parts import describe
from scaling.data.store import Store
from scaling.driver.display import Display
from scaling.driver.preparing import damages, prepare_store
from scaling.errors import StudyError
from scaling.storage.lease import Lease
from scaling.study.options import parse
from scaling.study.run import Subset
from studies.data_scale import DataScale


def scaling(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["scaling", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    # Each command is a process of its own.
    ray.shutdown()
    return int(ended.value.code or 0)


def test_a_store_is_prepared_without_a_study_and_read_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    given, store = write_corpus(tmp_path / "corpus"), tmp_path / "store"
    tasks = given.index("--tasks")
    asked = [*given[:tasks], *given[tasks + 2 :], "--store", str(store)]
    assert scaling("prepare", *asked, "--clips", "16", monkeypatch=monkeypatch) == 0
    assert "prepared: " in capsys.readouterr().out
    assert len(Store(store).subset(16)) == 16
    parts = sorted(store.glob("part-*.arrow"))
    assert all(len(describe(part, ["id"])[0]) <= 256 for part in parts)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    # A study that needs what is there already needs no lease on it: others may work there, or nobody may write.
    options = parse(DataScale, "", [*given, "--clips", "16"])
    source = open_source(replace(options.corpus(), tasks=""))
    with Lease(store):
        assert prepare_store(source, store, [Subset(16)], Display()) >= 16
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before
    # The same once more changes nothing; more than there are is refused in one line.
    assert scaling("prepare", *asked, "--clips", "16", monkeypatch=monkeypatch) == 0
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before
    assert scaling("prepare", *asked, "--clips", "99999999", monkeypatch=monkeypatch) == 2
    assert "the largest possible size here is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before

    assert scaling("verify", str(store), monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"all of {store} is as it was written\n"
    for path, content in before.items():
        if path.name == "store.json":
            continue
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        [line] = damages(store)
        assert line.startswith(f"{path} is damaged")
        path.write_bytes(content)
    part = parts[0]
    part.unlink()
    assert scaling("verify", str(store), monkeypatch=monkeypatch) == 1
    assert f"{part} is gone" in capsys.readouterr().out
    with pytest.raises(StudyError, match="no store in"):
        list(damages(tmp_path / "corpus"))
