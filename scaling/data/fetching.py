"""Recordings in an object store, fetched a few ahead of who decodes them, into files for a moment.

A recording that is a piece of an archive is fetched alone. A Parquet file is fetched whole, once a node, into the
cache: its rows lie wherever its pages do.
"""

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from scaling.data.clip import REMOTE, UnusableClipError
from scaling.data.decoder import Wanted
from scaling.data.pieces import bytes_within
from scaling.storage.files import cached, location, on_disk
from scaling.storage.space import room_for

AHEAD = 32
"""Recordings that wait to be decoded: two requests to the decoder."""
FETCHERS = 8


@contextmanager
def fetched(wanted: Iterable[Wanted]) -> Iterator[Iterator[Wanted]]:
    """The same recordings as files of this node, in the same order; of one that is not there, its path stays a URI,
    which no file is called. What lies in files is left as it is.

    An object store that does not answer raises what its client raises, after all its retries.
    """
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder, ThreadPoolExecutor(FETCHERS) as several:
        yield _fetched(iter(enumerate(wanted)), Path(folder), several)


def _fetched(numbered: Iterator[tuple[int, Wanted]], folder: Path, several: ThreadPoolExecutor) -> Iterator[Wanted]:
    waiting: deque[Future[Wanted]] = deque()
    there: deque[str] = deque()
    while True:
        for number, one in islice(numbered, AHEAD - len(waiting)):
            waiting.append(several.submit(_fetch, one, folder / str(number)))
        if not waiting:
            return
        one = waiting.popleft().result()
        there.append(one.path)
        yield one
        while len(there) > 2 * AHEAD:
            # Long decoded.
            if (path := Path(there.popleft())).parent == folder:
                path.unlink(missing_ok=True)


def _fetch(wanted: Wanted, into: Path) -> Wanted:
    if not wanted.path.startswith(REMOTE):
        return wanted
    place = location(wanted.path)
    assert not on_disk(place)
    with suppress(FileNotFoundError, UnusableClipError):
        piece = bytes_within(wanted.within) if wanted.within else (0, None)
        if piece is None:
            return replace(wanted, path=str(cached(place)))
        first, count = piece
        with room_for(f"a recording in {into.parent}"):
            if count is None:
                place.fs.get_file(place.path, str(into))
                return replace(wanted, path=str(into))
            into.write_bytes(place.fs.cat_file(place.path, start=first, end=first + count))
            # Cut short by the end of the archive it is as short here.
            return replace(wanted, path=str(into), within=f"bytes 0 {count}")
    return wanted


def exists(place: str) -> bool:
    """Whether there is a file."""
    if place.startswith(REMOTE):
        with suppress(FileNotFoundError):
            return bool(location(place).is_file())
        return False
    return os.path.isfile(place)  # noqa: PTH113
