"""Where the audio beside a manifest lies, as a catalogue writes it."""

import os

from scaling.storage.files import Location, on_disk


def beside(file: Location, name: str, root: str) -> str:
    """The place of what a manifest calls `name` (itself: ""), which is relative to the manifest's folder: from the
    audio root on where it lies under that, else absolute."""
    place = os.path.join(str(file.parent), name) if name else str(file)  # noqa: PTH118
    if not on_disk(file):
        start = root.rstrip("/") + "/"
        return place.removeprefix(start) if root else place
    if "://" in name or not root or "://" in root:
        return name if "://" in name else place
    inside = os.path.relpath(place, root)
    return place if inside.startswith("..") or name.startswith("/") else inside
