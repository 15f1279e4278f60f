"""A soak: random kills over laptop-sized studies on two nodes, until every study has the numbers of an undisturbed one.

    python tests/bench/soak.py [--kills 200] [--seed 0] [--undisturbed DIR] [--options "..."]

Starts a head and two nodes of one CPU each on this machine, starts the study, and kills with SIGKILL, again and again
at a random moment after it works again: a worker, a lane's controller, the queue, a writer of the store, the driver, a
node, the head with all nodes and the driver, or, once in each study, the driver while it writes the report. After a
driver's death the same command follows at once, after a head's on a new cluster. A study that is done is compared
with the undisturbed one (made first where --undisturbed names none): the same weights, scores, curves and claims to
the bit, every run once. Prints a Markdown table: kills by victim; seconds until the study worked again, that is,
until every run that was half-finished was trained again (where none was: until a run had begun or another part of the
store was written); and seconds until all these runs were further than ever before, so that the steps since their last
checkpoints were made up.
"""

import argparse
import itertools
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ray.cluster_utils import Cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from started import Started, actors, check_equal, half_finished

ACTORS = {"worker": "RayTrainWorker", "controller": "TrainController", "queue": "RunQueue", "writer": "MapWorker"}
OFTEN = {"worker": 4, "controller": 4, "queue": 4, "writer": 4, "driver": 2, "node": 2, "head": 1}
"""How often each is chosen, of those that are there."""
LONGEST_PAUSES = {"writer": 20.0, "worker": 6.0}
"""Seconds of work between kills, while clips are prepared and while runs are trained: most kills shall hit runs."""
PATIENCE = 180.0
REPORT_SECONDS = 15.0
"""From the last run's end: lanes end, MLflow is told, the report is written."""
REPORTED = ("curves.parquet", "claims.json")
"""Files of a report that name neither MLflow's runs nor a start, and are equal to the byte."""
STILL = 2.0
"""Seconds without a step after which a run is taken to have stood still."""
WATCH = 12.0
"""Seconds after a kill for which runs are watched at least."""


def new_cluster() -> Cluster:
    """A head that holds drivers and no lane, and two nodes."""
    # As the recipes in clusters/ have it: a node that is gone is noticed after five seconds, not fifteen.
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": {"health_check_period_ms": 1000}}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    return cluster


class Soak:
    """One study after another on one cluster after another, and who was killed."""

    def __init__(self, options: list[str], scratch: Path, seed: int) -> None:
        self.options, self.scratch, self.random = options, scratch, random.Random(seed)
        self.cluster = new_cluster()
        self.studies = self.reports = 0
        self.runs = 0
        self.kills: dict[str, int] = {}
        self.recoveries: dict[str, list[tuple[float, float]]] = {}

    def begin(self) -> None:
        """A new study."""
        self.studies += 1
        self.start()

    def start(self) -> None:
        """The command, on the cluster that is there."""
        out = self.scratch / f"study-{self.studies}"
        self.study = Started(out, *self.options, address=self.cluster.address)

    def kill(self) -> str:
        """Kill one of what is there; who it was."""
        there = [kind for kind in OFTEN if kind not in ACTORS or actors(ACTORS[kind])]
        [victim] = self.random.choices(there, [OFTEN[kind] for kind in there])
        if victim in ACTORS:
            if living := actors(ACTORS[victim]):
                self.random.choice(living).kill()
        elif victim == "node":
            self.cluster.remove_node(self.random.choice(list(self.cluster.worker_nodes)), allow_graceful=False)
        else:
            os.kill(self.study.process.pid, signal.SIGKILL)
            self.study.process.wait()
            if victim == "head":
                self.cluster.shutdown()
        self.kills[victim] = self.kills.get(victim, 0) + 1
        print(f"kill {sum(self.kills.values())}: {victim}", flush=True)
        return victim

    def replace(self, victim: str) -> None:
        """What a person or an autoscaler does about it."""
        if victim == "node":
            self.cluster.add_node(num_cpus=1)
        if victim == "head":
            self.cluster = new_cluster()
        if victim in ("driver", "head"):
            self.start()

    def wait(self, until: Callable[[], object], patience: float) -> bool:
        """Wait for something, at most so long; False where the study ended before."""
        end = time.monotonic() + patience
        while not until() and time.monotonic() < end:
            if self.study.process.poll() is not None:
                return False
            time.sleep(0.1)
        return True

    def parts(self) -> int:
        """The parts of the store that are written."""
        return len(list((Path(self.study.out) / "store").rglob("part-*.arrow")))

    def step(self) -> None:
        """Wait until the study works and a random while more, kill, and wait until it works again."""
        if not self.wait(
            lambda: half_finished(self.study) or actors(ACTORS["writer"]) or self.reports_next(), PATIENCE
        ):
            return
        if self.reports_next():
            self.kill_report()
            return
        pause = LONGEST_PAUSES["writer" if actors(ACTORS["writer"]) else "worker"]
        if not self.wait(lambda: False, self.random.uniform(0, pause)):
            return
        began, victim = time.monotonic(), self.kill()
        before, parts = half_finished(self.study), self.parts()
        watched = {name: Watched(began, steps) for name, steps in before.items()}

        def works() -> bool:
            now, done = half_finished(self.study), self.study.results()
            if not before:
                return bool(now) or self.parts() > parts
            for name, run in watched.items():
                run.look(now.get(name, 0), name in done)
            # The orphans of what was killed train on for seconds, until its death is known.
            return time.monotonic() - began > WATCH and all(run.works for run in watched.values())

        self.replace(victim)
        if not self.wait(works, PATIENCE):
            return
        assert works(), self.study.log.read_text()
        took = time.monotonic() - began
        again = max((_stood_until(run.stepped) - began for run in watched.values()), default=took)
        made_up = max((_stood_until(run.furthest) - began for run in watched.values()), default=took)
        self.recoveries.setdefault(victim, []).append((again, made_up))

    def reports_next(self) -> bool:
        """Whether all runs of the study are done, and nobody was killed at its report yet."""
        return self.reports < self.studies and len(self.study.results()) == self.runs

    def kill_report(self) -> None:
        """Kill the driver at a random moment between the last run and the end, and start it again."""
        self.reports = self.studies
        if not self.wait(lambda: False, self.random.uniform(0, REPORT_SECONDS)):
            return
        began = time.monotonic()
        os.kill(self.study.process.pid, signal.SIGKILL)
        self.study.process.wait()
        self.kills["report"] = self.kills.get("report", 0) + 1
        print(f"kill {sum(self.kills.values())}: report", flush=True)
        self.start()
        assert self.study.ended() == 0, self.study.log.read_text()
        took = time.monotonic() - began
        self.recoveries.setdefault("report", []).append((took, took))


class Watched:
    """A run that is watched from `began` on: when it was seen to step, and when to be further than ever."""

    def __init__(self, began: float, steps: int) -> None:
        self.stepped, self.furthest = [began], [began]
        self.steps = self.most = steps
        self.done = False

    def look(self, steps: int, done: bool) -> None:
        now = time.monotonic()
        if self.done:
            return
        if steps > self.steps or done:
            self.stepped.append(now)
        if steps > self.most or done:
            self.furthest.append(now)
        self.steps, self.most, self.done = steps, max(self.most, steps), done

    @property
    def works(self) -> bool:
        return self.done or time.monotonic() - self.furthest[-1] < STILL


def _stood_until(times: list[float]) -> float:
    """When the longest pause ended; the first time where there was none to speak of."""
    gap, end = max(((b - a, b) for a, b in itertools.pairwise(times)), default=(0.0, times[0]))
    return end if gap > STILL else times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--undisturbed", type=Path)
    parser.add_argument("--options", default="")
    given = parser.parse_args()
    scratch, options = Path(tempfile.mkdtemp()), given.options.split()
    soak = Soak(options, scratch, given.seed)
    reference = Started(given.undisturbed or scratch / "undisturbed", *options, address=soak.cluster.address)
    assert reference.process.wait() == 0, reference.log.read_text()
    start = json.loads((Path(reference.out) / "starts.jsonl").read_text().splitlines()[-1])
    print(f"undisturbed, on 2 nodes: {start['orchestration']:.1%} of the lanes' time is orchestration", flush=True)
    soak.runs = len(reference.results())
    began, restarts = time.monotonic(), 0
    soak.begin()
    while True:
        if sum(soak.kills.values()) < given.kills:
            soak.step()
        else:
            soak.study.process.wait()
        code = soak.study.process.poll()
        if code is None:
            continue
        if code != 0:
            # A run may have been hit too often in one start: the same command tries it again.
            assert code == 1, soak.study.log.read_text()
            restarts += 1
            soak.start()
            continue
        check_equal(soak.study, reference)
        for name in REPORTED:
            mine, theirs = (Path(study.out) / "report" / name for study in (soak.study, reference))
            assert mine.read_bytes() == theirs.read_bytes(), f"{mine} is not {theirs}"
        print(f"study {soak.studies}: equal to the undisturbed one, after {sum(soak.kills.values())} kills", flush=True)
        if sum(soak.kills.values()) >= given.kills:
            break
        soak.begin()
    soak.cluster.shutdown()
    minutes = (time.monotonic() - began) / 60
    kills = sum(soak.kills.values())
    print(f"\n{kills} kills in {minutes:.0f} minutes over {soak.studies} studies of {soak.runs} runs, all equal to the")
    print(f"undisturbed one; {restarts} starts ended with a run that was hit too often\n")
    print("| killed | times | works again after, median s | longest | lost steps made up after, median s | longest |")
    print("|---|---:|---:|---:|---:|---:|")
    for victim, times in sorted(soak.kills.items()):
        cells = [
            f"{statistics.median(took):.1f} | {max(took):.1f}"
            for took in zip(*soak.recoveries.get(victim, []), strict=True)
        ]
        print(f"| {victim} | {times} | {' | '.join(cells or ['–'] * 4)} |")


if __name__ == "__main__":
    main()
