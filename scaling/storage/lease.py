"""One start at a time: a lease on the study's folder, kept alive by a heartbeat."""

import secrets
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import psutil

from scaling.errors import StudyError
from scaling.storage.files import (
    Location,
    create,
    json_text,
    make_folder,
    read_json,
    remove,
    remove_if_empty,
    replace_if,
    version,
    write_json,
)

BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0
RETRY_SECONDS = 25.0
"""Longer than an object store's client waits before it tries again."""


class Lease:
    """The exclusive right to work in a folder, as a context manager.

    The folder is made where it is absent, and removed again where nothing was written into it.
    A lease whose process is known to be dead (same host), or that has not beaten for half a minute (another
    host), is taken over. Raises `StudyError` where another start holds it.
    """

    def __init__(self, folder: Location) -> None:
        self.path = folder / "lease.json"
        self._token = secrets.token_hex(8)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")

    def __enter__(self) -> "Lease":
        make_folder(self.path.parent)
        while not (self._created() or self._taken_over()):
            pass
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._thread.join()
        if self._ours():
            remove(self.path)
        remove_if_empty(self.path.parent)

    def _content(self) -> dict[str, Any]:
        process = psutil.Process()
        return {
            "token": self._token,
            "host": socket.gethostname(),
            "pid": process.pid,
            "started": process.create_time(),
            "beat": time.time(),
        }

    def _created(self) -> bool:
        # A request that was repeated may have been refused because of itself.
        return create(self.path, json_text(self._content())) or self._ours()

    def _ours(self) -> bool:
        with suppress(FileNotFoundError, ValueError):
            return bool(read_json(self.path).get("token") == self._token)
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
        held, age, known = self._held()
        same_host = held.get("host") == socket.gethostname()
        dead = same_host and not _alive(held["pid"], held["started"])
        if dead or age > STALE_SECONDS:
            if not known:
                remove(self.path)
                return False
            if not dead:
                # After an outage of the store the holder's next beat is on its way.
                time.sleep(RETRY_SECONDS)
            return replace_if(self.path, json_text(self._content()), known) or self._ours()
        if held or age > BEAT_SECONDS:
            where = f"process {held['pid']} on {held['host']}" if held else "another start"
            raise StudyError(f"{self.path.parent} is in use by {where}: wait for it, or give another folder with --out")
        time.sleep(0.2)
        return False

    def _held(self) -> tuple[dict[str, Any], float, str]:
        """What lies there, its age in seconds, and its version where it can be replaced on condition."""
        try:
            # The version first: a beat in between makes the condition fail.
            known = version(self.path)
            held = read_json(self.path)
            return held, time.time() - held["beat"], known
        except (FileNotFoundError, ValueError, KeyError):
            # Just created and not yet written, or just released.
            return {}, time.time() - self._modified(), ""

    def _modified(self) -> float:
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return time.time()


def _alive(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        # Times of creation are rounded differently after a suspend.
        return bool(abs(process.create_time() - started) < 2.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
