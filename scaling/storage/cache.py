"""What a node remembers for this user, in `$XDG_CACHE_HOME/audio-scaling` (`~/.cache`): copies of an object store's
files, which come to an end, and digests of large files that have not changed.
"""

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from scaling.errors import StudyError
from scaling.storage.disk import Disk

SHARE = 0.5
"""Of the disk that the cache could have to itself."""
UNUSED_SECONDS = 30 * 86_400.0
IN_USE_SECONDS = 60.0
"""Copies that were asked for just now may not be opened yet."""
SETTLED_NS = 2 * 10**9
"""Clocks of files tick slowly, those of some file systems by two seconds: what was written to a moment ago may be
written to again at the same time."""
LOCKS = 64
COPY = re.compile(r"[0-9a-f]{32}-.+")


def cache_folder() -> Path:
    """The folder, which nobody else may look into. Raises `StudyError` where there can be none."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audio-scaling"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # There may be no home.
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StudyError(f"no cache can be made ({why}): name a folder with XDG_CACHE_HOME") from None
    return folder


@contextmanager
def fetching(copy: str) -> Iterator[None]:
    """Held by one process of the node at a time, for a copy of this name: workers that want the same file at once let
    one of them fetch it. Of a disk that knows no locks each fetches it itself."""
    number = int(blake2b(copy.encode(), digest_size=8).hexdigest(), 16) % LOCKS
    with (cache_folder() / f"fetching-{number:02d}.lock").open("w") as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_room(needed: int) -> None:
    """Remove copies that nobody has asked for in a month, and those asked for longest ago until so many bytes fit into
    the cache's share of its disk.

    Who has one open keeps it; who wants it later fetches it again.
    """
    folder = cache_folder()
    now, copies = time.time(), []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if COPY.fullmatch(path.name) and path.is_file():
                copies.append((path.stat().st_mtime, path.stat().st_size, path))
    held = sum(size for _, size, _ in copies)
    most = bound(held)
    for asked, size, path in sorted(copies):
        fits = held + needed <= most and now - asked < UNUSED_SECONDS
        if fits or now - asked < IN_USE_SECONDS:
            break
        path.unlink(missing_ok=True)
        held -= size


def bound(held: int) -> float:
    """How many bytes copies may have, if they have so many now."""
    return SHARE * (shutil.disk_usage(cache_folder()).free + held)


def known_digest(path: Path, digest: Callable[[Path], str]) -> str:
    """What `digest` says of a file; read again only if the file may have changed since it was last asked on this node.

    A file is known by its place, number, size and times, of which that of the last change of its status cannot be set
    by hand.
    """
    try:
        folder = cache_folder()
    # A cache that cannot be made is none.
    except StudyError:
        return digest(path)
    seen = path.stat()
    state = [seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
    place = blake2b(f"{digest.__module__} {digest.__qualname__} {path.resolve()}".encode(), digest_size=16).hexdigest()
    note = folder / f"digest-{place}.json"
    with suppress(OSError, ValueError, RecursionError):
        known = json.loads(note.read_text())
        if isinstance(known, dict) and known.get("state") == state and isinstance(known.get("digest"), str):
            return str(known["digest"])
    found = digest(path)
    # A cache that cannot be written is none.
    with suppress(OSError, StudyError):
        if time.time_ns() - seen.st_ctime_ns > SETTLED_NS:
            with Disk().replacing(note) as temporary:
                temporary.write_text(json.dumps({"state": state, "digest": found}))
    return found
