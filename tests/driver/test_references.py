"""Encoders from elsewhere as reference lines of a study."""

from pathlib import Path

import polars as pl
import pytest

from scaling.driver.references import read_references, with_references
from scaling.errors import StudyError

ROW = {
    "run": "whisper", "reference": "whisper", "task": "pitch", "domain": "speech", "pooling": "mean",
    "metric": "accuracy",
    "value": 0.7, "stderr": 0.01, "n_test": 100, "note": "", "seed": 0, "parameters": 10, "clips": 0, "excluded": False,
}  # fmt: skip
STUDY = pl.DataFrame([{**ROW, "run": "chance-s0", "reference": "chance", "objective": "", "hours": 0.0, "study": "s"}])


def test_rows_of_the_studys_tasks_follow_its_own(tmp_path: Path):
    pl.DataFrame([ROW, {**ROW, "task": "another"}]).write_parquet(tmp_path / "scores.parquet")
    [(digest, table)] = read_references([str(tmp_path / "scores.parquet")])
    assert digest
    scores = with_references(STUDY, [table])
    assert scores.columns == STUDY.columns
    assert scores.select("reference", "task", "objective").rows() == [("chance", "pitch", ""), ("whisper", "pitch", "")]
    assert with_references(STUDY, []).equals(STUDY)


def test_what_is_no_such_table_is_one_line(tmp_path: Path):
    path = tmp_path / "scores.parquet"
    with pytest.raises(StudyError, match=r"scores\.parquet: "):
        read_references([str(path)])
    path.write_bytes(b"no table")
    with pytest.raises(StudyError, match="no Parquet table"):
        read_references([str(path)])
    pl.DataFrame([ROW]).drop("stderr").write_parquet(path)
    with pytest.raises(StudyError, match="no column stderr"):
        read_references([str(path)])
    pl.DataFrame([{**ROW, "reference": ""}]).write_parquet(path)
    with pytest.raises(StudyError, match="holds runs"):
        read_references([str(path)])
    with pytest.raises(StudyError, match="two references are called chance"):
        with_references(STUDY, [pl.DataFrame([{**ROW, "reference": "chance"}])])
