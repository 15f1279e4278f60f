"""`scaling rank`: a catalogue without audio, what is said of it, and that a preparation goes on from it."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from corpora import lhotse_cut, write_manifest

from scaling import cli
from scaling.data.corpus import ensure_catalogues, open_source
from scaling.errors import StudyError
from scaling.study.study import Corpus


def manifests(folder: Path) -> None:
    for source in ("birds", "dogs"):
        cuts = [lhotse_cut(f"{n}", f"{source}/{n}.flac", 36.0, [f"{source} {n}", "again"]) for n in range(100)]
        cuts[0]["duration"] = 0.5
        cuts[1] = lhotse_cut("2", "other.flac", 2.0, ["the second 2"])
        write_manifest(folder / f"{source}.train.jsonl.gz", cuts)


def rank(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["scaling", "rank", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_catalogue_is_laid_down_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    manifests(tmp_path)
    words = ["--manifests", str(tmp_path / "*.jsonl.gz"), "--store", str(tmp_path / "store")]
    # The second time it says what is there.
    for _ in range(2):
        assert rank(monkeypatch, *words) == 0
        said = [line.partition("] ")[2] for line in capsys.readouterr().out.splitlines()]
        assert [line for line in said if not line.startswith("read ")][:3] == [
            "birds: 98 clips, 196 captions, 1.0 h; left out: 1 duplicate id, 1 shorter than 1 s",
            "dogs: 98 clips, 196 captions, 1.0 h; left out: 1 duplicate id, 1 shorter than 1 s",
            "all: 196 clips, 392 captions, 2.0 h",
        ]
    assert len(pl.read_parquet(tmp_path / "store" / "catalogue.parquet")) == 196
    # What goes on from it looks for the audio.
    source = open_source(Corpus((str(tmp_path / "*.jsonl.gz"),), str(tmp_path)))
    with pytest.raises(StudyError, match="196 of the first 196 recordings are not under the audio root"):
        ensure_catalogues(source, tmp_path / "store")
    assert json.loads((tmp_path / "store" / "store.json").read_text())["description"]["clips"] == 196


def test_what_cannot_be_ranked_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a.jsonl.gz").write_bytes(b"no gzip")
    words = ["--manifests", str(tmp_path / "a.jsonl.gz"), "--store", str(tmp_path / "store")]
    assert rank(monkeypatch, *words) == 2
    assert "a.jsonl.gz is not a whole gzip file (after line 0)" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("what", ["--manifests", "--leaks"])
def test_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
):
    manifests(tmp_path)
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    asked = {"--manifests": str(tmp_path / "*.jsonl.gz"), what: str(pipe), "--store": str(tmp_path / "store")}
    assert rank(monkeypatch, *(word for pair in asked.items() for word in pair)) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(pipe) in line
    assert not (tmp_path / "store").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_is_full_when_the_catalogue_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A disk with room for all that is smaller: the name that `replacing` gives the catalogue is that of a full one."""
    manifests(tmp_path)
    store, tokens = tmp_path / "store", iter(range(1000))

    def token(size: int) -> str:
        drawn = f"{next(tokens):0{2 * size}x}"
        if (store / "store.json").exists():
            (store / f".catalogue.parquet.{drawn}.tmp").symlink_to("/dev/full")
        return drawn

    monkeypatch.setattr("secrets.token_hex", token)
    assert rank(monkeypatch, "--manifests", str(tmp_path / "*.jsonl.gz"), "--store", str(store)) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "no space left for catalogue.parquet in" in line
    left = [path.name for path in store.rglob("*") if not path.is_symlink()]
    assert left == []
