"""An S3 on the loopback that can be told to be out of order."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from scaling.files import Location, location

BUSY = b"<Error><Code>ServiceUnavailable</Code><Message>try again</Message></Error>"
SECRET = "not-a-secret-but-looks-like-one"


class ObjectStore:
    """moto in a thread of its own, with a bucket `studies`; `environment` is what a client needs."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._works = DomainDispatcherApplication(create_backend_app)
        self._busy_until = 0.0
        self.refused = 0
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=MotoRequestHandler)
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": "known",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if time.monotonic() < self._busy_until:
            self.refused += 1
            # What was sent is read, or the client would see a broken connection instead.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Service Unavailable", [("Content-Type", "application/xml")])
            return [BUSY]
        answered: Iterable[bytes] = self._works(environ, start)
        return answered

    def busy(self, seconds: float) -> None:
        """Answer 503 to everything for so long."""
        self._busy_until = time.monotonic() + seconds

    def make_bucket(self, name: str) -> Location:
        place = location(f"s3://{name}")
        place.fs.mkdir(name)
        return place

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def set_environment(self) -> None:
        os.environ.update(self.environment)
