"""Which files patterns name, and the digest of them."""

import gzip
import json
from pathlib import Path

import pytest
from corpora import lhotse_cut, write_manifest

from scaling.data.manifests import Manifest, find_manifests, manifest_digest, manifest_files
from scaling.errors import StudyError

GOOD = lhotse_cut("1", "x/1.flac", 2.5, ["a dog barks"])


def test_patterns_name_each_file_once_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    one, two = (write_manifest(tmp_path / "m" / f"{name}.train.jsonl.gz", [GOOD]) for name in "ab")
    monkeypatch.chdir(tmp_path / "here")
    assert manifest_files(["../m/*.jsonl.gz", str(one), "../here/../m/b.train.jsonl.gz"]) == [one, two]


def digest(*files: Path) -> str:
    return manifest_digest(find_manifests([str(file) for file in files]))


def test_the_digest_knows_contents_not_places(tmp_path: Path):
    one, two = (write_manifest(tmp_path / f"{name}.train.jsonl.gz", [GOOD]) for name in "ab")
    moved = tmp_path / "moved" / one.name
    moved.parent.mkdir()
    moved.write_bytes(one.read_bytes())
    assert digest(one, two) == digest(two, moved)
    one.write_bytes(gzip.compress(json.dumps({**GOOD, "id": "9"}).encode()))
    assert digest(one, two) != digest(two, moved)


def test_a_pattern_that_names_no_file(tmp_path: Path):
    (tmp_path / "folder.jsonl.gz").mkdir()
    for pattern in ("gone.jsonl.gz", "*.jsonl.gz", "folder.jsonl.gz"):
        with pytest.raises(StudyError, match="no manifest at") as refused:
            manifest_files([str(tmp_path / pattern)])
        assert pattern in str(refused.value)


@pytest.mark.parametrize(
    ("name", "source", "reader"),
    [
        ("esc10.train.jsonl.gz", "esc10", "lhotse"),
        ("esc10-00001.jsonl", "esc10-00001", "lhotse"),
        ("mine/clips.csv", "mine", "table"),
        ("birds.csv", "birds", "table"),
        ("birds-00001-of-00004.tar", "birds", "webdataset"),
        ("shards/train-000001.tar", "shards", "webdataset"),
        ("other.gz", "other", "lhotse"),
    ],
)
def test_what_a_name_says(tmp_path: Path, name: str, source: str, reader: str):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert find_manifests([str(file)]) == [Manifest(file, source, reader)]
    assert find_manifests([f"own-name={file}"]) == [Manifest(file, "own-name", reader)]
