"""Digests know every bit, and are the same of a file and of its bytes."""

import os
import time
from pathlib import Path

import pytest

from scaling.storage.digest import bytes_digest, file_digest, is_intact


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path):
    path = tmp_path / "file"
    for size in (0, 1, 300_000):
        path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
        assert file_digest(path) == bytes_digest(path.read_bytes()) == bytes_digest(memoryview(path.read_bytes()))
    # What the reference implementation says of nothing: digests that lie on disks must not change with a library.
    assert bytes_digest(b"") == "99aa06d3014798d86001c324468d497f"


def test_every_bit_counts():
    content = bytearray(b"the bytes that were written")
    known = {bytes_digest(bytes(content))}
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        known.add(bytes_digest(bytes(content)))
        content[bit // 8] ^= 1 << bit % 8
    assert len(known) == 8 * len(content) + 1


def test_a_file_is_read_once_a_process_unless_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    digest = bytes_digest(b"one")
    # Changed at once, within a tick of the file system's clock.
    assert is_intact(path, digest)
    path.write_bytes(b"two")
    assert not is_intact(path, digest)
    path.write_bytes(b"one")
    time.sleep(0.15)
    assert is_intact(path, digest)
    with monkeypatch.context() as patch:
        patch.setattr("scaling.storage.digest.file_digest", lambda path: pytest.fail("it was read already"))
        assert is_intact(path, digest)
    # Changed behind an old date.
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_intact(path, digest)
