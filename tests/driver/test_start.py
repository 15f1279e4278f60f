"""Whole studies: started as a user starts them, killed as clusters kill them."""

import csv
import time
from pathlib import Path

import polars as pl
import pytest
from started import RUNS, SMALL, Started, mlflow_runs
from study_corpus import write_corpus

from scaling.driver.display import Display
from scaling.driver.signals import Signals
from scaling.driver.start import Start
from scaling.record.metrics import beside
from scaling.runs.queue import Entry
from scaling.storage.tables import read_parquet
from scaling.study.options import parse
from studies.data_scale import DataScale, data_scale


def test_a_study_leaves_its_record_and_its_report(undisturbed: Started):
    results = undisturbed.results()
    assert len(results) == RUNS
    assert {r["clips"] for name, r in results.items() if name.startswith(("contrastive", "captioning"))} == {16, 32}
    scores = undisturbed.scores()
    assert not scores["excluded"].any()
    assert scores["run"].n_unique() == RUNS
    for run in mlflow_runs(undisturbed.out):
        result = results[run.data.tags["scaling.run"]]
        for score in result["scores"]:
            key = f"{score['task']}/{score['pooling']}/{score['metric']}"
            assert run.data.metrics[key] == score["value"]
            assert run.data.metrics[beside(key, "stderr")] == score["stderr"]
        objective = result["run"]["objective"] or {"name": "none"}
        assert run.data.params["objective"] == objective["name"]
        assert run.data.tags["source_hash"] == result["source_hash"]
    for file in ("report.html", "report.md", "curves.parquet", "claims.json"):
        assert (undisturbed.out / "report" / file).stat().st_size > 0
    assert not list(undisturbed.out.rglob("*.tmp"))
    assert not (undisturbed.out / ".ray").exists()
    text = undisturbed.log.read_text()
    assert "report.html" in text
    assert "mlflow ui" in text
    for noise in ("Warning", "WARNING", "INFO", "Traceback", "raylet"):
        assert noise not in text, text


def test_a_second_start_changes_nothing(undisturbed: Started, small_study: list[str]):
    def state() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in undisturbed.out.rglob("*") if path.is_file()}

    before, began = state(), time.monotonic()
    again = Started(undisturbed.out, *small_study)
    assert again.ended() == 0
    assert time.monotonic() - began < 30
    assert state() == before
    assert "nothing to do" in again.log.read_text()


def test_failed_runs_are_named_and_the_study_ends_with_1(
    undisturbed: Started, small_study: list[str], capsys: pytest.CaptureFixture[str]
):
    options = parse(DataScale, "", [*small_study, "--out", str(undisturbed.out)])
    start = Start(data_scale(options), options, Display(), Signals())
    failed, skipped, *others = start.study.runs
    entries = [Entry(failed, "failed", cause="ValueError: no"), Entry(skipped, "skipped", cause="its parent failed")]
    entries += [Entry(run, "done") for run in others]

    class Recorded:
        def settle(self, *_: object) -> bool:
            return True

        def scores(self, *_: object) -> pl.DataFrame:
            return read_parquet(undisturbed.out / "report" / "scores.parquet")

    assert start._report(Recorded(), Recorded(), entries) == 1
    said = capsys.readouterr().out
    assert f"{failed.name}: failed: ValueError: no" in said
    assert f"{skipped.name}: skipped: its parent failed" in said
    assert f"2 of {RUNS} runs are not done: the same command tries them again" in said


@pytest.mark.long
def test_a_task_without_a_usable_test_clip_is_refused_before_any_run(tmp_path: Path):
    arguments = write_corpus(tmp_path / "corpus")
    rows = list(csv.DictReader((tmp_path / "corpus" / "clips.csv").open()))
    for row in rows:
        if row["split"] == "test":
            (tmp_path / "corpus" / row["file"]).write_bytes(b"no audio")
    study = Started(tmp_path / "study", *SMALL, *arguments)
    assert study.ended() == 2
    text = study.log.read_text()
    assert (
        "task domain cannot be probed: 0 of its 12 test clips can be used, and it takes 1 (12 unreadable audio)" in text
    )
    assert "Traceback" not in text
    assert not (study.out / "runs").exists()
