"""Digests that tell whether bytes are still those that were written: quick, and no protection from one who forges."""

import hashlib
import stat
import time
from pathlib import Path

import xxhash


def bytes_digest(content: bytes | memoryview) -> str:
    """The XXH3 digest of some bytes: 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(content)


def running_digest() -> "xxhash.xxh3_128":
    """The same of bytes that come one after another."""
    return xxhash.xxh3_128()


def file_digest(path: Path) -> str:
    """The same of all that a local file holds. Raises `OSError` where it cannot be read."""
    # A pipe or a device would be read for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


TICK_NS = 10**8
_intact: set[int] = set()


def is_intact(path: Path, digest: str) -> bool:
    """Whether a local file has this digest. A file that has it is read once a process, unless it is replaced or
    written to. Raises `OSError` where it cannot be read."""
    seen = path.stat()
    if not stat.S_ISREG(seen.st_mode):
        return False
    # A number is what a process can remember of a hundred thousand files.
    key = hash((str(path), digest, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
    if key in _intact:
        return True
    right = file_digest(path) == digest
    # Clocks of files tick slowly: what was written just now may be written to again at the same time.
    if right and time.time_ns() - seen.st_ctime_ns > TICK_NS:
        _intact.add(key)
    return right
