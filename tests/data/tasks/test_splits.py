"""Splits and folds of a task, and groups that must be apart."""

from pathlib import Path
from typing import Any

import pytest
from task_files import ENTRY, write_tasks

from scaling.data.tasks.task import each
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError

FOLDED = {**ENTRY, "folds": "fold"}
MADE = {**ENTRY, "folds": 3, "group": "speaker"}


def clips(n: int = 24, **columns: Any) -> list[dict[str, Any]]:
    """Of twelve speakers, two clips each, labelled in turn."""
    return [
        {
            "file": f"{i}.flac",
            "split": ("train", "train", "test")[i // 2 % 3],
            "fold": i // 2 % 4,
            "speaker": f"s{i // 2}",
            "bird": "wren" if i % 2 else "crow",
            **columns,
        }
        for i in range(n)
    ]


def test_given_folds_are_read_and_all_of_their_clips_held_out(tmp_path: Path):
    labelled = read_tasks(write_tasks(tmp_path, FOLDED, rows=clips()))
    assert set(labelled.rows["split"]) == {f"fold {k}" for k in range(4)}
    assert len(labelled.held_out_ids()) == 24
    # The supervised run has no folds to learn from.
    assert labelled.supervised == ()


def test_folds_made_by_group_are_even_whole_and_always_the_same(tmp_path: Path):
    first, again = (read_tasks(write_tasks(tmp_path / name, MADE, rows=rows)) for name, rows in (
        ("a", clips()), ("b", clips()[::-1])
    ))  # fmt: skip
    of = {name: split for _, name, split, _ in first.rows.iter_rows()}
    assert of == {name: split for _, name, split, _ in again.rows.iter_rows()}
    assert first.rows.group_by("split").len()["len"].to_list() == [8, 8, 8]
    for speaker in range(12):
        assert of[f"sounds/{2 * speaker}.flac"] == of[f"sounds/{2 * speaker + 1}.flac"]
    assert first.tasks[0].note == "folds made by speaker"


def test_groups_that_are_apart_are_said_to_be(tmp_path: Path):
    labelled = read_tasks(write_tasks(tmp_path, {**ENTRY, "group": "speaker"}, rows=clips()))
    assert labelled.tasks[0].note == "no speaker in two splits"


def test_several_labels_are_separated(tmp_path: Path):
    rows = clips(bird="crow; wren, the small; crow")
    labelled = read_tasks(write_tasks(tmp_path, {**ENTRY, "metric": "map", "separator": ";"}, rows=rows))
    assert each(labelled.rows["label"][0]) == ["crow", "wren, the small"]
    assert labelled.tasks[0].kind == "map"
    assert labelled.supervised == ()


@pytest.mark.parametrize(
    ("entry", "columns", "told"),
    [
        ({"group": "speaker"}, {"speaker": "one"}, "1 of 1 groups (speaker) are in several splits, one among them"),
        ({"group": "who"}, {}, "no column 'who'"),
        ({"group": 3}, {}, "group is the name of a column"),
        ({"folds": "who"}, {}, "no column 'who'"),
        ({"folds": 5}, {}, "folds = 5 are made by group: name its column"),
        ({"folds": True}, {}, "folds is the name of a column, or a number"),
        ({"folds": "fold"}, {"fold": 1}, "1 folds, and a task takes 3 to 50"),
        ({"folds": "speaker"}, {"speaker": "x", "fold": 0}, "1 folds"),
        ({"folds": "file"}, {}, "have one label"),
        ({"folds": "fold", "metric": "map"}, {}, "folds is for tasks of one label a clip"),
        ({"folds": "fold", "supervised": True}, {}, "the supervised run has no folds"),
        ({"metric": "map", "separator": ""}, {}, "its separator is no text"),
        ({"metric": "map"}, {"bird": " , "}, "has no label"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path: Path, entry: dict[str, Any], columns: dict[str, Any], told: str):
    with pytest.raises(StudyError) as refused:
        read_tasks(write_tasks(tmp_path, {**ENTRY, **entry}, rows=clips(**columns)))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("task birds")
