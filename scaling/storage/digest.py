"""Digests that tell whether bytes are still those that were written: quick, and no protection from one who forges."""

import hashlib
from pathlib import Path

import xxhash


def bytes_digest(content: bytes | memoryview) -> str:
    """The XXH3 digest of some bytes: 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(content)


def file_digest(path: Path) -> str:
    """The same of all that a local file holds. Raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
