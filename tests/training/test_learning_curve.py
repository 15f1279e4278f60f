"""Learning curves on a filesystem; see tests/storage/test_object_store.py for an object store."""

import json
from pathlib import Path

import pytest

from scaling.errors import StudyError
from scaling.training.attempt import Attempt
from scaling.training.learning_curve import FILE, LearningCurve, read_curve


def test_a_curve_goes_on_where_its_checkpoint_was(tmp_path: Path) -> None:
    assert read_curve(tmp_path / FILE) == []
    old, new = Attempt(tmp_path), Attempt(tmp_path)
    old.claim()
    first = LearningCurve(old, 0)
    for step in (1, 2, 3):
        first.add(step, {"train/loss": float(step)})
    new.claim()
    second = LearningCurve(new, 2)
    # An orphan writes on, to the file that was replaced.
    first.add(4, {"train/loss": 4.0})
    first.close()
    second.add(3, {"train/loss": 30.0})
    second.close()
    assert [row["train/loss"] for row in read_curve(tmp_path / FILE)] == [1.0, 2.0, 30.0]


@pytest.mark.parametrize("line", ["{", "[]", '{"step": 2}', '{"step": "2", "time": 6}', "\0\0"])
def test_a_line_that_nobody_wrote_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 1, "time": 5}) + "\n" + line + "\n")
    with pytest.raises(
        StudyError, match=r"metrics\.jsonl is damaged \(line 2 .*\): remove it and start the study again"
    ):
        read_curve(path)


def test_a_curve_that_was_cut_off_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 1, "time": 5}) + "\n" + '{"step": 2, "tr')
    assert read_curve(path) == [{"step": 1, "time": 5}]
