"""The grid at work: lanes take its runs, the driver shows and records them, and what it cost is noted."""

import json
import os
import time

from scaling.cluster.lanes import END_SECONDS, Lanes
from scaling.driver.display import Display, clock
from scaling.driver.identity import STARTS
from scaling.driver.parents import reopened_parents
from scaling.driver.signals import Signals
from scaling.driver.unprobed import reopened_unprobed
from scaling.errors import ClusterLostError
from scaling.record.recorder import Recorder
from scaling.runs.folder import StudyFolder
from scaling.runs.provenance import commit, source_hash
from scaling.runs.queue import Entry
from scaling.storage.files import append_line
from scaling.study.resources import Resources
from scaling.study.study import Study

POLL_SECONDS = 0.5


class Grid:
    """The runs of a study in its folder; those that are done already are kept as they are."""

    def __init__(self, study: Study, folder: StudyFolder, display: Display) -> None:
        self._study, self._display = study, display
        self._folder = folder.with_checkpoints(study.checkpoints)
        self._lanes: Lanes | None = None
        again = reopened_unprobed(study, folder)
        if again:
            display.say(f"{len(again)} finished runs are scored again, by {', '.join(study.probes)}")
        for parent, cause in reopened_parents(study, folder).items():
            display.say(f"{parent} is done again, as others start from its weights: {cause}")
        results = folder.results(study.runs)
        self._finished = {name: result.main_score for name, result in results.items()}
        other = sum(result.source_hash != source_hash() for result in results.values())
        if other:
            display.say(
                f"{other} finished runs were made by other source than today's ({source_hash()}) "
                "and are kept as they are"
            )
        for cell in study.cells:
            folder.run(cell.run.name).begin(cell)

    def work(self, resources: Resources, recorder: Recorder, signals: Signals, stages: dict[str, float]) -> list[Entry]:
        """Do the runs that are not done; where every run stands, once each has ended or no lane is left.

        A signal stops the lanes after a checkpoint. Adds the seconds of the grid to `stages`. Lanes need seconds to end
        when there is nothing left to take: `close` waits for that, and there is work to do meanwhile.
        """
        if len(self._finished) == len(self._study.runs):
            return []
        began = time.monotonic()
        name = f"{self._study.name}-{self._study.preset}"
        scratch = self._folder.path / ".ray" / str(os.getpid())
        lanes = Lanes(
            name,
            self._study.runs,
            self._finished,
            self._folder,
            resources,
            scratch,
            self._display.say,
            self._study.probes,
        )
        self._lanes = lanes
        try:
            entries = self._watch(lanes, recorder, signals)
        except ClusterLostError:
            # Nothing is left that could be closed.
            self._lanes = None
            raise
        stages["grid"] = time.monotonic() - began
        self._note_cost(lanes.count, entries, stages)
        return entries

    def close(self, wait: bool = True) -> None:
        """Give the lanes time to end, or none, and remove what they leave behind."""
        if self._lanes is not None:
            self._lanes.close(END_SECONDS if wait else 0.0)

    def _watch(self, lanes: Lanes, recorder: Recorder, signals: Signals) -> list[Entry]:
        """Show and record the grid until every run has ended or no lane is left; stopped, until no run is at work."""
        asked = False
        with signals.deferred():
            while True:
                alive = lanes.alive
                entries = lanes.entries()
                self._display.grid(entries, lanes.group)
                recorder.watch(entries)
                states = {entry.state for entry in entries}
                # Stopped, the queue hands out nothing more: a lane that is just starting need not be waited for.
                if not alive or not states & {"queued", "running"} or (asked and "running" not in states):
                    break
                if signals.arrived and not asked:
                    asked = True
                    self._display.close()
                    self._display.say("stopping: every run leaves a checkpoint (again to stop at once)")
                    lanes.stop()
                time.sleep(POLL_SECONDS)
        self._display.close()
        return entries

    def _note_cost(self, lanes: int, entries: list[Entry], stages: dict[str, float]) -> None:
        """Note what this start cost, by stage; `orchestration` is the share of the lanes' time spent outside
        training and probing."""
        ended = [entry.run for entry in entries if entry.state == "done" and entry.run.name not in self._finished]
        done = self._folder.results(ended).values()
        busy = sum(result.training_seconds + result.probe_seconds for result in done)
        orchestration = 1 - busy / (lanes * stages["grid"])
        row = {
            "time": int(time.time()),
            "lanes": lanes,
            "runs": len(done),
            "busy_seconds": busy,
            "orchestration": orchestration,
            "stages": stages,
            "commit": commit(),
        }
        append_line(self._folder.path / STARTS, json.dumps(row))
        self._display.say(
            f"{len(done)} runs on {lanes} lanes in {clock(stages['grid'])}, {orchestration:.0%} of it orchestration"
        )
