"""SIGINT and SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StoppedError(BaseException):
    """A signal asked to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """SIGINT and SIGTERM: raised as `StoppedError` at once, or noted while `deferred` for who asks with
    `arrived`."""

    def __init__(self) -> None:
        self.arrived = 0
        self._deferred = False

    def install(self) -> None:
        """Take the signals over; Ray installs handlers of its own when it connects, so this is called again
        after."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.arrived != 0
        self.arrived = number
        if again or not self._deferred:
            raise StoppedError(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, the first signal is only noted; a second one is raised."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
