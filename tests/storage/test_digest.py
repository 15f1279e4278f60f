"""Digests know every bit, and are the same of a file and of its bytes."""

from pathlib import Path

from scaling.storage.digest import bytes_digest, file_digest


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
