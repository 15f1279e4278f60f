"""Faults of the places that a study lives in: full disks stage by stage, folders it may not have, a store that cannot
be written, a locked database, an object store that loses requests.

    python tests/bench/faults.py [--only WORD ...]

Does a small study alone, then the same one once a fault. Prints a Markdown table: what was said and the exit code, and
what the same command came to once the fault was gone. Fails where weights, scores or what MLflow holds differ in
anything from the study alone, or where a byte of a folder that is not the study's changed. Disks are mounted, which
needs root.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from object_store import ObjectStore
from started import SMALL, Started, check_equal
from study_corpus import write_corpus

from scaling.storage.digest import file_digest
from scaling.storage.files import location

LOCKED_SECONDS = 20.0
LOST = 9
"""Of an object store's requests each so manieth is lost."""
FULL: dict[str, Callable[[Path], bool]] = {
    "the catalogue": lambda out: (out / "lease.json").exists(),
    "the parts": lambda out: (out / "store" / "labelled" / "store.json").exists(),
    "training": lambda out: any(out.glob("runs/*/metrics.jsonl")),
    "the results": lambda out: any(out.glob("runs/*/result.json")),
    "the report": lambda out: len(list(out.glob("runs/*/result.json"))) == 12,
}
"""When the disk is filled: once this holds of the study's folder."""


def told(study: Started) -> str:
    """The line that says why a study ended, or its last one."""
    lines = study.log.read_text().splitlines()
    return next((line for line in reversed(lines) if "error: " in line), lines[-1] if lines else "")


def row(fault: str, said: str, after: str) -> None:
    said = said.replace(tempfile.gettempdir(), "/tmp").replace("|", "\\|")
    print(f"| {fault} | {said} | {after} |", flush=True)


def digests(folder: Path) -> dict[str, str]:
    """Every file of a folder."""
    return {str(path): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A folder as a disk of its own."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Faults:
    """One study alone, and the same one under each fault."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.arguments = [*SMALL, *write_corpus(scratch / "corpus")]
        self.alone = self.start(scratch / "alone")
        assert self.alone.ended() == 0, self.alone.log.read_text()

    def start(self, out: Path, *more: str) -> Started:
        return Started(location(str(out)), *self.arguments, *more, log=self.scratch / f"{abs(hash(str(out)))}.log")

    def equal(self, study: Started) -> str:
        assert study.ended() == 0, study.log.read_text()
        check_equal(study, self.alone)
        return "all equal"

    def full_disks(self) -> None:
        for stage, reached in FULL.items():
            with mounted(self.scratch / f"disk {stage}", "-t", "tmpfs", "-o", "size=60m", "none") as disk:
                study = self.start(disk / "study")
                ballast = disk / "ballast"
                study.until(lambda out=study.out, reached=reached: reached(out))
                with ballast.open("wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass
                code, said = study.ended(), told(study)
                ballast.unlink()
                after = self.equal(self.start(disk / "study"))
                row(f"disk full at {stage}", f"{said} (exit {code})", after)

    def shared_store(self) -> None:
        store = self.scratch / "alone" / "store"
        before = digests(store)
        with mounted(self.scratch / "read-only", "--bind", str(store)) as shared:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(shared)], check=True)
            two = [self.start(self.scratch / f"sharing {name}", "--store", str(shared)) for name in ("a", "b")]
            codes = [study.ended() for study in two]
            said = " / ".join(dict.fromkeys(map(told, two)))
            after = "; ".join(
                self.equal(study) if code == 0 else f"exit {code}" for study, code in zip(two, codes, strict=True)
            )
        assert digests(store) == before
        row("a read-only store that two studies share at once", "nothing" if not any(codes) else said, after)

    def foreign_folders(self) -> None:
        foreign = self.scratch / "foreign"
        shutil.copytree(self.scratch / "corpus", foreign / "labelled")
        (foreign / "tokenizer.json").write_text("{}")
        alone = self.scratch / "alone"
        for what, store, more in (
            ("--store is a folder with other files, and too many clips", foreign, ["--clips", "99999999"]),
            ("--store is another study's folder", alone, []),
            ("--store lies in another study's runs", alone / "runs" / "store", []),
            ("--store is that of another --min-seconds", alone / "store", ["--min-seconds", "0.3"]),
        ):
            before = digests(foreign), digests(alone)
            study = self.start(self.scratch / "never", "--store", str(store), *more)
            code = study.ended()
            assert (digests(foreign), digests(alone)) == before, what
            assert code == 2, study.log.read_text()
            row(what, f"{told(study)} (exit {code})", "every byte there as it was")

    def locked_database(self) -> None:
        study = self.start(self.scratch / "locked")
        study.until(study.training)
        lock = sqlite3.connect(study.out / "mlflow.db", isolation_level=None)
        lock.execute("begin exclusive")
        time.sleep(LOCKED_SECONDS)
        lock.close()
        row(f"MLflow's database locked for {LOCKED_SECONDS:.0f} s", "nothing", self.equal(study))

    def lost_requests(self) -> None:
        server = ObjectStore()
        os.environ.update(server.environment, XDG_CACHE_HOME=str(self.scratch / "cache"))
        server.lose_every(LOST)
        tracking = f"sqlite:///{self.scratch / 'bucket.db'}"
        out = server.bucket() / "study"
        study = Started(out, *self.arguments, "--tracking-uri", tracking, log=self.scratch / "bucket.log")
        code = study.process.wait()
        assert code == 0, study.log.read_text()
        mine, theirs = study.results(), self.alone.results()
        assert {name: result["scores"] for name, result in mine.items()} == {
            name: result["scores"] for name, result in theirs.items()
        }
        lost = ", ".join(f"{count} {how}" for how, count in server.lost.items())
        row(f"S3 loses every {LOST}th request ({lost})", "nothing", "all equal")
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name for name in vars(Faults) if not name.startswith("_") and name not in ("start", "equal")]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    chosen = parser.parse_args().only
    faults = Faults(Path(tempfile.mkdtemp()))
    print("| fault | what was said | the same command, once it was gone |\n|---|---|---|", flush=True)
    for name in chosen:
        getattr(faults, name)()


if __name__ == "__main__":
    main()
