"""Manifests read here or by processes: the same tables, and a clear word where one cannot be read."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from corpora import lhotse_cut, write_manifest

from scaling.data import reader
from scaling.data.columns import Cleaning
from scaling.data.manifests import Manifest, find_manifests
from scaling.data.reading import read_manifests
from scaling.errors import StudyError

CLEANING = Cleaning("salt", 1.0, 60.0, "/root", frozenset({"/root/b/7.flac"}))


def manifests(folder: Path) -> list[Manifest]:
    for source, clips in (("a", 20), ("b", 50), ("c", 5)):
        cuts = [lhotse_cut(str(n), f"{source}/{n}.flac", 2.0 if n % 9 else 0.1, ["a", "ä 犬"]) for n in range(clips)]
        cuts[3]["type"] = "MixedCut"
        write_manifest(folder / f"{source}.train.jsonl.gz", cuts)
    return find_manifests([str(folder / "*.jsonl.gz")])


def test_processes_find_what_this_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    files, told = manifests(tmp_path), []
    here = read_manifests(files, CLEANING)
    there = read_manifests(files, CLEANING, lambda *so_far: told.append(so_far), large=0)
    assert here[0].equals(there[0])
    assert here[1].equals(there[1])
    assert here[0]["source"].unique(maintain_order=True).to_list() == ["a", "b", "c"]
    assert len(here[0]) + len(here[1]) == 75
    assert here[1]["reason"].str.starts_with("leak").sum() == 1
    assert told[-1] == (75, 3)
    assert told == sorted(told)
    # Nothing is left of the files, and what was read is still there.
    assert not list((tmp_path / "temporary").iterdir())
    assert len(there[0]["captions"].to_list()) == len(there[0])


def test_a_manifest_that_is_cut_off_is_named_with_its_line(tmp_path: Path):
    files = manifests(tmp_path)
    damaged = tmp_path / "b.train.jsonl.gz"
    damaged.write_bytes(damaged.read_bytes()[:-5])
    for large in (0, 2**30):
        with pytest.raises(StudyError, match=r"b.train.jsonl.gz is not a whole gzip file \(after line \d+\)"):
            read_manifests(files, CLEANING, large=large)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("import os; os.kill(os.getpid(), 9)", r"reading .*a.train.jsonl.gz ended without a word \(exit -9"),
        ("raise SystemExit(3)", r"ended without a word \(exit 3"),
    ],
)
def test_a_process_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, word: str):
    (tmp_path / "dying_reader.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(reader, "__name__", "dying_reader")
    with pytest.raises(StudyError, match=word):
        read_manifests(manifests(tmp_path)[:1], CLEANING, large=0)


def test_a_signal_ends_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "slow_reader.py").write_text(
        f"import os, time; open({str(tmp_path / 'pid')!r} + str(os.getpid()), 'w'); time.sleep(60)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(reader, "__name__", "slow_reader")

    class Stopped(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.alarm(4)
        with pytest.raises(Stopped):
            read_manifests(manifests(tmp_path)[:1], CLEANING, large=0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    for path in tmp_path.glob("pid*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.removeprefix("pid")), 0)


def test_a_full_disk_is_one_clear_error(tmp_path: Path):
    # /dev/full takes no byte.
    clips = tmp_path / "0.clips"
    clips.symlink_to("/dev/full")
    place = manifests(tmp_path)[0].place
    with pytest.raises(StudyError, match=r"no space left for the clips of a.train.jsonl.gz"):
        reader.read_to(place, "a", "lhotse", CLEANING, clips, tmp_path / "0.rejects")
