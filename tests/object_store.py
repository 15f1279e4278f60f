"""An S3 on the loopback that can be told to be out of order."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from socket import SHUT_RDWR
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from scaling.storage.files import Location, location

BUSY = b"<Error><Code>ServiceUnavailable</Code><Message>try again</Message></Error>"
LOSSES = ("500", "503", "never asked", "done and not told", "cut")
"""How single requests are lost: refused; the connection ends before or after the work is done, or amid the answer."""
SECRET = "no-secret-but-nobody-may-write-it-down"


class ObjectStore:
    """moto in a thread, one a process: clients go on asking the first. `environment` is what a client needs, `refused`
    counts what was answered with 503, `lost` what was lost singly, by how."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._works = DomainDispatcherApplication(create_backend_app)
        self._busy_until = 0.0
        self._busy_after = ("", 0.0)
        self._every, self._asked, self._numbers = 0, itertools.count(1), itertools.count()
        self.refused = 0
        self.lost: dict[str, int] = {}
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=MotoRequestHandler)
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": "known",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        threading.Thread(target=self._server.serve_forever, daemon=True, name="s3").start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if time.monotonic() < self._busy_until:
            self.refused += 1
            start("503 Service Unavailable", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [BUSY]
        if self._every and (number := next(self._asked)) % self._every == 0:
            return self._lose(LOSSES[number // self._every % len(LOSSES)], environ, start)
        answered: Iterable[bytes] = self._works(environ, start)
        key, seconds = self._busy_after
        if key and environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].endswith(key):
            self._busy_after = ("", 0.0)
            self.busy(seconds)
        return answered

    def busy(self, seconds: float) -> None:
        """Answer 503 to everything for so long."""
        self._busy_until = time.monotonic() + seconds

    def lose_every(self, number: int) -> None:
        """Of every so many requests lose one, in one way of `LOSSES` after the other; none where it is 0."""
        self._every = number

    def _lose(self, how: str, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.lost[how] = self.lost.get(how, 0) + 1
        if how in ("500", "503"):
            start(f"{how} Trouble", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [BUSY]
        socket, told = environ["werkzeug.socket"], []
        answer = b"" if how == "never asked" else b"".join(self._works(environ, lambda *head: told.append(head)))
        if how == "cut" and answer and told[0][0] == "200 OK":
            head = "".join(f"{name}: {value}\r\n" for name, value in told[0][1])
            socket.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + answer[: len(answer) // 2])
        socket.shutdown(SHUT_RDWR)
        raise ConnectionResetError

    def busy_after(self, key: str, seconds: float) -> None:
        """Be busy once something was put under a name with this end."""
        self._busy_after = (key, seconds)

    def bucket(self) -> Location:
        """A new one."""
        name = f"bucket-{next(self._numbers)}"
        place = location(f"s3://{name}")
        place.fs.mkdir(name)
        return place

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
