"""Writers of the store in processes of Ray's."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from corpora import HOLDOUT, TinyCorpus, lay_down, part, write

from scaling.cluster.writers import _PartWriter, write_parts
from scaling.data import prepare as preparation
from scaling.data.description import Description
from scaling.data.parts import prepared_parts
from scaling.data.prepare import prepare
from scaling.errors import StudyError
from scaling.storage.files import Location


@pytest.fixture
def _ray() -> Iterator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    yield
    ray.shutdown()


def written_here(
    folder: Location, audio_root: str, description: Description, numbers: list[int]
) -> Iterator[dict[str, Any]]:
    """As `write_parts`, by one writer in this process."""
    writer = _PartWriter(str(folder), audio_root, description)
    for number in numbers:
        [error] = writer({"part": [number]})["error"]
        if error:
            raise StudyError(error)
        yield {"part": number}


@pytest.mark.usefixtures("_ray")
def test_parts_are_those_that_are_written_without_ray(make_corpus: Callable[..., TinyCorpus], tmp_path: Path):
    corpus = make_corpus(birds=20, dogs=10)
    there, here = tmp_path / "there", tmp_path / "here"
    description = lay_down(there, corpus)
    lay_down(here, corpus)
    assert prepare(there, str(corpus.root), None, write_parts) == 30 - HOLDOUT
    write(here, corpus, description, *prepared_parts(there))
    for number in prepared_parts(there):
        assert part(there, number).name == part(here, number).name


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_fills_up_is_told_in_one_line(
    make_corpus: Callable[..., TinyCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Where there is no cluster, asking for the node would make one.
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "here"))
    corpus = make_corpus(birds=40)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk failed: {mounted.stderr.decode().strip()}")
    try:
        lay_down(disk / "store", corpus)
        with pytest.raises(StudyError, match=r"^no space left for the store: it needs 0\.0 GB"):
            prepare(disk / "store", str(corpus.root), None, written_here)
        assert prepared_parts(disk / "store") == {}
        # What the estimate lets pass, the write itself finds out.
        monkeypatch.setattr(preparation, "_check_space", lambda *_: None)
        with pytest.raises(StudyError, match=r"^no space left for part-\d+-\w+\.arrow") as refused:
            prepare(disk / "store", str(corpus.root), None, written_here)
        assert "\n" not in str(refused.value)
        assert not list((disk / "store").glob(".*"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
