"""The process that reads one manifest (`reading.py` is the other side).

It imports nothing heavy. What it finds goes to two Arrow files, batch by batch, so that its memory is that of a batch;
on its standard output it says a line of JSON for each.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

from pyarrow import ipc

from scaling.data.columns import REJECTS, SCHEMA, Cleaning, batches
from scaling.data.readers.lhotse import read_manifest
from scaling.errors import StudyError
from scaling.storage.space import room_for


def read_to(manifest: Path, cleaning: Cleaning, clips: Path, rejects: Path) -> None:
    """Write what a manifest holds to two Arrow files. Raises `StudyError`."""
    read = 0
    with (
        room_for(f"the clips of {manifest.name} in {clips.parent}"),
        ipc.new_file(str(clips), SCHEMA) as good,
        ipc.new_file(str(rejects), REJECTS) as bad,
    ):
        for batch in batches(read_manifest(manifest), cleaning):
            good.write_batch(batch.clips)
            bad.write_batch(batch.rejects)
            read += len(batch.clips) + len(batch.rejects)
            _say({"read": read})


def _say(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


def main() -> None:
    """Read what the line of JSON on the standard input names."""
    # Nothing here refers to itself, and looking for what does takes a fifth of the time.
    gc.disable()
    asked = json.loads(sys.stdin.readline())
    cleaning = Cleaning(**{**asked["cleaning"], "held_out": frozenset(asked["cleaning"]["held_out"])})
    try:
        read_to(Path(asked["manifest"]), cleaning, Path(asked["clips"]), Path(asked["rejects"]))
        _say({"done": True})
    except StudyError as error:
        _say({"error": str(error)})


if __name__ == "__main__":
    main()
