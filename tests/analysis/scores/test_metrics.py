"""Metrics and their errors: what is fitted, averaged and refused."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.report.page import _reported
from scaling.analysis.scores.design import read_design
from scaling.analysis.scores.metrics import AXES, METRICS, evaluation_axis, headline, primary
from scaling.analysis.scores.own_table import read_table
from scaling.analysis.scores.rows import reported, trained
from scaling.analysis.scores.study_table import read_scores
from scaling.errors import StudyError


def with_metrics(study: Path, *rows: tuple[str, float]) -> pl.DataFrame:
    """The study's scores, and for each run those of generated captions beside the first task's."""
    scores = pl.read_parquet(study / "report" / "scores.parquet")
    one = scores.filter(pl.col("task") == "mode", pl.col("metric") == "accuracy")
    more = [
        one.with_columns(task=pl.lit("captioning"), metric=pl.lit(metric), pooling=pl.lit("text"), value=pl.lit(value))
        for metric, value in rows
    ]
    return pl.concat([scores, *more])


def test_a_metric_without_an_error_is_reported_and_not_fitted(study: Path, changed: Callable[[pl.DataFrame], Path]):
    folder = changed(with_metrics(study, ("cider_d", 1.7), ("rouge_l_coco", 0.4)))
    design = read_design(folder)
    scores = read_scores(folder / "report" / "scores.parquet", design)
    fitted = trained(scores, design).filter(pl.col("task") == "captioning")
    assert fitted["metric"].unique().to_list() == ["rouge_l_coco"]
    assert fitted["error"].to_list() == pytest.approx([0.6] * len(fitted))
    assert set(reported(scores)["metric"]) == {"cider_d"}


def test_an_answer_worse_than_by_words_alone_has_an_error_of_one(study: Path, changed: Callable[[pl.DataFrame], Path]):
    folder = changed(with_metrics(study, ("qa_accuracy", 0.5), ("qa_gain", -0.4)))
    design = read_design(folder)
    scores = read_scores(folder / "report" / "scores.parquet", design)
    fitted = trained(scores, design).filter(pl.col("task") == "captioning")
    assert fitted["metric"].unique().to_list() == ["qa_gain"]
    assert set(fitted["error"]) == {1.0}
    assert fitted.select(primary().alias("main"))["main"].all()


@pytest.mark.parametrize(("metric", "value"), [("cider_d", 10.5), ("rouge_l", 1.2), ("accuracy", -0.1), ("odd", 2.0)])
def test_a_value_outside_its_metrics_range_is_refused(
    study: Path, changed: Callable[[pl.DataFrame], Path], metric: str, value: float
):
    folder = changed(with_metrics(study, (metric, value)))
    with pytest.raises(StudyError, match="outside"):
        read_scores(folder / "report" / "scores.parquet", read_design(folder))


def test_no_average_runs_across_axes_of_evaluation(study_evidence: Evidence):
    cells = study_evidence.draws.cells
    main = cells.filter(primary()).with_columns(evaluation_axis().alias("axis"))
    assert set(main["axis"]) == set(AXES) - {"event detection"}
    assert main.group_by("task").agg(pl.col("metric").n_unique())["metric"].to_list() == [1] * main["task"].n_unique()
    assert headline(cells)["metric"].unique().to_list() == ["accuracy"]
    # Where there is no classification, the audio-language tasks have the headline.
    language = cells.filter(evaluation_axis() == "audio-language")
    assert headline(language)["metric"].unique().to_list() == ["t2a_recall_at_10"]
    averages = study_evidence.differences.table.filter(kind="average")
    counts = dict(averages.group_by("scope").agg(pl.col("n_tasks").max()).iter_rows())
    assert counts == {"all tasks": 6, "speech": 2, "music": 2, "environment": 2, "retrieval": 3}


def test_what_is_reported_stands_with_its_interval(study_evidence: Evidence, study: Path):
    scores = with_metrics(study, ("cider_d", 1.7)).with_columns(pl.col("stderr").fill_null(0.0))
    known = Evidence(**{**vars(study_evidence), "scores": scores})
    rows = _reported(known, study_evidence.draws.cells["x"].unique().sort().to_list())
    assert {cell["task"] for cell in rows} == {"captioning, CIDEr-D"}
    assert len(rows) == 4
    assert all(value.startswith("1.700 ± 0.0") for cell in rows for value in cell["values"])


def test_an_own_table_of_a_metric_without_an_error_says_which_to_give(tmp_path: Path):
    table = tmp_path / "scores.csv"
    table.write_text("objective,clips,task,metric,value\n" + "".join(f"a,{n},cap,bleu_4,0.2\n" for n in (10, 20)))
    with pytest.raises(StudyError, match="bleu_4, which declares no error"):
        read_table(table)


def test_one_metric_and_pooling_stands_for_a_task():
    table = pl.DataFrame(
        [(name, known.pooling) for name, known in METRICS.items()], ["metric", "pooling"], orient="row"
    )
    told = {"accuracy", "map", "psds1", "t2a_recall_at_10", "rouge_l_coco", "qa_gain"}
    assert set(table.filter(primary())["metric"]) == told
    assert table.with_columns(pooling=pl.lit("attention")).filter(primary()).is_empty()
