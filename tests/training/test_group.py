"""Two workers that train one run."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import ENCODER, ZIPFORMER, Pair, tiny_feed, tiny_module, tiny_run

from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.study.run import Run
from scaling.training import group
from scaling.training.attempt import Attempt
from scaling.training.checkpoint import latest_checkpoint, read_state
from scaling.training.group import from_first
from scaling.training.learning_curve import read_curve
from scaling.training.loop import train


def curve(folder: Path) -> list[dict[str, float]]:
    """The learning curve without what a clock adds to it."""
    return [{k: v for k, v in row.items() if k != "time"} for row in read_curve(folder / "metrics.jsonl")]


def said_by(worker: int) -> list[Any]:
    return [from_first(lambda: worker), from_first(lambda: {"of": ("any", "kind", worker)})]


def test_all_hear_what_the_first_worker_says(pair: Pair) -> None:
    assert said_by(7) == [7, {"of": ("any", "kind", 7)}]
    assert pair.call(said_by) == [[0, {"of": ("any", "kind", 0)}]] * 2


def in_a_group(worker: int, run: Run, folder: Path, into: Path, stop_at: int, double: bool = False) -> dict[str, Any]:
    store = Store(folder)
    module = tiny_module(run, len(store.tokenizer))
    if double:
        module.double()
    attempt = Attempt(into, "token", worker)
    if worker == 0:
        attempt.claim()
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    result = train(run, tiny_feed(run, store), module, attempt, progress=lambda step, rate: step == stop_at)
    return {**asdict(result), "tensors": {key: value.clone() for key, value in module.state_dict().items()}}


@pytest.mark.parametrize("objective", ["contrastive", "captioning"])
def test_two_workers_train_what_one_does(store: Store, tmp_path: Path, pair: Pair, objective: str) -> None:
    # Adam makes a full step of a gradient that is but a rounding error; small steps keep that below 1e-5.
    run = tiny_run(objective, steps=4, learning_rate=1e-4, text_rate=1.0)
    one = in_a_group(0, run, store.folder, tmp_path / "one", -1)
    both = pair.call(in_a_group, run, store.folder, tmp_path / "two", -1)
    assert both[0]["weights"] == both[1]["weights"]
    for key, value in one["tensors"].items():
        torch.testing.assert_close(both[0]["tensors"][key], value, atol=1e-5, rtol=0)
    for alone, together in zip(curve(tmp_path / "one"), curve(tmp_path / "two"), strict=True):
        assert together == pytest.approx(alone, abs=1e-4)
    assert not list((tmp_path / "two").glob("checkpoint/.*"))


@pytest.mark.parametrize("objective", ["contrastive", "captioning"])
@pytest.mark.parametrize(
    "encoder",
    [ENCODER, pytest.param(replace(ZIPFORMER, regularized=False), marks=pytest.mark.long)],
    ids=["transformer", "zipformer"],
)
def test_in_double_two_workers_train_what_one_does(
    store: Store, tmp_path: Path, pair: Pair, objective: str, encoder: Any
) -> None:
    run = tiny_run(objective, encoder=encoder, steps=10)
    one = in_a_group(0, run, store.folder, tmp_path / "one", -1, True)
    both = pair.call(in_a_group, run, store.folder, tmp_path / "two", -1, True)
    for key, value in one["tensors"].items():
        torch.testing.assert_close(both[0]["tensors"][key], value, atol=1e-5, rtol=0)


def test_a_group_stops_together_and_goes_on(store: Store, tmp_path: Path, pair: Pair) -> None:
    """Asked once, between two meetings; the group stops at the next one, and ends where it would have."""
    # Longer than several meetings: 24 steps once took less than one.
    run = tiny_run(steps=80)
    straight = pair.call(in_a_group, run, store.folder, tmp_path / "straight", -1)
    stopped = pair.call(in_a_group, run, store.folder, tmp_path / "run", 2)
    assert stopped == [f"InterruptedRunError: {run.name}"] * 2
    there = latest_checkpoint(tmp_path / "run")
    assert there is not None
    assert 2 <= read_state(there).step < run.steps
    ended = pair.call(in_a_group, run, store.folder, tmp_path / "run", -1)
    assert {result["weights"] for result in ended} == {straight[0]["weights"]}
    assert curve(tmp_path / "run") == curve(tmp_path / "straight")


def meetings_of_slow_steps(worker: int, seconds: float, steps: int) -> list[int]:
    meetings = group.Meetings(0)
    stopped = []
    for step in range(1, steps + 1):
        if worker == 0:
            time.sleep(seconds)
        if meetings.agreed(step, worker == 0 and step == 3, False)[0]:
            stopped.append(step)
    return stopped


def test_slow_steps_are_met_after_each(pair: Pair) -> None:
    assert pair.call(meetings_of_slow_steps, group.MEETING_SECONDS * 0.6, 4) == [[3, 4], [3, 4]]


def test_a_batch_that_cannot_be_shared_out_is_refused(store: Store, tmp_path: Path, pair: Pair) -> None:
    answers = pair.call(in_a_group, tiny_run(batch_size=7), store.folder, tmp_path, -1)
    assert answers == [f"{StudyError.__name__}: a batch of 7 clips cannot be shared out equally to 2 workers"] * 2
