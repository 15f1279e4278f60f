"""One start at a time: a lease on the study's folder, kept alive by a heartbeat."""

import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from scaling.errors import StudyError
from scaling.files import read_json, write_json

BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0


class Lease:
    """The exclusive right to work in a folder, as a context manager.

    The folder is made where it is absent, and removed again where nothing was written into it.
    A lease whose process is known to be dead (same host), or that has not beaten for half a minute (another
    host), is taken over. Raises `StudyError` where another start holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lease.json"
        self._token = secrets.token_hex(8)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")

    def __enter__(self) -> "Lease":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                # Creation is exclusive on local disks and on NFS v3 and later.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                break
            except FileExistsError:
                self._take_over_if_dead()
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()

    def _write(self) -> None:
        process = psutil.Process()
        write_json(
            self.path,
            {
                "token": self._token,
                "host": socket.gethostname(),
                "pid": process.pid,
                "started": process.create_time(),
                "beat": time.time(),
            },
        )

    def _beat(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            # A disk that is full now may have room at the next beat.
            with suppress(OSError, StudyError):
                self._write()

    def _take_over_if_dead(self) -> None:
        try:
            held = read_json(self.path)
            age = time.time() - held["beat"]
        except (FileNotFoundError, ValueError, KeyError):
            # Just created and not yet written, or just released.
            held, age = {}, time.time() - self._modified()
        same_host = held.get("host") == socket.gethostname()
        if (same_host and not _alive(held["pid"], held["started"])) or age > STALE_SECONDS:
            self.path.unlink(missing_ok=True)
        elif held or age > BEAT_SECONDS:
            where = f"process {held['pid']} on {held['host']}" if held else "another start"
            raise StudyError(f"{self.path.parent} is in use by {where}: wait for it, or give another folder with --out")
        else:
            time.sleep(0.2)

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
