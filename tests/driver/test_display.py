"""What a person is told of a grid that works."""

import time

from tiny import tiny_run

from scaling.driver.display import seconds_left, spending
from scaling.runs.queue import Entry
from scaling.study.resources import Group
from scaling.study.run import Run


def entry(objective: str, state: str, *, seconds: float = 0.0, began: float = 0.0, **fields: int) -> Entry:
    run = Run(None) if objective == "none" else tiny_run(objective, **{"steps": 100, **fields})
    return Entry(run, state, seconds=seconds, began=began)  # type: ignore[arg-type]


def test_nothing_is_said_before_anything_is_measured():
    assert seconds_left([entry("contrastive", "running", began=90.0), entry("contrastive", "queued")], 100.0) is None
    # References train nothing and were done in an earlier start: no rate comes from them.
    assert seconds_left([entry("none", "done", seconds=3.0), entry("captioning", "done")], 100.0) is None


def test_a_run_takes_what_its_objective_has_taken():
    entries = [
        entry("contrastive", "done", seconds=20.0),
        entry("contrastive", "done", seconds=40.0),
        entry("contrastive", "queued", steps=200),  # 60
        entry("contrastive", "running", began=90.0),  # 30 - 10
        entry("captioning", "queued"),  # none is done: as the others, 30
        entry("captioning", "failed"),
        entry("none", "queued"),
    ]
    assert seconds_left(entries, 100.0) == 60.0 + 20.0 + 30.0


def test_a_run_that_has_more_to_do_takes_longer():
    entries = [entry("contrastive", "done", seconds=20.0), entry("contrastive", "queued", batch_size=24)]
    assert seconds_left(entries, 100.0) == 60.0


def test_spent_hours_count_every_worker():
    now = time.time()
    entries = [entry("contrastive", "done", seconds=1800.0), entry("contrastive", "running", began=now - 1800.0)]
    assert spending(entries, Group(lanes=2, workers=4, gpu=True)) == "about 00:00 left, 4.00 GPU-hours spent"
