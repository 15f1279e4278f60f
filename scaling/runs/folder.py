"""Where a study's files lie, and those of each of its runs. Imports nothing heavy: what starts work must not wait for
what does it.

DIR/store/            the prepared clips, unless the store is shared (`data.store`)
DIR/runs/<run name>/  run.json             what the run is, and its place in its study
                      attempt.json         whose attempt may write (`training.attempt`)
                      metrics.jsonl        its learning curve (`training.learning_curve`)
                      checkpoint/          where it goes on from (`training.checkpoint`)
                      predictions.parquet  the answer to every test clip
                      result.json          what came of it; written last: where it lies, the run is done
DIR/shared/           what probes of every run need and no run changes (`probes.once`)
DIR/initial/          files that runs name: tokenizers, and weights where other nodes cannot see them otherwise
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from typing_extensions import TypedDict

from scaling.errors import StudyError
from scaling.runs.result import Result, ResultFile
from scaling.storage.files import Location, make_folder, names, on_disk, remove, replacing, write_json
from scaling.storage.own import read_own
from scaling.storage.tables import write_parquet
from scaling.study.run import Run, run_from_json, run_to_json
from scaling.study.study import Cell
from scaling.study.texts import TOKENIZER
from scaling.training.attempt import Attempt
from scaling.training.learning_curve import FILE, read_curve

RUN, PREDICTIONS, RESULT = "run.json", "predictions.parquet", "result.json"


class _Place(TypedDict):
    levels: dict[str, str]
    reference: str


class _Placed(TypedDict):
    study: _Place


@contextmanager
def _naming(path: Location, cure: str) -> Iterator[None]:
    """Say of what cannot be made of a file's fields which file it is, and what to do."""
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{path}: {error}: {cure}") from None


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Location

    def begin(self, cell: Cell) -> None:
        """Leave what the run is."""
        make_folder(self.path)
        place = {"levels": dict(cell.levels), "reference": cell.reference}
        write_json(self.path / RUN, {**run_to_json(cell.run), "study": place})

    @property
    def begun(self) -> bool:
        return (self.path / RUN).exists()

    def cell(self) -> Cell:
        """What `begin` left. Raises `StudyError` where it is damaged, or of another version."""
        path, cure = self.path / RUN, "remove it and start the study again, which writes it anew"
        place, fields = read_own(path, _Placed, cure)["study"], read_own(path, dict[str, Any], cure)
        with _naming(path, cure):
            run = run_from_json(fields)
            self._check(run)
        return Cell(run, place["levels"], place["reference"])

    def curve(self) -> list[dict[str, float]]:
        """The rows of the learning curve so far."""
        return read_curve(self.path / FILE)

    def finish(self, attempt: Attempt, result: Result, predictions: pl.DataFrame) -> None:
        """Leave what came of the run, whole or not at all.

        Raises `SupersededError` where another attempt has taken over.
        """
        attempt.still_ours()
        write_parquet(self.predictions, predictions)
        attempt.still_ours()
        write_json(self.path / RESULT, result.to_json())

    @property
    def done(self) -> bool:
        return (self.path / RESULT).exists()

    def reopen(self) -> None:
        """Take back that the run is done; its scores are written again with its next end."""
        remove(self.path / RESULT)

    def result(self) -> Result:
        """What came of the run.

        Raises `FileNotFoundError` where it is not done, and `StudyError` where that is damaged or of another version.
        """
        path, cure = self.path / RESULT, "remove it and start the study again, which does the run again"
        described = read_own(path, ResultFile, cure)
        with _naming(path, cure):
            result = Result.from_json(described)
            self._check(result.run)
        return result

    def _check(self, run: Run) -> None:
        if run.name != self.path.name:
            raise StudyError(f"it is of another run, {run.name}")

    @property
    def done_at(self) -> float:
        """When the run was done: seconds since the epoch."""
        return float((self.path / RESULT).stat().st_mtime)

    @property
    def predictions(self) -> Location:
        """Where the answers to the test clips lie."""
        return self.path / PREDICTIONS


@dataclass(frozen=True)
class StudyFolder:
    """Where a study's files lie.

    `shared_store` is where the store lies if not within, and `checkpoints` where the files do that runs name: weights
    and tokenizers.
    """

    path: Location
    shared_store: Location | None = None
    checkpoints: Mapping[str, Location] = field(default_factory=dict)

    @property
    def store(self) -> Location:
        return self.shared_store or self.path / "store"

    @property
    def runs(self) -> Location:
        """The folder that holds a folder a run."""
        return self.path / "runs"

    @property
    def shared(self) -> Location:
        """The folder of what does not depend on a run."""
        return self.path / "shared"

    @property
    def report(self) -> Location:
        return self.path / "report"

    def run(self, name: str) -> RunFolder:
        """The folder of the run of this name."""
        return RunFolder(self.runs / name)

    def begun(self) -> list[RunFolder]:
        """The folders of all runs that are there, by name."""
        folders = map(self.run, names(self.runs))
        return [folder for folder in folders if folder.begun]

    def results(self, runs: Iterable[Run]) -> dict[str, Result]:
        """What came of those of these runs that are done, by name."""
        folders = {run.name: self.run(run.name) for run in runs}
        return {name: folder.result() for name, folder in folders.items() if folder.done}

    def with_checkpoints(self, checkpoints: Mapping[str, Path]) -> "StudyFolder":
        """The same with the files that runs name, where every node can read them: tokenizers are copied, weights
        beside a study in an object store. Their names are digests of them."""
        places: dict[str, Location] = {**checkpoints}
        for name, path in checkpoints.items():
            if name.startswith(TOKENIZER) or not on_disk(self.path):
                ending = "json" if name.startswith(TOKENIZER) else "safetensors"
                places[name] = self.path / "initial" / f"{name}.{ending}"
                if not places[name].exists():
                    make_folder(places[name].parent)
                    with replacing(places[name]) as temporary:
                        shutil.copyfile(path, temporary)
        return replace(self, checkpoints=places)
