"""Benches start without a PYTHONPATH: what they import is there. What they measure is no test's business."""

import os
import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).parent / "bench"
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    bench = importlib.import_module(name)
    alone = f"python tests/bench/{name}.py" in (bench.__doc__ or "")
    assert alone or (bench.__doc__ and name in ("public_curves", "made_store", "lcdb_curves", "band_points")), name
    assert "PYTHONPATH" not in bench.__doc__, name
"""


def test_every_bench_finds_what_it_imports() -> None:
    names = sorted(path.stem for path in BENCHES.glob("*.py"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # In their own folder, as Python puts a script's folder first.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], cwd=BENCHES, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
