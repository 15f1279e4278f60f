"""What the laptop study costs from command to report, and where its time goes.

    python tests/bench/study.py [--out DIR] [--options "..."]

Runs studies/data_scale.py with its defaults into a new folder (or reads the one at --out that is finished) and prints a
Markdown table: the stages of the start, orchestration = 1 - (lane seconds inside training and probes) / (lanes x
grid wall time), and the share of training time in which a step waited for its batch.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--options", default="")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp()) / "study"
    began = time.monotonic()
    if not (out / "starts.jsonl").exists():
        command = [sys.executable, ROOT / "studies" / "data_scale.py", "--out", out, *given.options.split()]
        subprocess.run(command, check=True)
    wall = time.monotonic() - began
    start = json.loads((out / "starts.jsonl").read_text().splitlines()[-1])
    costs = [json.loads(path.read_text())["cost"] for path in (out / "runs").glob("*/result.json")]
    trained = [cost for cost in costs if cost["samples_seen"]]
    waiting = sum(cost["feed_wait_seconds"] for cost in trained) / sum(cost["wall_seconds"] for cost in trained)
    rate = sum(cost["samples_seen"] for cost in trained) / sum(cost["wall_seconds"] for cost in trained)
    print("| what | measured |\n|---|---:|")
    for stage, seconds in start["stages"].items():
        print(f"| {stage} | {seconds:.0f} s |")
    if given.out is None or wall > 30:
        print(f"| command to report | {wall:.0f} s |")
    print(f"| runs, on {start['lanes']} lanes | {start['runs']} |")
    print(f"| orchestration | {start['orchestration']:.1%} |")
    print(f"| steps waiting for the feed | {waiting:.2%} |")
    print(f"| clips a second and lane, in training | {rate:.0f} |")


if __name__ == "__main__":
    main()
