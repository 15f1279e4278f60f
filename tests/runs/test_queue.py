from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_run
from tiny_study import tiny_study

from scaling.models.options import TransformerOptions
from scaling.runs.queue import ATTEMPTS, Entry, RunQueue

RUNS = tiny_study().runs


def states(queue: RunQueue) -> dict[str, str]:
    return {entry.run.name: entry.state for entry in queue.snapshot()}


def test_parents_come_first_then_the_longest_runs_and_references_last():
    order = [entry.run for entry in RunQueue(RUNS, {}).snapshot()]
    assert order[0].objective_name == "supervised"
    assert [run.data.clips for run in order[1:9]] == [20] * 4 + [10] * 4
    assert {run.objective_name for run in order[9:]} == {"none"}


def test_a_wider_encoder_is_more_work():
    runs = [tiny_run(steps=steps, encoder=TransformerOptions(width)) for steps, width in ((30, 16), (10, 64), (10, 16))]
    assert [entry.run for entry in RunQueue(runs, {}).snapshot()] == [runs[1], runs[0], runs[2]]


def test_children_wait_for_their_parent_and_are_skipped_where_it_fails():
    parent = next(run for run in RUNS if run.objective_name == "supervised")
    child = next(run for run in RUNS if run.initialization.parent)
    queue = RunQueue([parent, child], {})
    assert queue.take(0, "first").run == parent
    assert queue.take(1, "other").kind == "wait"
    for attempt in range(ATTEMPTS):
        queue.failed(parent.name, 0, "ValueError: no")
        again = queue.take(0, f"again {attempt}")
        assert again.kind == ("run" if attempt < ATTEMPTS - 1 else "none")
    assert states(queue) == {parent.name: "failed", child.name: "skipped"}
    causes = {entry.run.name: entry.cause for entry in queue.snapshot()}
    assert causes[parent.name] == "ValueError: no"
    assert parent.name in causes[child.name]


def test_a_lane_that_died_in_a_run_gets_it_again_as_long_as_attempts_come_further():
    queue = RunQueue(RUNS, {})
    run = queue.take(0, "0").run
    assert run is not None
    # Killed again and again, but further every time: no failure of the run.
    for attempt in range(1, 10):
        queue.beat(run.name, attempt, 5.0, "training")
        assert queue.take(0, str(attempt)).run == run
    # As far as before, and no further: that is one in vain, then the next.
    queue.beat(run.name, 9, 5.0, "training")
    assert queue.take(0, "one in vain").run == run
    queue.beat(run.name, 3, 5.0, "training")
    assert queue.take(0, "two in vain").run != run
    assert states(queue)[run.name] == "failed"


def test_what_a_superseded_attempt_says_of_a_run_is_not_held_against_it():
    queue = RunQueue(RUNS, {})
    run = queue.take(0, "a").run
    assert run is not None
    assert queue.lane_ended(0, "its controller died")
    assert queue.take(1, "b").run == run
    queue.failed(run.name, 0, "SupersededError: another attempt has taken over")
    assert {entry.cause for entry in queue.snapshot() if entry.run == run} == {""}


def test_a_queue_made_again_is_where_it_was(tmp_path: Path):
    journal = tmp_path / "queue.jsonl"
    queue = RunQueue(RUNS, {}, "queue", journal)
    first, second = queue.take(0, "a").run, queue.take(1, "b").run
    assert first
    assert second
    queue.occupy(0, "a room")
    queue.beat(first.name, 7, 5.0, "training")
    assert queue.take(0, "c").run == first
    queue.done(first.name, "0.5")
    queue.failed(second.name, 1, "ValueError: no")

    def told(queue: RunQueue) -> list[Entry]:
        return [replace(entry, step=0, rate=0.0, phase="") for entry in queue.snapshot()]

    again = RunQueue(RUNS, {}, "queue", journal)
    assert told(again) == told(queue)
    assert again.occupied() == {0: "a room"}
    # The answer to a call may have been lost with the process: the same asking gets the same run.
    assert again.take(1, "b").run == second
    assert again.take(1, "d").run == second
    assert told(RunQueue(RUNS, {}, "queue", journal)) == told(again)
    again.stop()
    assert RunQueue(RUNS, {}, "queue", journal).take(0, "e").kind == "none"


def test_stopping_hands_out_nothing_and_counts_no_attempt():
    queue = RunQueue(RUNS, {})
    run = queue.take(0, "a").run
    assert run is not None
    assert not queue.beat(run.name, 1, 5.0, "training")
    queue.stop()
    assert queue.beat(run.name, 2, 5.0, "training")
    queue.interrupted(run.name)
    assert queue.take(0, "b").kind == "none"
    assert states(queue)[run.name] == "queued"


def test_finished_runs_are_not_handed_out():
    queue = RunQueue(RUNS, {run.name: "0.5" for run in RUNS})
    assert queue.take(0, "a").kind == "none"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["done", "died", "raised"])), max_size=80))
def test_whatever_happens_every_run_is_done_once_or_accounted_for(events: list[tuple[int, str]]):
    queue, held, done, asks = RunQueue(RUNS, {}), {}, [], iter(range(10**6))

    def ask(lane: int) -> None:
        take = queue.take(lane, str(next(asks)))
        if take.run is None:
            held.pop(lane, None)
            return
        assert take.run.name not in done
        assert take.run not in [run for other, run in held.items() if other != lane]
        if parent := take.run.initialization.parent:
            assert parent in done
        held[lane] = take.run

    for lane, event in [*events, *((lane, "done") for _ in range(40) for lane in range(3))]:
        if lane in held and event == "done":
            run = held.pop(lane)
            queue.done(run.name, "")
            done.append(run.name)
        elif lane in held and event == "raised":
            queue.failed(held[lane].name, lane, "an error")
        ask(lane)
    final = states(queue)
    assert set(final.values()) <= {"done", "failed", "skipped"}
    assert sorted(done) == sorted(name for name, state in final.items() if state == "done")
