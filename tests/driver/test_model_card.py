"""A model card says what an encoder was trained on, and its scores with intervals."""

from typing import Any

from pretrained.made import encoder
from tiny import tiny_run

from scaling.driver.model_card import card
from scaling.probes.score import Score
from scaling.runs.result import Machine, Result
from scaling.study.run import Run
from scaling.training.cost import Cost

STUDY = {"study": "data-scale", "preset": "laptop", "corpus": "c0ffee", "design": {"question": "Which objective?"}}


def result(run: Run, **changes: Any) -> Result:
    scores = (
        Score("pitch", "tone", "mean", "accuracy", 0.9, 0.02, 100, "ridge | 1"),
        Score("birds", "nature", "mean", "map", 0.99, 0.02, 50),
    )
    fields = {
        "clips": 1200, "captions": 3400, "hours": 12.34, "cost": Cost(samples_seen=96, epochs=4.0), "scores": scores,
        "training_seconds": 1.0, "probe_seconds": 1.0, "machine": Machine("cpu", 1, 1, "2"), "store": "5708e",
        "source_hash": "abcdef", "commit": "",
    }  # fmt: skip
    return Result(run=run, **{**fields, **changes})


def test_it_says_what_an_encoder_was_trained_on_and_how_good_it_is() -> None:
    run = tiny_run(seed=2)
    said = card(result(run), STUDY, encoder())
    assert said.startswith(f"# {run.name}\n")
    assert "1,200 unique ones with 3,400 captions, 12.3 hours" in said
    assert "random audio weights and a random text side" in said
    assert "| pitch | mean | accuracy | 0.9000 | 0.8671 to 0.9329 | 100 | ridge / 1 |" in said
    assert "| birds | mean | map | 0.9900 | 0.9571 to 1.0000 | 50 |  |" in said
    assert "data-scale, laptop: Which objective?" in said
    assert "Seed: 2." in said


def test_without_a_study_and_of_labels() -> None:
    run = tiny_run("supervised")
    said = card(result(run, captions=0), {}, encoder())
    assert "1,200 labelled ones" in said
    assert "data-scale" not in said
    started = tiny_run(**{"initialization.audio": "supervised", "initialization.parent": "supervised-s0-1234"})
    assert "the encoder of supervised-s0-1234" in card(result(started), {}, encoder())
