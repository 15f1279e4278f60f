"""What a fit with its band costs here and in another checkout: processor time, turn by turn on one core.

    python tests/bench/fit_beside.py OTHER_CHECKOUT

One by one: four sizes with three runs each (every 100th case of LCDB's protocol A), five sizes with one run each, and
all sizes of public curves, each with the band at four times its largest size; then 47 public curves at once with 1,000
resamples asked for. Each checkout in a process of its own, two rounds; the lesser time is told.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from lcdb_curves import Floats, cases, lcdb_curves
from public_curves import public_curves

HERE = Path(__file__).resolve().parents[2]
ROUNDS = 2
WHAT = ("four sizes x 3 runs", "five sizes", "all sizes of a public curve", "47 curves at once, 1,000 resamples")


def seconds() -> list[float]:
    """Of each of `WHAT`, of one curve, but of all 47 in the last."""
    from scaling.analysis.curves.fit import fit_curve, fit_curves

    public = public_curves()
    runs = [(case.x, case.y) for case in list(cases(lcdb_curves()))[5::100]]
    sparse = [(curve.sparse5().x, curve.sparse5().y) for curve in public[::3]]
    whole = [(curve.x, curve.y) for curve in public[::6]]

    def one_by_one(curves: list[tuple[Floats, Floats]]) -> float:
        begin = time.process_time()
        for x, y in curves:
            fit_curve(x, y).interval(np.array([4 * x.max()]), 0.9)
        return (time.process_time() - begin) / len(curves)

    one_by_one(sparse[:1])
    found = [one_by_one(curves) for curves in (runs, sparse, whole)]
    begin = time.process_time()
    for curve in fit_curves([(curve.x, curve.y) for curve in public], draws=1000):
        curve.interval(4 * curve.largest)
    return [*found, time.process_time() - begin]


def asked(checkout: Path) -> list[float]:
    """`seconds` of a checkout."""
    path = os.pathsep.join([str(checkout), str(HERE / "tests" / "bench")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    code = "import fit_beside, json; print(json.dumps(fit_beside.seconds()))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return [float(value) for value in json.loads(done.stdout)]


def main() -> None:
    checkouts = (HERE, Path(sys.argv[1]).resolve())
    rounds = np.array([[asked(checkout) for checkout in checkouts] for _ in range(ROUNDS)])
    here, there = rounds.min(axis=0)
    print("| | here, ms | there, ms | of there |\n|---|---:|---:|---:|")
    for name, mine, theirs in zip(WHAT, here, there, strict=True):
        print(f"| {name} | {1000 * mine:.1f} | {1000 * theirs:.1f} | {mine / theirs:.2f} |")


if __name__ == "__main__":
    main()
