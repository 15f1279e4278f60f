"""Whether another checkout of this project makes the same store and trains the same weights, to the bit.

    python tests/bench/same_bits.py OTHER_CHECKOUT

Each checkout makes a tiny store of the embedded corpus and trains a tiny run of each objective in processes of its own
(`tests/tiny.py`, one thread). Prints a Markdown table; exits 1 where anything differs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
STORE = "import sys, pathlib, tiny; tiny.tiny_store(pathlib.Path(sys.argv[1]))"


def run(checkout: Path, *arguments: str) -> str:
    """What a Python process of a checkout prints."""
    path = os.pathsep.join([str(checkout), str(checkout / "tests")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def curve(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "time"} for row in rows]


def main() -> None:
    checkouts = {"here": HERE, "there": Path(sys.argv[1]).resolve()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, checkout in checkouts.items():
            run(checkout, "-c", STORE, str(folder / name))
        here, there = ({path.name: path.read_bytes() for path in (folder / name).iterdir()} for name in checkouts)
        same = [here == there]
        print(f"| what | here | there |\n|---|---|---|\n| files of the store | {len(here)} | {len(there)} |")
        for objective in ("contrastive", "captioning"):
            digests = []
            for name, checkout in checkouts.items():
                into = str(folder / f"{name}-{objective}")
                digests.append(run(checkout, str(checkout / "tests/tiny.py"), str(folder / name), into, objective))
            print(f"| weights, {objective} | {digests[0]} | {digests[1]} |")
            same += [
                digests[0] == digests[1],
                len({json.dumps(curve(folder / f"{n}-{objective}")) for n in checkouts}) == 1,
            ]
    print("the same to the bit" if all(same) else "NOT the same")
    sys.exit(not all(same))


if __name__ == "__main__":
    main()
