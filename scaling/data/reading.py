"""Manifests read into columns: small ones here, large ones by several processes, each a file after the other."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import ipc

from scaling.data import reader
from scaling.data.columns import REJECTS, SCHEMA, Batch, Cleaning, batches
from scaling.data.manifests import Manifest
from scaling.data.readers.known import READERS
from scaling.errors import StudyError

LARGE = 2**23
"""Bytes of manifests, packed, from which on processes are started: they take a second to begin."""
Tables = tuple[pl.DataFrame, pl.DataFrame]
"""The clips (`columns.SCHEMA`) and the rejects."""
Report = Callable[[int, int], None]
"""Is told how many lines were read, and how many files to the end."""


def tables(found: Sequence[Batch]) -> Tables:
    """Batches as tables."""
    clips = pa.Table.from_batches([batch.clips for batch in found], SCHEMA)
    rejects = pa.Table.from_batches([batch.rejects for batch in found], REJECTS)
    return _table(clips), _table(rejects)


def read_manifests(
    files: Sequence[Manifest], cleaning: Cleaning, report: Report = lambda lines, files: None, large: int = LARGE
) -> Tables:
    """What manifests hold, in the order of the files.

    The columns of large ones lie in files that are mapped into memory and have no name any more: the system takes and
    brings their pages as it needs. Raises `StudyError` as its reader does, for the first file that cannot be read.
    """
    alone = any(READERS[file.reader].alone for file in files)
    if not alone and sum(file.size for file in files) < large:
        found: list[Batch] = []
        for done, file in enumerate(files, start=1):
            lines = READERS[file.reader].load().read(file.place, file.source, cleaning.audio_root)
            found += batches(lines, cleaning)
            report(sum(len(batch.clips) + len(batch.rejects) for batch in found), done)
        return tables(found)
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        _Readers(Path(folder), cleaning, report).read(files)
        places = [Path(folder) / str(number) for number in range(len(files))]
        clips = [_mapped(place.with_suffix(".clips")) for place in places]
        rejects = [_mapped(place.with_suffix(".rejects")) for place in places]
    return _table(pa.concat_tables(clips)), _table(pa.concat_tables(rejects))


def _table(found: pa.Table) -> pl.DataFrame:
    # To gather from many chunks takes ten times as long.
    return pl.DataFrame(pl.from_arrow(found)).rechunk()


def _mapped(path: Path) -> pa.Table:
    return ipc.open_file(pa.memory_map(str(path))).read_all()


class _Readers:
    """Processes that read a file after the other, as many as there are processors."""

    def __init__(self, folder: Path, cleaning: Cleaning, report: Report) -> None:
        self._folder, self._report = folder, report
        self._cleaning = {
            **asdict(cleaning),
            "held_out": sorted(cleaning.held_out),
            "leaks": dict(cleaning.leaks),
            "styles": dict(cleaning.styles),
        }
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[str]] = []
        self._lines: dict[int, int] = {}
        self._done = 0
        self._stopped = False

    def read(self, files: Sequence[Manifest]) -> None:
        # The longest first, so that none is left alone at the end. Who is free takes the next.
        waiting = iter(sorted(range(len(files)), key=lambda number: -files[number].size))
        failed: dict[int, StudyError] = {}

        def read() -> None:
            with suppress(BrokenPipeError), self._started() as process:
                for number in waiting:
                    try:
                        self._read(process, number, files[number])
                    except StudyError as error:
                        failed[number] = error
                        self._stop()
                    if self._stopped:
                        return

        several = min(_processors(), len(files))
        with ThreadPoolExecutor(several) as threads:
            try:
                for reading in [threads.submit(read) for _ in range(several)]:
                    reading.result()
            except BaseException:
                # A signal: nobody waits for what was begun.
                self._stop()
                raise
        if failed:
            raise failed[min(failed)]

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()

    def _started(self) -> subprocess.Popen[str]:
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", reader.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # What is typed at a terminal is meant for this process.
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "ARROW_NUM_THREADS": "1"},
            )
            self._processes.append(process)
            if self._stopped:
                process.kill()
            return process

    def _read(self, process: subprocess.Popen[str], number: int, file: Manifest) -> None:
        place = self._folder / str(number)
        asked = {
            "place": str(file.place),
            "source": file.source,
            "reader": file.reader,
            "cleaning": self._cleaning,
            "clips": str(place.with_suffix(".clips")),
            "rejects": str(place.with_suffix(".rejects")),
        }
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            self._heard(number, said)
            if "error" in said:
                raise StudyError(said["error"])
            if "done" in said:
                return
        process.wait()
        if not self._stopped:
            raise StudyError(
                f"reading {file.place} ended without a word (exit {process.returncode}; -9: killed, for memory say): "
                "start the same command again"
            )

    def _heard(self, number: int, said: dict[str, Any]) -> None:
        with self._lock:
            self._lines[number] = said.get("read", self._lines.get(number, 0))
            self._done += "done" in said
            self._report(sum(self._lines.values()), self._done)


def _processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
