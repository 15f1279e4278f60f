"""One start of a study: from its corpus to its report, stage by stage."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scaling.corpus import Source, audio_root, ensure_catalogues, open_source
from scaling.errors import StudyError
from scaling.files import read_json, write_json
from scaling.folder import check_identity, finished_scores, mark, output_folder
from scaling.lease import Lease
from scaling.options import Options
from scaling.progress import Display, clock
from scaling.provenance import commit, source_hash
from scaling.queue import Entry
from scaling.signals import Signals, StoppedError
from scaling.study import Run, Study

POLL_SECONDS = 0.5


class Start:
    """One start of a study, stage by stage."""

    def __init__(self, study: Study, options: Options, display: Display, signals: Signals) -> None:
        self.study, self.options, self.display, self.signals = study, options, display, signals
        self.source: Source = open_source(study.corpus)
        self.folder = output_folder(study, options, self.source)
        self.store = (options.store or self.folder / "store").expanduser().resolve()
        self.tracking_uri = options.tracking_uri or f"sqlite:///{self.folder / 'mlflow.db'}"
        self.stages: dict[str, float] = {}

    def work(self) -> int:
        """All stages; returns the exit code."""
        check_identity(self.folder, self.study, self.source)
        if self.options.dry_run:
            return self._plan()
        with Lease(self.folder):
            self.display.say(f"study {self.study.name}, {self.study.preset}, in {self.folder}")
            if (known := self._settled()) is not None:
                self.display.say(f"all {len(known.runs)} runs are done and the report is written: nothing to do")
                self._farewell()
                return 0
            if self.options.tracking_uri:
                # What cannot be reached is found before anything is written.
                self._tracker("")
            # Another study may be preparing into the same store.
            shared = Lease(self.store) if self.store.parent != self.folder else nullcontext()
            with shared, _undone_if_refused(self.store), self._stage("catalogue"):
                description = ensure_catalogues(self.source, self.store)
                self._check_sizes(description.clips - description.holdout)
                check_checkpoints(self.study, self.store)
            study_id = mark(self.folder, self.study, self.source)
            # MLflow takes seconds to import and to make its database: meanwhile the clips are prepared.
            with ThreadPoolExecutor(1, thread_name_prefix="mlflow") as beside:
                tracker = beside.submit(self._tracker, study_id)
                self._start_ray()
                self._check_cluster()
                self.study = self.study.resolve(self._prepare())
            return self._grid_and_report(tracker.result())

    def _plan(self) -> int:
        """Say what the study will do and cost."""
        self._start_ray()
        from scaling.forecast import forecast

        plan = forecast(self.study, self.source, self.folder, self.store, self.options.resources())
        plan.show(self.display.console)
        return 0

    def _check_sizes(self, at_most: int) -> None:
        """Refuse what the catalogue alone shows to be too many clips, before hours go into preparing them."""
        largest = max((size for size in self.study.sizes if isinstance(size, int)), default=0)
        if largest > at_most:
            raise StudyError(f"{largest} clips asked for, the largest possible size here is at most {at_most}")

    def _start_ray(self) -> None:
        with self._stage("starting Ray"):
            from scaling.launch import start_ray

            start_ray()
        self.signals.install()

    def _check_cluster(self) -> None:
        """Refuse, before any work, what the cluster's nodes cannot do; wait where they have something else to do."""
        from scaling.launch import lane_count, wait_for_room
        from scaling.nodes import check_nodes

        resources = self.options.resources()
        _, gpu = lane_count(resources, len(self.study.runs))
        wait_for_room(resources, gpu, self.display.say)
        nodes = check_nodes([self.folder, self.store])
        if nodes > 1:
            self.display.say(f"{nodes} nodes, all of them see {self.folder} and run the same versions")

    def _tracker(self, study_id: str) -> Any:
        from scaling.tracking import Tracker

        return Tracker(self.tracking_uri, self.study, study_id, self.folder / "mlartifacts")

    def _settled(self) -> Study | None:
        """The study as it was when its report was written, where nothing has changed since."""
        stamp = self.folder / "report" / "stamp.json"
        if not stamp.exists():
            return None
        written = read_json(stamp)
        resolved = self.study.resolve(written["available"])
        return resolved if written == self._stamp(resolved, written["available"]) else None

    def _stamp(self, study: Study, available: int) -> dict[str, Any]:
        done = {run.name: (self.folder / "runs" / run.name / "result.json").exists() for run in study.runs}
        return {
            "available": available,
            "runs": done,
            "source_hash": source_hash(),
            "tracking": self.tracking_uri,
        }

    def _prepare(self) -> int:
        from scaling.data.prepare import Preparation, prepare
        from scaling.data.store import Store

        def report(so_far: Preparation, what: str) -> None:
            rate = so_far.clips / max(time.monotonic() - began, 1e-9)
            self.display.counting(f"preparing {what}: {so_far.clips:,} of {so_far.of:,}, {rate:,.0f} clips/s")

        sizes = self.study.sizes
        wanted = None if "all" in sizes else max((size for size in sizes if isinstance(size, int)), default=0)
        with self._stage("preparing"), Lease(self.store):
            began = time.monotonic()
            labelled = self.store / "labelled"
            prepare(labelled, self.source.labelled.root, None, report=lambda p: report(p, "labelled clips"))
            index = Store(labelled).index
            held_out = index.filter(index["id"].is_in(list(self.source.labelled.held_out_ids())))
            began = time.monotonic()
            available = prepare(
                self.store,
                audio_root(self.study.corpus),
                wanted,
                test_hashes=held_out["audio_hash"].to_list(),
                report=lambda p: report(p, "clips"),
            )
        largest = max((size for size in sizes if isinstance(size, int)), default=0)
        if largest > available:
            raise StudyError(f"{largest} clips asked for, the largest possible size here is {available}")
        self.display.close()
        self.display.say(f"prepared: {available:,} clips to train on, {len(index):,} labelled clips to probe on")
        return available

    def _grid_and_report(self, mlflow: Any) -> int:
        from scaling.launch import Lanes
        from scaling.recorder import Recorder
        from scaling.work import Place

        place = Place(self.store, self.folder / "runs", self.study.checkpoints)
        finished = finished_scores(place.runs, self.study.runs)
        self._warn_of_other_source(place.runs, finished)
        for run in self.study.runs:
            (place.runs / run.name).mkdir(parents=True, exist_ok=True)
            write_json(place.runs / run.name / "run.json", asdict(run))
        provenance = {"study": self.study.name, "preset": self.study.preset, "started_by": source_hash()}
        entries: list[Entry] = []
        recorder = Recorder(mlflow, place.runs, provenance, self.display.say)
        if len(finished) < len(self.study.runs):
            with self._stage("grid"):
                scratch = self.folder / ".ray"
                lanes = Lanes(self.study.runs, finished, place, self.options.resources(), scratch / str(os.getpid()))
                entries = self._watch(lanes, recorder)
            self._write_start(lanes.count, entries, place.runs, finished)
        self.display.close()
        if self.signals.arrived:
            raise StoppedError(self.signals.arrived)
        return self._report(mlflow, recorder, place.runs, entries)

    def _watch(self, lanes: Any, recorder: Any) -> list[Entry]:
        """Show and record the grid until every lane has ended."""
        asked = False
        with self.signals.deferred():
            while True:
                alive = lanes.alive
                entries: list[Entry] = lanes.entries()
                self.display.grid(entries, lanes.group)
                recorder.watch(entries)
                if not alive:
                    break
                if self.signals.arrived and not asked:
                    asked = True
                    self.display.close()
                    self.display.say("stopping: every run leaves a checkpoint (again to stop at once)")
                    lanes.stop()
                time.sleep(POLL_SECONDS)
            lanes.close()
        return entries

    def _report(self, mlflow: Any, recorder: Any, runs: Path, entries: list[Entry]) -> int:
        from scaling.analysis.report import write_report
        from scaling.data.store import write_parquet

        failed = [entry for entry in entries if entry.state in ("failed", "skipped")]
        done = [run for run in self.study.runs if (runs / run.name / "result.json").exists()]
        with self._stage("report"):
            recorded = recorder.settle(done, entries)
            report = self.folder / "report"
            report.mkdir(exist_ok=True)
            write_parquet(report / "scores.parquet", mlflow.scores(self.study, runs))
            if any(run.objective in ("contrastive", "captioning") for run in done):
                write_report(self.folder)
        for entry in failed:
            self.display.say(f"{entry.run.name}: {entry.state}: {entry.cause}")
        if failed:
            self.display.say(
                f"{len(failed)} of {len(self.study.runs)} runs are not done: the same command tries them again"
            )
        elif recorded:
            available = max((run.clips for run in self.study.runs if isinstance(run.clips, int)), default=0)
            write_json(report / "stamp.json", self._stamp(self.study, available))
        if not recorded:
            self.display.say(f"not all of it is in MLflow: once it answers, scaling sync {self.folder} sends the rest")
        self._farewell()
        return 1 if failed else 0

    def _warn_of_other_source(self, runs: Path, finished: dict[str, str]) -> None:
        other = [name for name in finished if read_json(runs / name / "result.json")["source_hash"] != source_hash()]
        if other:
            self.display.say(
                f"{len(other)} finished runs were made by other source than today's ({source_hash()}) "
                "and are kept as they are"
            )

    def _write_start(self, lanes: int, entries: list[Entry], runs: Path, finished: dict[str, str]) -> None:
        """Note what this start cost, by stage; `orchestration` is the share of the lanes' time spent outside
        training and probing."""
        busy = 0.0
        done = [entry.run.name for entry in entries if entry.state == "done" and entry.run.name not in finished]
        for name in done:
            busy += sum(read_json(runs / name / "result.json")["seconds"].values())
        orchestration = 1 - busy / (lanes * self.stages["grid"])
        row = {
            "time": int(time.time()),
            "lanes": lanes,
            "runs": len(done),
            "busy_seconds": busy,
            "orchestration": orchestration,
            "stages": self.stages,
            "commit": commit(),
        }
        with (self.folder / "starts.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.display.close()
        self.display.say(
            f"{len(done)} runs on {lanes} lanes in {clock(self.stages['grid'])}, "
            f"{orchestration:.0%} of it orchestration"
        )

    def _farewell(self) -> None:
        self.display.close()
        self.display.say(f"report: {self.folder / 'report' / 'report.html'}")
        if self.options.tracking_uri:
            return
        # Without the ending MLflow 3 opens on the traces of language-model agents.
        self.display.say(
            f"dashboard: mlflow ui --backend-store-uri {self.tracking_uri}, then open "
            "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.stages[name] = time.monotonic() - began


@contextmanager
def _undone_if_refused(store: Path) -> Iterator[None]:
    """Where the request is refused inside, a store that was not there before is not there after."""
    there = (store / "store.json").exists()
    try:
        yield
    except StudyError:
        if not there:
            for name in ("store.json", "catalogue.parquet", "manifest-rejects.parquet", "tokenizer.json"):
                (store / name).unlink(missing_ok=True)
            shutil.rmtree(store / "labelled", ignore_errors=True)
            with suppress(OSError):
                store.rmdir()
        raise


def check_checkpoints(study: Study, store: Path) -> None:
    """Refuse a checkpoint that does not fit the model of a run that starts from it, before anything is
    trained."""
    if not study.checkpoints:
        return
    from scaling.data.tokenizer import Tokenizer
    from scaling.training.initialize import build, read_weights

    vocabulary = len(Tokenizer.load(store / "tokenizer.json"))
    weights = {name: read_weights(path) for name, path in study.checkpoints.items()}
    seen: set[Run] = set()
    for run in study.runs:
        kind = replace(run, clips=0, seed=0, parent="")
        if kind not in seen and not {run.audio_init, run.text_init}.isdisjoint(weights):
            seen.add(kind)
            build(run, vocabulary, {}, weights.get(run.audio_init), weights.get(run.text_init))
