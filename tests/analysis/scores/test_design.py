"""What a study asks: read from its folder, and the columns that follow from it (`schema`)."""

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from fake_study import DATA_SCALE

from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.report.curve_table import curve_table
from scaling.analysis.report.surface_table import surface_table
from scaling.analysis.scores import FIXED, Axis, Design, Factor, read_design, schema
from scaling.analysis.scores.design import RESERVED, is_reserved
from scaling.analysis.scores.rows import trained
from scaling.errors import StudyError


def test_a_design_comes_back_as_it_was_written(study: Path) -> None:
    assert read_design(study) == DATA_SCALE
    assert read_design(study).x.unit == "clips"


def changed(**fields: object) -> str:
    return json.dumps({"design": {**asdict(DATA_SCALE), **fields}})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "holds no study"),
        ("no json", "study.json is damaged"),
        (json.dumps({"study": "data-scale"}), "study.json is damaged"),
        (changed(axes=[{"column": 3}]), "column: Input should be a valid string"),
        (changed(axes=[]), "0 axes"),
        (changed(axes=[{"scale": "cubic"}]), "scale: "),
        (changed(axes=[{}, {}]), "two factors or axes are called 'clips'"),
        (changed(factors=[{"name": "x", "levels": ["a"]}]), "may not be called .x."),
        (changed(factors=[{"name": "arm", "levels": "ab"}]), "levels: "),
        (changed(title="\ud800"), "Invalid JSON"),
    ],
)
def test_a_folder_without_a_design_gets_one_line(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with pytest.raises(StudyError, match=says) as caught:
        read_design(tmp_path)
    assert "\n" not in str(caught.value)


def test_columns_follow_the_design() -> None:
    assert list(schema(DATA_SCALE))[:5] == ["study", "run", "reference", "objective", "initialization"]
    assert set(schema(DATA_SCALE)) == {*FIXED, "objective", "initialization"}
    assert schema(DATA_SCALE)["clips"] == pl.Int64
    wide = Design("", "", (Axis("encoder.width", "width", ""), Axis("rate", "rate", "", "nominal")), (Factor("f", ()),))
    own = {name: dtype for name, dtype in schema(wide).items() if name not in FIXED}
    assert own == {"f": pl.String, "encoder.width": pl.Float64, "rate": pl.String}


def test_names_of_columns_that_the_analysis_makes_are_reserved(study_evidence: Evidence) -> None:
    own = {*schema(DATA_SCALE)}
    made = [
        study_evidence.draws.cells, curve_table(study_evidence), surface_table([], DATA_SCALE),
        trained(study_evidence.scores, DATA_SCALE),
    ]  # fmt: skip
    assert {name for table in made for name in table.columns} - own <= RESERVED
    assert is_reserved("value_other")
    assert not is_reserved("recipe")
