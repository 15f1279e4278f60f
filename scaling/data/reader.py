"""The process that reads one manifest after the other (`reading.py` is the other side).

It imports nothing heavy. What it finds of each goes to two Arrow files, batch by batch, so that its memory is that of a
batch; on its standard output it says a line of JSON for each.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

from pyarrow import ipc

from scaling.data.columns import REJECTS, SCHEMA, Cleaning, batches
from scaling.data.readers.known import READERS
from scaling.errors import StudyError
from scaling.storage.files import Location, location
from scaling.storage.objects import is_outage
from scaling.storage.space import room_for


def read_to(manifest: Location, source: str, reader: str, cleaning: Cleaning, clips: Path, rejects: Path) -> None:
    """Write what a manifest holds to two Arrow files. Raises `StudyError`."""
    lines = READERS[reader].load().read(manifest, source, cleaning.audio_root)
    read = 0
    with (
        room_for(f"the clips of {manifest.name} in {clips.parent}"),
        ipc.new_file(str(clips), SCHEMA) as good,
        ipc.new_file(str(rejects), REJECTS) as bad,
    ):
        for batch in batches(lines, cleaning):
            good.write_batch(batch.clips)
            bad.write_batch(batch.rejects)
            read += len(batch.clips) + len(batch.rejects)
            _say({"read": read})


def _say(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


def main() -> None:
    """Read what the lines of JSON on the standard input name."""
    # Nothing here refers to itself, and looking for what does takes a fifth of the time.
    gc.disable()
    for line in sys.stdin:
        asked = json.loads(line)
        cleaning = Cleaning(**{**asked["cleaning"], "held_out": frozenset(asked["cleaning"]["held_out"])})
        try:
            place = location(asked["place"])
            read_to(place, asked["source"], asked["reader"], cleaning, Path(asked["clips"]), Path(asked["rejects"]))
            _say({"done": True})
        except StudyError as error:
            _say({"error": str(error)})
        except Exception as error:
            if not is_outage(error):
                raise
            _say({"error": f"{asked['place']} cannot be read, the object store does not answer: start it again"})


if __name__ == "__main__":
    main()
