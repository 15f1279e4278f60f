"""One start at a time: a lease on a folder, kept alive by a heartbeat."""

import fcntl
import math
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Annotated, Any

import psutil
from pydantic import Field, FiniteFloat

from scaling.errors import StudyError
from scaling.storage.files import (
    Location,
    create,
    json_text,
    make_folder,
    on_disk,
    remove,
    remove_if_empty,
    replace_if,
    version,
    write_json,
)
from scaling.storage.own import damaged, own_bytes, own_of, read_own

BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0
WATCH_SECONDS = 25.0
"""For so long a lease that is not fresh is watched before it is taken over: several beats, and longer than an object
store's client waits before it tries again."""
LOOK_SECONDS = 0.2
CURE = "remove it if no other start is at work there"


@dataclass(frozen=True)
class Holder:
    """What a lease says of who holds it: `started` and `beat` in seconds since the epoch."""

    token: str
    host: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: FiniteFloat
    beat: FiniteFloat

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class Seen:
    """What lies in a lease's place: its bytes, what it can be replaced by (`version`), and who holds it; None where it
    is one of ours and does not say so: empty, or with values that cannot be."""

    content: bytes
    version: str
    holder: Holder | None


class Lease:
    """The exclusive right to work in a folder, as a context manager.

    The folder is made where it is absent, and removed again where nothing was written into it. A lease whose process
    is known to be dead (same host) is taken over at once; one that has not beaten for half a minute (another host), of
    the future or without a holder is watched for `WATCH_SECONDS`, which `say` tells, and then taken over. Raises
    `StudyError` where another start holds it, where something else lies in its place, or where it cannot be written.
    """

    def __init__(self, folder: Location, say: Callable[[str], None] = lambda text: None) -> None:
        self.path = folder / "lease.json"
        self._say = say
        self._token = secrets.token_hex(8)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")
        self._made: list[Location] = []

    def __enter__(self) -> "Lease":
        self._made = make_folder(self.path.parent)
        try:
            while not (self._created() or self._taken_over()):
                pass
        except BaseException:
            self._remove_made()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._thread.join()
        if self._ours():
            remove(self.path)
        self._remove_made()

    def _remove_made(self) -> None:
        for folder in self._made:
            remove_if_empty(folder)

    def _content(self) -> dict[str, Any]:
        process = psutil.Process()
        return asdict(Holder(self._token, socket.gethostname(), process.pid, process.create_time(), time.time()))

    def _created(self) -> bool:
        try:
            # A request that was repeated may have been refused because of itself.
            return create(self.path, json_text(self._content())) or self._ours()
        except OSError as error:
            if not on_disk(self.path):
                raise
            raise StudyError(
                f"cannot write in {self.path.parent} ({error.strerror}): give another folder with --out or --store"
            ) from None

    def _ours(self) -> bool:
        with suppress(FileNotFoundError, StudyError):
            return read_own(self.path, Holder, CURE).token == self._token
        return False

    def _beat(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            # A disk that is full, or an object store in trouble, may take the next beat.
            with suppress(OSError, StudyError):
                if not self._ours():
                    return
                write_json(self.path, self._content())

    def _taken_over(self) -> bool:
        """Take over the lease of a holder that is dead. False: try to create one."""
        seen = self._seen()
        if seen is None:
            return False
        dead = seen.holder is not None and _known_dead(seen.holder)
        if not dead:
            if seen.holder is not None and _fresh(seen.holder):
                raise self._in_use(seen.holder)
            later = self._watched(seen)
            if later is None or later.content != seen.content:
                if later is not None and later.holder is not None and seen.holder is not None:
                    raise self._in_use(later.holder)
                return False
        if seen.version:
            return replace_if(self.path, json_text(self._content()), seen.version) or self._ours()
        return self._replaced(seen)

    def _replaced(self, seen: Seen) -> bool:
        """Replace what lies there on a disk, unless another start has just taken it over."""
        if not on_disk(self.path):
            return False
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            # Of several that have watched as long one looks and replaces at a time; the place is never empty meanwhile.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            now = self._seen()
            if now is not None and now.content == seen.content:
                write_json(self.path, self._content())
                return self._ours()
        return False

    def _watched(self, seen: Seen) -> Seen | None:
        """What lies there once that has changed, or as it was after `WATCH_SECONDS`."""
        end, told = time.monotonic() + WATCH_SECONDS, time.monotonic() + min(1.0, WATCH_SECONDS / 2)
        while time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            later = self._seen()
            if later is None or later.content != seen.content:
                return later
            if time.monotonic() > told:
                told = math.inf
                self._say(
                    f"{self.path} {_oddness(seen.holder)}: it is taken over if it stays so for {WATCH_SECONDS:g} s"
                )
        return seen

    def _in_use(self, holder: Holder) -> StudyError:
        return StudyError(f"{self.path.parent} is in use by {holder}: wait for it, or give another folder with --out")

    def _seen(self) -> Seen | None:
        """What lies there; None where nothing does.

        Raises `StudyError` where that is nothing that a start of this project has left.
        """
        path = self.path
        if on_disk(path) and path.is_symlink():
            raise damaged(path, "it is no file", CURE)
        try:
            # The version first: a beat in between makes the condition fail.
            known, content = version(path), own_bytes(path, CURE)
        except FileNotFoundError:
            return None
        # Just created and not yet written, or written as the machine went down.
        if not content.strip(b"\0 \n"):
            return Seen(content, known, None)
        try:
            return Seen(content, known, own_of(content, path, Holder, CURE))
        except StudyError:
            said = own_of(content, path, dict[str, Any], CURE)
            if set(said) != {field.name for field in fields(Holder)}:
                raise
            return Seen(content, known, None)


def _known_dead(holder: Holder) -> bool:
    return holder.host == socket.gethostname() and not _alive(holder)


def _fresh(holder: Holder) -> bool:
    return holder.host == socket.gethostname() or abs(time.time() - holder.beat) < STALE_SECONDS


def _oddness(holder: Holder | None) -> str:
    if holder is None:
        return "does not say who holds it"
    age = time.time() - holder.beat
    when = f"{age:,.0f} s ago" if age > 0 else f"{-age:,.0f} s in the future"
    return f"is held by {holder}, whose last beat was {when}"


def _alive(holder: Holder) -> bool:
    try:
        process = psutil.Process(holder.pid)
        # Times of creation are rounded differently after a suspend.
        return bool(abs(process.create_time() - holder.started) < 2.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
