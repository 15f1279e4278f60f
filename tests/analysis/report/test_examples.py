"""Examples: which clips, whose answers, and what a page holds of them."""

import base64
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_study import Many

from scaling.analysis.report.examples import CLIPS, chosen_clips, examples, sound_file, sounds, told
from scaling.errors import StudyError

STUDY = Many(arms=2, tasks=1, sizes=(100, 300, 1000), seeds=2)
IDS = [f"clip {k}" for k in range(10)]


def answers(run: str, answer: str, right: float, truth: str = "a dog") -> pl.DataFrame:
    return pl.DataFrame({
        "task": "retrieval-x", "pooling": "mean", "metric": "a2t_recall_at_1", "clip": IDS,
        "truth": [truth] * len(IDS), "answer": [f"{answer} of {run}"] * len(IDS), "correct": [right] * len(IDS),
    })  # fmt: skip


@pytest.fixture
def scores(tmp_path: Path) -> pl.DataFrame:
    scores, _ = STUDY.scores(np.random.default_rng(0))
    for run in scores["run"].unique():
        (tmp_path / "runs" / run).mkdir(parents=True)
        answers(run, "a cat", float(run.startswith("1"))).write_parquet(tmp_path / "runs" / run / "predictions.parquet")
    return scores


def test_the_first_seed_of_every_arm_answers_at_both_ends(tmp_path: Path, scores: pl.DataFrame) -> None:
    [one] = examples(tmp_path, scores, STUDY.design)
    assert (one.task, one.what, one.places) == ("retrieval-x", "caption found first", ["100 clips", "1,000 clips"])
    assert [example.clip for example in one.clips] == chosen_clips(reversed(IDS))
    assert len(one.clips) == CLIPS
    assert one.clips[0].truth == "a dog"
    assert one.clips[0].said == [
        ("arm 0", [("a cat of 0-100-0", False), ("a cat of 0-1000-0", False)]),
        ("arm 1", [("a cat of 1-100-0", True), ("a cat of 1-1000-0", True)]),
    ]


def test_a_clip_that_a_run_was_not_asked_about_is_not_shown(tmp_path: Path, scores: pl.DataFrame) -> None:
    path = tmp_path / "runs" / "0-1000-0" / "predictions.parquet"
    first, *others = chosen_clips(IDS)
    pl.read_parquet(path).filter(pl.col("clip") != first).write_parquet(path)
    [one] = examples(tmp_path, scores, STUDY.design)
    assert [example.clip for example in one.clips][: len(others)] == others


def test_ranks_of_former_versions_are_no_words(tmp_path: Path, scores: pl.DataFrame) -> None:
    for path in tmp_path.glob("runs/*/predictions.parquet"):
        answers("", "rank 7", 0.0, "rank <= 1").write_parquet(path)
    assert examples(tmp_path, scores, STUDY.design) == []


def test_a_sound_is_in_the_page_where_it_was_put_and_text_steers_nothing(tmp_path: Path, scores: pl.DataFrame) -> None:
    for path in tmp_path.glob("runs/*/predictions.parquet"):
        answers("x", "a\x1b[31m cat", 0.0).write_parquet(path)
    found = examples(tmp_path, scores, STUDY.design)
    clip = found[0].clips[1].clip
    (tmp_path / "report" / "examples").mkdir(parents=True)
    (tmp_path / "report" / sound_file(clip)).write_bytes(b"fLaC")
    heard = sounds(tmp_path / "report", found)
    assert heard == {clip: f"data:audio/flac;base64,{base64.b64encode(b'fLaC').decode()}"}
    [page] = told(found, heard)
    assert [one["sound"] for one in page["clips"]] == ["", heard[clip], "", ""]
    assert page["clips"][0]["said"][0]["answers"][0]["text"] == r"a\x1b[31m cat of x"


def test_a_damaged_table_is_named(tmp_path: Path, scores: pl.DataFrame) -> None:
    path = tmp_path / "runs" / "0-100-0" / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(StudyError, match=r"predictions\.parquet"):
        examples(tmp_path, scores, STUDY.design)
