"""Requests that make no sense: one clear line, exit code 2, nothing left behind."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from corpora import write_manifest
from safetensors.torch import save_file
from study_corpus import write_corpus

from scaling.cli import run_study
from scaling.driver.identity import VERSION
from scaling.storage.lease import Lease
from studies.data_scale import DataScale, data_scale

Refused = Callable[..., str]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"--clips": "16", **_options(write_corpus(tmp_path_factory.mktemp("corpus")))}


def _options(arguments: list[str]) -> dict[str, str]:
    """The named options of a command line; several values are joined by spaces."""
    options: dict[str, str] = {}
    for argument in arguments:
        if argument.startswith("--"):
            options[name := argument] = ""
        else:
            options[name] = f"{options[name]} {argument}".strip()
    return options


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Starts a study with these options and returns the one line it is refused with."""

    def start(options: dict[str, str], out: Path | None = None) -> str:
        target = out or tmp_path / "new"
        before = sorted(target.rglob("*")) if target.exists() else None
        given = {"--preset": "smoke", "--out": str(target), **options}
        monkeypatch.setattr(
            sys, "argv", ["study", *(word for pair in given.items() for word in " ".join(pair).split())]
        )
        assert run_study(data_scale, DataScale, "") == 2
        assert (sorted(target.rglob("*")) if target.exists() else None) == before
        line = capsys.readouterr().err.strip()
        assert line.startswith("error: ")
        assert "\n" not in line
        return line

    return start


def test_manifests_that_cannot_be_used(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    assert "no manifest at" in refused({**corpus, "--manifests": str(tmp_path / "absent.jsonl.gz")})
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text('{"id": 1}\n')
    assert f"{plain} is not" in refused({**corpus, "--manifests": str(plain)})
    words = tmp_path / "words.jsonl.gz"
    with gzip.open(words, "wt") as file:
        file.write("not json\n")
    assert f"{words} line 1 is not JSON" in refused({**corpus, "--manifests": str(words)})
    other = write_manifest(tmp_path / "other.jsonl.gz", [{"id": "x", "type": "Recording"}])
    assert f"{other} line 1 is not a" in refused({**corpus, "--manifests": str(other)})


def test_an_audio_root_without_the_audio(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    assert "--audio-root" in refused({**corpus, "--audio-root": str(tmp_path)})


def test_a_label_that_is_no_column(refused: Refused, corpus: dict[str, str]):
    tasks = Path(corpus["--tasks"])
    wrong = tasks.with_name("wrong.toml")
    wrong.write_text(tasks.read_text().replace('"label"', '"breed"'))
    assert "no column 'breed'" in refused({**corpus, "--tasks": str(wrong)})


def test_options_that_do_not_go_together(refused: Refused, corpus: dict[str, str]):
    assert "--tasks" in refused({"--manifests": corpus["--manifests"]})
    assert "goes with --manifests" in refused({"--tasks": corpus["--tasks"]})
    assert "one value twice" in refused({"--seeds": "1 1"})
    assert "--steps 0" in refused({"--steps": "0"})


def test_arms_that_cannot_be(refused: Refused, corpus: dict[str, str]):
    assert "would be the same runs" in refused({**corpus, "--audio-init": "scratch"})
    assert "there is no objective guessing: known are contrastive" in refused({**corpus, "--objectives": "guessing"})


def test_more_clips_than_there_are(refused: Refused, corpus: dict[str, str]):
    assert "largest possible size" in refused({**corpus, "--clips": "10 5000"})


def test_a_folder_of_something_else(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").touch()
    assert "holds no study" in refused(corpus, theirs)
    fields = {"study": "other", "preset": "smoke", "corpus": "", "id": "", "design": {}}
    (theirs / "study.json").write_text(json.dumps({**fields, "version": VERSION}))
    assert "holds a study of another study (other, not data-scale)" in refused(corpus, theirs)
    # The layout before this one had no version.
    (theirs / "study.json").write_text(json.dumps(fields))
    assert f"(layout 1, not {VERSION}): read it with that version" in refused(corpus, theirs)


def test_a_folder_in_use(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    with Lease(tmp_path / "busy"):
        assert f"in use by process {os.getpid()}" in refused(corpus, tmp_path / "busy")


def test_a_store_of_another_version(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    store = tmp_path / "out" / "store"
    store.mkdir(parents=True)
    (store / "store.json").write_text(json.dumps({"version": 0, "format": {}}))
    assert "version 0" in refused(corpus, tmp_path / "out")


def test_a_checkpoint_that_does_not_fit(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    other = tmp_path / "other.safetensors"
    save_file({"encoder.norm.weight": torch.zeros(3)}, other)
    assert "does not fit" in refused({**corpus, "--audio-init": str(other)})
    assert "no checkpoint at" in refused({**corpus, "--audio-init": str(tmp_path / "absent")})


def test_a_tracking_server_that_does_not_answer(refused: Refused, corpus: dict[str, str]):
    assert "tracking URI cannot be reached" in refused({**corpus, "--tracking-uri": "http://127.0.0.1:9"})


def test_a_full_disk(refused: Refused, corpus: dict[str, str], tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        assert "no space left" in refused(corpus, small / "out")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_relative_folder_in_a_ray_job(refused: Refused, corpus: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    monkeypatch.setattr(sys, "argv", ["study", "--out", "here"])
    assert run_study(data_scale, DataScale, "") == 2
    assert not Path("here").exists()
