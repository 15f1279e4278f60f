"""An attempt at a run: only the newest one may write.

After a killed driver its orphaned workers train on for seconds. Every attempt leaves its token in the run's
folder; an older one finds another token there before it publishes anything, and stops.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from typing_extensions import TypedDict

from scaling.errors import StudyError
from scaling.storage.files import Location, make_folder, write_json
from scaling.storage.own import read_own

FILE = "attempt.json"
CURE = "the next attempt at the run writes it anew"


class SupersededError(Exception):
    """Another attempt has taken the run over."""


class InterruptedRunError(Exception):
    """The run was asked to stop; it has left a checkpoint."""


class _Token(TypedDict):
    token: str


@dataclass(frozen=True)
class Attempt:
    """The right to write in a run's folder, as long as `token` is the one that lies there. Of a group only
    worker 0 writes."""

    folder: Location
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    worker: int = 0

    def claim(self) -> None:
        """Take the run over from whoever had it."""
        make_folder(self.folder)
        write_json(self.folder / FILE, {"token": self.token})

    def still_ours(self) -> None:
        """Raise `SupersededError` where another attempt has taken over, and `StudyError` where nobody can tell."""
        path = self.folder / FILE
        try:
            token = read_own(path, _Token, CURE)["token"]
        except FileNotFoundError:
            raise StudyError(f"{path} is gone: {CURE}") from None
        if token != self.token:
            raise SupersededError(f"another attempt has taken over {self.folder.name}")


Progress = Callable[[int, float], bool]
"""Called after every step with the number of steps done and the clips a second; True asks to stop after a
checkpoint."""
