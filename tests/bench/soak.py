"""A soak: random kills over laptop-sized studies on two nodes, until every study has the numbers of an undisturbed one.

    PYTHONPATH=tests python tests/bench/soak.py [--kills 100] [--seed 0] [--undisturbed DIR] [--options "..."]

Starts a head and two nodes of one CPU each on this machine, starts the study, and kills with SIGKILL, again and again
at a random moment after it works again: a worker, a lane's controller, the queue, a writer of the store, the driver, a
node, or the head with all nodes and the driver. After a driver's death the same command follows at once, after a head's
on a new cluster. A study that is done is compared with the undisturbed one (made first where --undisturbed names none):
the same weights and scores to the bit, every run once. Prints a Markdown table: kills by victim, and seconds until
every run that was half-finished had come further than before.
"""

import argparse
import os
import random
import signal
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from ray.cluster_utils import Cluster
from started import Started, check_equal, further, half_finished

from scaling.files import read_json

ACTORS = {"worker": "RayTrainWorker", "controller": "TrainController", "queue": "RunQueue", "writer": "_PartWriter"}
LONGEST_PAUSE = 10.0
PATIENCE = 180.0


def new_cluster() -> Cluster:
    """A head that holds drivers and no lane, and two nodes."""
    # As the recipes in clusters/ have it: a node that is gone is noticed after five seconds, not fifteen.
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": {"health_check_period_ms": 1000}}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    return cluster


def actors(kind: str) -> list[psutil.Process]:
    """The processes of a kind of actor that run on this script's nodes."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if f"ray::{ACTORS[kind]}" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


class Soak:
    """One study after another on one cluster after another, and who was killed."""

    def __init__(self, options: list[str], scratch: Path, seed: int) -> None:
        self.options, self.scratch, self.random = options, scratch, random.Random(seed)
        self.cluster = new_cluster()
        self.studies = 0
        self.kills: dict[str, int] = {}
        self.recoveries: dict[str, list[float]] = {}
        self.begin()

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
        there = [kind for kind in ACTORS if actors(kind)] + ["driver", "node", "head"]
        victim = self.random.choice(there)
        if victim in ACTORS:
            if living := actors(victim):
                self.random.choice(living).kill()
        elif victim == "node":
            self.cluster.remove_node(self.random.choice(list(self.cluster.worker_nodes)), allow_graceful=False)
        else:
            os.kill(self.study.process.pid, signal.SIGKILL)
            self.study.process.wait()
            if victim == "head":
                self.cluster.shutdown()
        self.kills[victim] = self.kills.get(victim, 0) + 1
        return victim

    def replace(self, victim: str) -> None:
        """What a person or an autoscaler does about it."""
        if victim == "node":
            self.cluster.add_node(num_cpus=1)
        if victim == "head":
            self.cluster = new_cluster()
        if victim in ("driver", "head"):
            self.start()

    def step(self) -> None:
        """Wait a random while, kill, and wait until every run that was half-finished has come further."""
        pause = time.monotonic() + self.random.uniform(0, LONGEST_PAUSE)
        while time.monotonic() < pause and self.study.process.poll() is None:
            time.sleep(0.02)
        if self.study.process.poll() is not None:
            return
        began, victim = time.monotonic(), self.kill()
        before = half_finished(self.study)
        self.replace(victim)
        while not further(self.study, before):
            if self.study.process.poll() is not None:
                return
            assert time.monotonic() - began < PATIENCE, self.study.log.read_text()
            time.sleep(0.02)
        if before:
            self.recoveries.setdefault(victim, []).append(time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--undisturbed", type=Path)
    parser.add_argument("--options", default="")
    given = parser.parse_args()
    scratch, options = Path(tempfile.mkdtemp()), given.options.split()
    reference = Started(given.undisturbed or scratch / "undisturbed", *options)
    assert reference.process.wait() == 0, reference.log.read_text()
    soak, began, restarts = Soak(options, scratch, given.seed), time.monotonic(), 0
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
        print(f"study {soak.studies}: equal to the undisturbed one, after {sum(soak.kills.values())} kills", flush=True)
        if sum(soak.kills.values()) >= given.kills:
            break
        soak.begin()
    soak.cluster.shutdown()
    runs = len(read_json(reference.out / "report" / "stamp.json")["runs"])
    minutes = (time.monotonic() - began) / 60
    kills = sum(soak.kills.values())
    print(f"\n{kills} kills in {minutes:.0f} minutes over {soak.studies} studies of {runs} runs, all equal to the")
    print(f"undisturbed one; {restarts} starts ended with a run that was hit too often\n")
    print("| killed | times | median s until all work again | longest |\n|---|---:|---:|---:|")
    for victim, times in sorted(soak.kills.items()):
        took = soak.recoveries.get(victim, [])
        ends = f"{statistics.median(took):.1f} | {max(took):.1f}" if took else "– | –"
        print(f"| {victim} | {times} | {ends} |")


if __name__ == "__main__":
    main()
