"""What MLflow is told of a run reads back as the rows of a table of scores."""

from dataclasses import replace

import polars as pl
from tiny_study import score, tiny_result, tiny_study

from scaling.analysis.scores.design import design_from_json
from scaling.analysis.scores.schema import schema
from scaling.models.options import TransformerOptions
from scaling.record.metrics import (
    Record,
    level_tags,
    parameters,
    recorded_metrics,
    recorded_tags,
    scores_table,
    varying,
)
from scaling.study.study import Axis, Cell, Study, clips_axis

SCORES = score("birds", "accuracy", 0.25), replace(score("rooms", "accuracy", 0.75), note="did not converge")


def record(cell: Cell, loss: float | None = None) -> Record:
    result = tiny_result(cell.run, *SCORES)
    result = replace(result, cost=replace(result.cost, holdout_loss=loss))
    tags = {**recorded_tags(result), **level_tags(cell)}
    return cell.run.name, "id", parameters(cell.run), recorded_metrics(result), tags


def table_of(study: Study) -> pl.DataFrame:
    return scores_table(study, map(record, study.cells))


def test_every_score_is_a_row_with_the_levels_of_its_run():
    study = tiny_study()
    table = table_of(study)
    assert len(table) == len(SCORES) * len(study.cells)
    columns = schema(design_from_json(study.design()))
    assert {name: table.schema[name] for name in columns} == columns
    for cell in study.cells:
        rows = table.filter(pl.col("run") == cell.run.name)
        assert rows["reference"].to_list() == [cell.reference] * 2
        assert rows["initialization"].to_list() == [cell.levels["initialization"]] * 2
        assert rows["value"].to_list() == [0.25, 0.75]
        assert rows["note"].to_list() == ["", "did not converge"]
    assert not table["excluded"].any()


def test_the_loss_on_the_holdout_stands_beside_every_score():
    study = tiny_study()
    first, *others = study.cells
    table = scores_table(study, [record(first, 2.5), *map(record, others)])
    known = table.filter(pl.col("run") == first.run.name)
    assert known["holdout_loss"].to_list() == [2.5] * len(SCORES)
    assert table["holdout_loss"].null_count() == len(SCORES) * len(others)


def test_fields_that_vary_have_columns_and_others_none():
    study = tiny_study()
    encoders = Axis("encoder.width", (16, 32), "parameters", "parameters", "parameters")
    wide = replace(study, axes=(clips_axis((10, 20)), encoders))
    assert "encoder.width" not in table_of(study).columns
    table = table_of(wide)
    widths = table.filter(pl.col("reference") == "")["encoder.width"]
    assert set(widths) == {"16", "32"}
    assert "encoder.layers" not in table.columns
    # The measured column is what was measured, not the field that made it.
    assert table.schema["parameters"] == pl.Int64


def test_the_table_does_not_depend_on_which_run_was_recorded_first():
    study = tiny_study()
    backwards = scores_table(study, map(record, reversed(study.cells)))
    assert backwards.equals(table_of(study))


def test_a_run_that_the_grid_does_not_contain_is_excluded_and_says_why():
    study = tiny_study((10, 20))
    smaller = tiny_study((10,))
    table = scores_table(smaller, map(record, study.cells))
    left_out = table.filter(pl.col("excluded"))
    assert set(left_out["clips"]) == {20}
    assert set(left_out["reason"]) == {"not in the grid of the command that made this report"}
    assert set(table.filter(~pl.col("excluded"))["run"]) == {run.name for run in smaller.runs}


def test_names_that_vary():
    one, other = ({"a": "1", "b": value, "seed": value, "data.clips": value} for value in "12")
    assert varying([one, other]) == ["b"]
    assert varying([one, {**one, "c": "3"}]) == ["c"]
    assert varying([]) == []


def test_fields_are_parameters_by_their_dotted_names():
    [*_, cell] = tiny_study(encoder=TransformerOptions(32), without=("one", "two")).cells
    params = parameters(cell.run)
    assert params["encoder.width"] == "32"
    assert params["data.without"] == "one,two"
    assert params["objective"] == cell.run.objective_name
