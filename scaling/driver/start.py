"""One start of a study: from its corpus to its report, stage by stage."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

from scaling.data.batches import check_shares
from scaling.data.corpus import Contents, Source, checked_store, ensure_catalogues, open_source
from scaling.driver.display import Display
from scaling.driver.identity import check_identity, check_places, identity, mark, output_folder
from scaling.driver.references import read_references, with_references
from scaling.driver.signals import Signals, StoppedError
from scaling.driver.unprobed import with_probes
from scaling.errors import StudyError, without_secrets
from scaling.probes.options import named_probes
from scaling.record.outage import UnreachableError
from scaling.record.place import check_database, database_of, tracking_places
from scaling.runs.folder import StudyFolder
from scaling.runs.provenance import source_hash
from scaling.runs.queue import Entry
from scaling.storage.files import (
    absolute,
    check_folder,
    check_writable,
    json_text,
    on_disk,
)
from scaling.storage.lease import Lease
from scaling.storage.own import read_own
from scaling.storage.published import check_publishable, publish
from scaling.study.options import Options
from scaling.study.study import Study
from scaling.study.texts import is_named

SCORES, STAMP = "scores.parquet", "stamp.json"
"""In the report's folder, beside the report."""


@dataclass(frozen=True)
class Stamp:
    """Of what a report was written: the largest size that there was, which runs were done, by which source, and which
    probes scored them; and a digest of where it was recorded."""

    available: int
    runs: dict[str, bool]
    source_hash: str
    tracking: str
    probes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class Start:
    """One start of a study, stage by stage."""

    def __init__(self, study: Study, options: Options, display: Display, signals: Signals) -> None:
        self.study, self.options, self.display, self.signals = study, options, display, signals
        if study.corpus.manifests and not study.corpus.tasks:
            raise StudyError("a study of own manifests needs probe tasks: name a tasks.toml with --tasks")
        for run in study.runs:
            if run.objective is not None:
                check_shares(run, options.resources().group)
        self.source: Source = open_source(study.corpus, study.formats)
        path = output_folder(study, options, self.source)
        self.folder = StudyFolder(path, None if options.store is None else absolute(options.store))
        self.tracking_uri, self.artifacts = tracking_places(options.tracking_uri, path)
        self.references = read_references(options.references)
        self.stages: dict[str, float] = {}

    def work(self) -> int:
        """All stages; returns the exit code."""
        for place in (self.folder.path, self.folder.store):
            check_folder(place)
        check_places(self.folder.path, self.folder.store)
        check_writable(self.folder.path)
        check_identity(self.folder.path, self.study, self.source)
        there = checked_store(self.source, self.folder.store)
        # A store that has all that is needed may be one that this study cannot write.
        if there is None:
            check_writable(self.folder.store)
        if self.options.dry_run:
            return self._plan()
        with Lease(self.folder.path, self.display.say):
            self.display.say(f"study {self.study.name}, {self.study.preset}, in {self.folder.path}")
            if (known := self._settled()) is not None:
                self.display.say(f"all {len(known.runs)} runs are done and the report is written: nothing to do")
                self._farewell()
                return 0
            self._check_files()
            self._check_record()
            # Another study may be preparing into the same store.
            begun = self.folder.shared_store is not None and there is None
            shared = Lease(self.folder.store, self.display.say) if begun else nullcontext()
            with shared, self._stage("catalogue"):
                ensure_catalogues(self.source, self.folder.store, self._check_request)
            study_id = mark(self.folder.path, self.study, self.source)
            # MLflow takes seconds to import and to make its database: meanwhile the clips are prepared.
            with ThreadPoolExecutor(1, thread_name_prefix="mlflow") as beside:
                tracker = beside.submit(self._opened_tracker, study_id)
                self._start_ray()
                self._check_cluster()
                study = self.study.resolve(self._prepare())
                self.study = with_probes(study, self.folder, named_probes(self.options.probes))
            return self._grid_and_report(tracker.result())

    def _plan(self) -> int:
        """Say what the study will do and cost."""
        self._start_ray()
        from scaling.driver.forecast import forecast

        plan = forecast(self.study, self.source, self.folder.store, self.options.resources())
        plan.show(self.display.console)
        return 0

    def _check_request(self, store: Contents) -> None:
        """Refuse what the catalogue alone shows to be too many clips, before hours go into preparing them, and weights
        and networks that do not fit."""
        from scaling.data.prepare import clips_needed

        clips_needed(store.clips, store.description.holdout, self.study.subsets)
        if self.study.checkpoints or any(map(is_named, self.study.runs)):
            from scaling.training.initialize import check_networks

            check_networks(self.study, store.vocabulary)

    def _start_ray(self) -> None:
        with self._stage("starting Ray"):
            from scaling.cluster.connect import start_ray

            start_ray()
        self.signals.install()

    def _check_cluster(self) -> None:
        """Refuse, before any work, what the cluster's nodes cannot do; wait where they have something else to do."""
        from scaling.cluster.connect import lane_count, wait_for_room
        from scaling.cluster.nodes import check_nodes

        resources = self.options.resources()
        _, gpu = lane_count(resources, len(self.study.runs))
        wait_for_room(resources, gpu, self.display.say)
        nodes = check_nodes([self.folder.path, self.folder.store])
        if nodes > 1:
            self.display.say(f"{nodes} nodes, all of them see {self.folder.path} and run the same versions")

    def _tracker(self, study_id: str) -> Any:
        from scaling.record.tracker import Tracker

        experiment = f"{self.study.name}-{self.study.preset}"
        return Tracker(self.tracking_uri, experiment, self.study.design(), study_id, self.artifacts)

    def _settled(self) -> Study | None:
        """The study as it was when its report was written, where nothing has changed since."""
        try:
            written = read_own(self.folder.report / STAMP, Stamp, "remove it, and the report is written anew")
        except FileNotFoundError:
            return None
        if not set(named_probes(self.options.probes)) <= set(written.probes):
            return None
        resolved = replace(self.study.resolve(written.available), probes=written.probes)
        return resolved if written == self._stamp(resolved, written.available) else None

    def _stamp(self, study: Study, available: int) -> Stamp:
        done = {run.name: self.folder.run(run.name).done for run in study.runs}
        # Nothing that a password could be guessed from.
        tracking = blake2b(without_secrets(self.tracking_uri).encode(), digest_size=8).hexdigest()
        references = tuple(digest for digest, _ in self.references)
        return Stamp(available, done, source_hash(), tracking, study.probes, references)

    def _opened_tracker(self, study_id: str) -> Any:
        """One that has looked whether MLflow answers; if not, it will look again, and who uses it says so."""
        tracker = self._tracker(study_id)
        with suppress(StudyError):
            tracker.check()
        return tracker

    def _check_record(self) -> None:
        """Refuse, before anything is written, a place where nothing can be recorded; a database that stays locked is
        done without for a while."""
        database = database_of(self.tracking_uri)
        if database is not None:
            try:
                check_database(database)
            except UnreachableError as error:
                self.display.say(f"{error}: the study goes on, its record follows")
                return
        if self.options.tracking_uri:
            self._tracker("").check()

    def _prepare(self) -> int:
        from scaling.driver.preparing import prepare_store

        with self._stage("preparing"):
            return prepare_store(self.source, self.folder.store, self.study.subsets, self.display)

    def _grid_and_report(self, tracker: Any) -> int:
        from scaling.driver.watch import Grid
        from scaling.record.recorder import Recorder

        grid = Grid(self.study, self.folder, self.display)
        recorder = Recorder(tracker, self.study.cells, self.folder, {"started_by": source_hash()}, self.display.say)
        try:
            entries = grid.work(self.options.resources(), recorder, self.signals, self.stages)
            if self.signals.arrived:
                raise StoppedError(self.signals.arrived)
            return self._report(tracker, recorder, entries)
        finally:
            # Ray does not bear a process that ends while threads of it are still at work.
            grid.close(wait=not self.signals.arrived)

    def _report(self, tracker: Any, recorder: Any, entries: list[Entry]) -> int:
        from scaling.data.labelled import LabelledStore
        from scaling.driver.card import PART, card_files
        from scaling.driver.examples import PART as EXAMPLES
        from scaling.driver.examples import example_files
        from scaling.driver.report import report_on

        undone = [entry for entry in entries if entry.state != "done"]
        done = [run for run in self.study.runs if self.folder.run(run.name).done]
        with self._stage("report"):
            recorded = recorder.settle(done, entries)
            scores = io.BytesIO()
            own = tracker.scores(self.study, self.folder)
            with_references(own, [table for _, table in self.references]).write_parquet(scores)
            self._publish(SCORES, scores.getvalue())
            if any(cell.run in done and not cell.reference for cell in self.study.cells):
                sizes = [size for size in self.study.sizes if isinstance(size, int) and size]
                files = card_files(self.folder.store, sizes)
                publish(self.folder.report, self._owner, PART, files)
                heard = example_files(LabelledStore(self.folder.store / "labelled"), self.source.labelled)
                publish(self.folder.report, self._owner, EXAMPLES, heard)
                report_on(self.folder.path)
        for entry in undone:
            self.display.say(f"{entry.run.name}: {entry.state}: {entry.cause}")
        if undone:
            self.display.say(
                f"{len(undone)} of {len(self.study.runs)} runs are not done: the same command tries them again"
            )
        elif recorded:
            available = max((size for size in self.study.sizes if isinstance(size, int)), default=0)
            self._publish(STAMP, json_text(asdict(self._stamp(self.study, available))).encode())
        if not recorded:
            where = f" --tracking-uri {without_secrets(self.tracking_uri)}" if self.options.tracking_uri else ""
            self.display.say(
                f"not all of it is in MLflow: once it answers, scaling sync {self.folder.path}{where} sends the rest"
            )
        self._farewell()
        return 1 if undone else 0

    def _check_files(self) -> None:
        """Refuse, before hours go into it, a study whose report could not be written, or with files of runs that are
        damaged."""
        from scaling.analysis.report.write import FIXED
        from scaling.driver.card import FILES

        check_publishable(self.folder.report, self._owner, (*FIXED, *FILES, SCORES, STAMP))
        self.folder.results(self.study.runs)
        for run in self.study.runs:
            folder = self.folder.run(run.name)
            if on_disk(folder.path):
                check_folder(folder.path)
            folder.curve()

    @property
    def _owner(self) -> str:
        from scaling.analysis.report.write import owner

        return owner(**identity(self.study, self.source))

    def _publish(self, name: str, content: bytes) -> None:
        publish(self.folder.report, self._owner, name, {name: content})

    def _farewell(self) -> None:
        self.display.close()
        self.display.say(f"report: {self.folder.report / 'report.html'}")
        if self.options.tracking_uri:
            return
        # The first experiment of a database is 1. Without the ending MLflow 3 opens on the traces of agents.
        self.display.say(
            f"dashboard: mlflow ui --backend-store-uri {self.tracking_uri}, then open "
            "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=scores&workflowType=machine_learning"
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.stages[name] = time.monotonic() - began
