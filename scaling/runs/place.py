"""Where a study's files lie. Imports nothing heavy: what starts work must not wait for what does it."""

from dataclasses import dataclass

from scaling.storage.files import Location


@dataclass(frozen=True)
class Place:
    """Where a study's files lie, and the weights that its initializations name."""

    store: Location
    runs: Location
    checkpoints: dict[str, Location]

    @property
    def labelled(self) -> Location:
        return self.store / "labelled"
