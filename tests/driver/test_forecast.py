"""The plan of a study before it is begun."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from study_corpus import write_corpus
from tiny_study import tiny_study

from scaling.driver.forecast import schedule

ROOT = Path(__file__).resolve().parents[2]


def test_a_child_waits_and_lanes_are_shared():
    study = tiny_study()
    runs = [cell.run for cell in study.cells if cell.levels["objective"] != "captioning" and not cell.run.reference]
    seconds = {run.name: 5.0 if run.objective_name == "supervised" else 2.0 for run in runs}
    slots = schedule(runs, seconds, lanes=2)
    by_name = {slot.run.name: slot for slot in slots}
    assert len(slots) == len(runs)
    assert slots[0].run.objective_name == "supervised"
    for slot in slots:
        assert slot.end == slot.begin + seconds[slot.run.name]
        if parent := slot.run.initialization.parent:
            assert slot.begin >= by_name[parent].end
    # Two from scratch beside the parent, until 4; the lane then waits, and both children begin at 5.
    assert sorted((slot.begin, slot.end) for slot in slots) == [(0, 2), (0, 5), (2, 4), (5, 7), (5, 7)]
    for lane in (0, 1):
        mine = sorted((slot for slot in slots if slot.lane == lane), key=lambda slot: slot.begin)
        assert all(one.end <= other.begin for one, other in pairwise(mine))


@pytest.mark.parametrize("lanes", [1, 3, 50])
def test_every_run_is_planned_once(lanes: int):
    runs = tiny_study((1, 2, 3)).runs
    slots = schedule(runs, {run.name: float(run.steps) for run in runs}, lanes)
    assert sorted(slot.run.name for slot in slots) == sorted(run.name for run in runs)


def test_a_dry_run_prints_the_plan_and_leaves_nothing(tmp_path: Path):
    corpus = write_corpus(tmp_path / "corpus")
    out = tmp_path / "studies" / "out"
    command = [sys.executable, str(ROOT / "studies" / "data_scale.py"), "--preset", "smoke", "--clips", "16", "32"]
    done = subprocess.run([*command, *corpus, "--out", str(out), "--dry-run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "runs: 12, 9 of them trained" in lines
    for name in ("lanes: ", "CPU-hours: ", "disk: ", "first result after: ", "all results after: "):
        assert any(line.startswith(name) for line in lines), done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
