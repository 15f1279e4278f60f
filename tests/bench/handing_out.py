"""What it costs to hand a run out: runs of nothing through the queue actor, by as many takers as there are lanes.

    python tests/bench/handing_out.py [--runs 100 1000] [--lanes 2]

Each run is taken, claimed, told of twice, given its result file and marked as done, as a lane does it; nothing is
trained. Prints a Markdown table: the rate must not fall with the number of runs.
"""

import argparse
import logging
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

import ray

from scaling.runs.queue import RunQueue
from scaling.storage.files import write_json
from scaling.study.run import Run
from scaling.training.attempt import Attempt


def take_all(queue: Any, lane: int, runs: str) -> int:
    """Work through the queue as one lane; the number of runs it got."""
    got = 0
    while (take := ray.get(queue.take.remote(lane, secrets.token_hex(4)))).kind == "run":
        attempt = Attempt(Path(runs) / take.run.name)
        attempt.claim()
        ray.get(queue.beat.remote(take.run.name, 0, 0.0, "training"))
        ray.get(queue.beat.remote(take.run.name, 0, 0.0, "probing"))
        write_json(attempt.folder / "result.json", {})
        ray.get(queue.done.remote(take.run.name, ""))
        got += 1
    return got


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--lanes", type=int, default=2)
    given = parser.parse_args()
    ray.init(address="local", include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    taker = ray.remote(num_cpus=0)(take_all)
    with tempfile.TemporaryDirectory() as warm:
        queue: Any = ray.remote(num_cpus=0)(RunQueue).remote([Run(None, seed=-1)], {})
        ray.get([taker.remote(queue, lane, warm) for lane in range(given.lanes)])
    print("| runs of nothing | seconds | runs/s |\n|---:|---:|---:|")
    for count in given.runs:
        with tempfile.TemporaryDirectory() as folder:
            runs, journal = [Run(None, seed=seed) for seed in range(count)], Path(folder) / "queue.jsonl"
            queue = ray.remote(num_cpus=0)(RunQueue).remote(runs, {}, "queue", journal)
            ray.get(queue.snapshot.remote())
            began = time.monotonic()
            got = sum(ray.get([taker.remote(queue, lane, folder) for lane in range(given.lanes)]))
            spent = time.monotonic() - began
            done = sum(entry.state == "done" for entry in ray.get(queue.snapshot.remote()))
            assert got == done == count, (got, done, count)
            print(f"| {count:,} | {spent:.1f} | {count / spent:.0f} |")


if __name__ == "__main__":
    main()
