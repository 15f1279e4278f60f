"""Training: twins, resuming, stopping, being superseded, and two workers as one."""

import json
import random
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from tiny import BART, BERT, ZIPFORMER, tiny_feed, tiny_module, tiny_run

from scaling.data.store import Store
from scaling.errors import StudyError
from scaling.models.batch import Batch
from scaling.models.options import HubOptions
from scaling.study.run import Run, with_fields
from scaling.training import loop as training
from scaling.training.attempt import Attempt, InterruptedRunError, SupersededError
from scaling.training.checkpoint import latest_checkpoint, read_state
from scaling.training.cost import Cost
from scaling.training.learning_curve import LearningCurve, read_curve
from scaling.training.loop import train
from scaling.training.measures import weights_digest

TRAIN = ("train/loss", "train/gradient_norm", "train/learning_rate")


def trained(run: Run, store: Store, folder: Path, **options: Any) -> Cost:
    attempt = Attempt(folder)
    attempt.claim()
    return train(run, tiny_feed(run, store), tiny_module(run, len(store.tokenizer)), attempt, **options)


def curve(folder: Path) -> list[dict[str, float]]:
    """The learning curve without what a clock adds to it."""
    return [{k: v for k, v in row.items() if k != "time"} for row in read_curve(folder / "metrics.jsonl")]


def test_twins_start_from_the_same_encoder_and_see_the_same_clips(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [tiny_run(objective, steps=3) for objective in ("contrastive", "captioning")]
    encoders = [tiny_module(run, len(store.tokenizer)).get_submodule("encoder") for run in twins]
    assert weights_digest(encoders[0]) == weights_digest(encoders[1])
    seen: list[list[Batch]] = []
    for run in twins:
        module = tiny_module(run, len(store.tokenizer))
        seen.append([])
        module.register_forward_pre_hook(lambda module, args, into=seen[-1]: into.append(args[0]))
        attempt = Attempt(tmp_path / run.objective_name)
        attempt.claim()
        train(run, tiny_feed(run, store), module, attempt)
    for one, other in zip(*seen, strict=True):
        assert one.keys() == other.keys()
        # Features as the objective gets them: the same masks, too.
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(store: Store, tmp_path: Path) -> None:
    """Killed with SIGKILL after three steps drawn at random; captioning, as it draws the most."""
    run, seed = tiny_run("captioning"), time.time_ns()
    print(f"kills drawn from {seed}")
    straight = trained(run, store, tmp_path / "straight", checkpoint_seconds=1e9)
    folder, finished = tmp_path / "killed", None
    for step in [*sorted(random.Random(seed).sample(range(1, run.steps), 3)), None]:
        command = [sys.executable, tiny.__file__, str(store.folder), str(folder), run.objective_name]
        done = subprocess.run(command + ([] if step is None else [str(step)]), capture_output=True, text=True)
        assert done.returncode == (0 if step is None else -9), done.stderr
        assert done.stderr == ""
        finished = done.stdout.strip()
    assert finished == straight.weights
    assert curve(folder) == curve(tmp_path / "straight")
    assert [row["step"] for row in curve(folder)] == list(range(1, run.steps + 1))


def test_a_request_to_stop_leaves_a_checkpoint_to_go_on_from(store: Store, tmp_path: Path) -> None:
    run = tiny_run()
    straight = trained(run, store, tmp_path / "straight")
    for asked in (3, 7):
        with pytest.raises(InterruptedRunError):
            trained(run, store, tmp_path / "run", progress=lambda step, rate, at=asked: step == at)
        there = latest_checkpoint(tmp_path / "run")
        assert there is not None
        assert read_state(there).step == asked
        assert len(curve(tmp_path / "run")) == asked
    result = trained(run, store, tmp_path / "run", progress=lambda step, rate: step == run.steps)
    assert result.weights == straight.weights
    assert curve(tmp_path / "run") == curve(tmp_path / "straight")


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "{}", "[]"])
def test_a_damaged_checkpoint_is_named_and_removed_and_the_run_starts_again(
    store: Store, tmp_path: Path, name: str, harm: str
) -> None:
    run = tiny_run()
    straight = trained(run, store, tmp_path / "straight")
    with pytest.raises(InterruptedRunError):
        trained(run, store, tmp_path / "run", progress=lambda step, rate: step == 3)
    there = latest_checkpoint(tmp_path / "run")
    assert there is not None
    (there / "notes.txt").write_text("a person's")
    file, content = there / name, (there / name).read_bytes()
    file.unlink()
    if harm != "gone":
        flipped = bytes([*content[:-3], content[-3] ^ 4, *content[-2:]])
        file.write_bytes({"cut": content[: len(content) // 2], "flipped": flipped}.get(harm, harm.encode()))
    # Without its state it is no checkpoint.
    if (name, harm) != ("state.json", "gone"):
        with pytest.raises(StudyError, match=rf"^{re.escape(str(file))} is damaged \([^\n]*\): start the same command"):
            trained(run, store, tmp_path / "run")
    assert latest_checkpoint(tmp_path / "run") is None
    assert trained(run, store, tmp_path / "run").weights == straight.weights
    assert curve(tmp_path / "run") == curve(tmp_path / "straight")
    assert (there / "notes.txt").read_text() == "a person's"


def test_a_finished_run_is_not_trained_again(store: Store, tmp_path: Path) -> None:
    """As after a death between the last checkpoint and the result."""
    run = tiny_run()
    first = trained(run, store, tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoint").rglob("*.safetensors")) == ["weights.safetensors"]
    before = curve(tmp_path)
    again = trained(run, store, tmp_path, progress=lambda step, rate: pytest.fail("a step was taken"))
    assert curve(tmp_path) == before
    assert again == replace(first, wall_seconds=again.wall_seconds, feed_wait_seconds=again.feed_wait_seconds)


def test_time_is_counted_over_all_attempts(store: Store, tmp_path: Path) -> None:
    def slow(step: int, rate: float) -> bool:
        time.sleep(0.02)
        return step in (4, 8)

    for _ in range(2):
        with pytest.raises(InterruptedRunError):
            trained(tiny_run(), store, tmp_path, progress=slow)
    began = time.monotonic()
    result = trained(tiny_run(), store, tmp_path, progress=slow)
    last_alone = time.monotonic() - began
    assert result.wall_seconds > 12 * 0.02
    assert result.wall_seconds > (last_alone - 1) + 8 * 0.02
    assert 0 < result.feed_wait_seconds < result.wall_seconds


def test_what_a_run_reports(store: Store, tmp_path: Path) -> None:
    run = tiny_run()
    result = trained(run, store, tmp_path)
    assert result.samples_seen == 96
    assert result.epochs == 4
    rows = curve(tmp_path)
    assert all(set(TRAIN) < row.keys() for row in rows)
    assert [row["step"] for row in rows if "holdout/loss" in row] == [3, 6, 9, 12]
    assert rows[-1]["holdout/loss"] == result.holdout_loss
    assert [row["step"] for row in rows if row.get("holdout/rank_me", 0) >= 1] == [3, 6, 9, 12]


def test_a_superseded_attempt_publishes_nothing(store: Store, tmp_path: Path) -> None:
    run = tiny_run()

    def taken_over(step: int, rate: float) -> bool:
        if step == 5:
            successor = Attempt(tmp_path)
            successor.claim()
            LearningCurve(successor, 2).close()
        return False

    with pytest.raises(SupersededError):
        trained(run, store, tmp_path, progress=taken_over, checkpoint_seconds=1e9)
    assert latest_checkpoint(tmp_path) is None
    assert not list((tmp_path / "checkpoint").iterdir())
    # It trained on to its end, but what it logged went to the file that the successor had replaced.
    assert [row["step"] for row in curve(tmp_path)] == [1, 2]


def test_an_orphan_does_not_touch_the_checkpoint_of_its_successor(store: Store, tmp_path: Path) -> None:
    """The successor of a run that was trained to the end has taken over before the orphan tidies up."""
    run, claimed = tiny_run(), []

    class Overtaken(Attempt):
        def still_ours(self) -> None:
            super().still_ours()
            if latest_checkpoint(self.folder) and not claimed:
                claimed.append(True)
                Attempt(self.folder).claim()
                super().still_ours()

    attempt = Overtaken(tmp_path)
    attempt.claim()
    with pytest.raises(SupersededError):
        train(run, tiny_feed(run, store), tiny_module(run, len(store.tokenizer)), attempt)
    there = latest_checkpoint(tmp_path)
    assert there is not None
    assert (there / "optimizer.safetensors").exists()


RECIPES: dict[str, dict[str, Any]] = {
    "adamw, averaged": {"average_every": 2, "average_last": 0.7},
    "scaled-adam, eden, in parts": {
        "optimizer": "scaled-adam",
        "schedule": "eden",
        "learning_rate": 0.03,
        "accumulate": 2,
    },
    "zipformer": {"encoder": ZIPFORMER, "optimizer": "scaled-adam", "learning_rate": 0.03, "average_every": 3},
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_resumed_bit_for_bit(store: Store, tmp_path: Path, recipe: str) -> None:
    run = tiny_run("captioning", **RECIPES[recipe])
    straight = trained(run, store, tmp_path / "straight")
    for stop in (3, 7, 8):
        with pytest.raises(InterruptedRunError):
            trained(run, store, tmp_path / "run", progress=lambda step, rate, stop=stop: step == stop)
    assert trained(run, store, tmp_path / "run").weights == straight.weights
    assert curve(tmp_path / "run") == curve(tmp_path / "straight")


@pytest.mark.parametrize(("objective", "text"), [("contrastive", BERT), ("captioning", BART)])
def test_models_of_the_library_are_trained_and_resumed(
    store: Store, tmp_path: Path, objective: str, text: dict[str, Any]
) -> None:
    config = json.dumps({**text, "vocab_size": len(store.tokenizer)})
    options = replace(tiny.OBJECTIVES[objective], text_config=config)
    whisper = {
        "model_type": "whisper", "d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2,
        "encoder_ffn_dim": 16, "max_source_positions": 30, "vocab_size": 60_000,
    }  # fmt: skip
    run = replace(tiny_run(objective, steps=4, encoder=HubOptions(json.dumps(whisper))), objective=options)
    straight = trained(run, store, tmp_path / "straight")
    with pytest.raises(InterruptedRunError):
        trained(run, store, tmp_path / "run", progress=lambda step, rate: step == 2)
    assert trained(run, store, tmp_path / "run").weights == straight.weights
    assert straight.holdout_loss is not None
    assert straight.flops > 0


def test_parts_of_a_batch_add_up_to_it(store: Store, tmp_path: Path) -> None:
    """Captions of equal length, as the loss is a mean over the words of a part."""
    options = replace(tiny.OBJECTIVES["captioning"], max_tokens=4, autoregressive=1.0)
    run = replace(tiny_run("captioning", steps=4), objective=options)
    whole = trained(run, store, tmp_path / "whole").holdout_loss
    parts = trained(with_fields(run, {"optimization.accumulate": 4}), store, tmp_path / "parts").holdout_loss
    assert parts == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("encoder", [tiny.ENCODER, tiny.ZIPFORMER], ids=["transformer", "zipformer"])
def test_layers_computed_again_change_no_bit(store: Store, tmp_path: Path, encoder: object) -> None:
    run = tiny_run("captioning", steps=3, encoder=encoder, accumulate=2)
    plain = trained(run, store, tmp_path / "plain").weights
    assert trained(with_fields(run, {"optimization.recompute": True}), store, tmp_path / "again").weights == plain


@pytest.mark.parametrize("objective", ["contrastive", "siglip", "hybrid", "tagging"])
def test_a_run_that_holds_a_part_of_its_batch_at_once_is_the_same_run(
    store: Store, tmp_path: Path, objective: str
) -> None:
    # Small steps: Adam makes a full one of a gradient that is but a rounding error.
    run = tiny_run(objective, steps=4, learning_rate=1e-4)
    whole = trained(run, store, tmp_path / "whole")
    parts = trained(with_fields(run, {"optimization.at_once": 3}), store, tmp_path / "parts")
    assert parts.holdout_loss == pytest.approx(whole.holdout_loss, abs=1e-4)
    first, second = (read_curve(tmp_path / name / "metrics.jsonl")[0] for name in ("whole", "parts"))
    assert second["train/gradient_norm"] == pytest.approx(first["train/gradient_norm"], rel=1e-4)


def test_an_objective_that_takes_its_loss_of_all_at_once_is_told_apart(store: Store, tmp_path: Path) -> None:
    run = tiny_run(at_once=3)
    module = tiny_module(run, len(store.tokenizer))
    whole = type("Whole", (type(module),), {"forward": lambda self, batch, generator: {}})
    module.__class__ = whole
    with pytest.raises(StudyError, match="contrastive takes its loss of a whole batch"):
        train(run, tiny_feed(run, store), module, Attempt(tmp_path))


def test_parts_that_cannot_be_shared_out_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a batch of 8 clips does not divide into 3 parts"):
        tiny_run(accumulate=3)


@pytest.mark.parametrize("logged", [1, 1000])
def test_a_loss_that_is_not_finite_is_an_error_and_never_saved(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: int
) -> None:
    monkeypatch.setattr(training, "LOGGED_STEPS", logged)
    run = tiny_run(learning_rate=float("inf"))
    # Of the first such step, whenever it is looked for.
    clips = ", ".join(map(store.clip_id, tiny_feed(run, store).drawn(1)[0].tolist()))
    with pytest.raises(FloatingPointError, match=f"at step 2, of the clips {clips}$"):
        trained(run, store, tmp_path, checkpoint_seconds=0.0)
    there = latest_checkpoint(tmp_path)
    # The first step's loss was still finite.
    assert there is None or read_state(there).step == 1
