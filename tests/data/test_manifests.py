"""Which files patterns name, and the digest of them."""

import gzip
import json
from pathlib import Path

import pytest
from corpora import lhotse_cut, write_manifest

from scaling.data.manifests import manifest_digest, manifest_files
from scaling.errors import StudyError

GOOD = lhotse_cut("1", "x/1.flac", 2.5, ["a dog barks"])


def test_patterns_name_each_file_once_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    one, two = (write_manifest(tmp_path / "m" / f"{name}.train.jsonl.gz", [GOOD]) for name in "ab")
    monkeypatch.chdir(tmp_path / "here")
    assert manifest_files(["../m/*.jsonl.gz", str(one), "../here/../m/b.train.jsonl.gz"]) == [one, two]


def test_the_digest_knows_contents_not_places(tmp_path: Path):
    one, two = (write_manifest(tmp_path / f"{name}.train.jsonl.gz", [GOOD]) for name in "ab")
    moved = tmp_path / "moved" / one.name
    moved.parent.mkdir()
    moved.write_bytes(one.read_bytes())
    assert manifest_digest([one, two]) == manifest_digest([two, moved])
    one.write_bytes(gzip.compress(json.dumps({**GOOD, "id": "9"}).encode()))
    assert manifest_digest([one, two]) != manifest_digest([two, moved])


def test_a_pattern_that_names_no_file(tmp_path: Path):
    (tmp_path / "folder.jsonl.gz").mkdir()
    for pattern in ("gone.jsonl.gz", "*.jsonl.gz", "folder.jsonl.gz"):
        with pytest.raises(StudyError, match="no manifest at") as refused:
            manifest_files([str(tmp_path / pattern)])
        assert pattern in str(refused.value)
