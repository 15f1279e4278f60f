"""Tasks of questions, read from folders of exactly the sets' forms."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from task_files import ENTRY, ROWS, counts, write_tasks

from scaling.data.tasks.question import Question
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError

AIR_BENCH = [
    {
        "path": f"{number}.wav", "question": "Which gender?", "choice_a": "male", "choice_b": "female",
        **({"choice_c": "child", "choice_d": None} if number % 2 else {}),
        "answer_gt": "female", "task_name": "Speaker_Gender_Recognition", "dataset_name": "meld", "uniq_id": number,
    }
    for number in range(6)
]  # fmt: skip
MMAU = [
    {
        "id": f"q{number}", "audio_id": f"./test-mini-audios/{number}.wav", "question": "What is first?",
        "choices": ["(A) rain", "(B) wind", "(C) sea"], "answer": "(B) wind", "task": "sound", "dataset": "x",
        "difficulty": "easy", "split": "test-mini", "category": "Reasoning", "sub-category": "Order",
    }
    for number in range(6)
]  # fmt: skip
TABLE = [
    {"file": "1.flac", "split": "train", "question": "Who?", "choices": '["a dog", "a cat"]', "answer": "a cat"},
    {"file": "1.flac", "split": "train", "question": "How many?", "choices": "one; two", "answer": "two"},
    {"file": "2.flac", "split": "test", "question": "Who?", "choices": '["a dog", "a cat"]', "answer": "a dog"},
]
PLAIN = {"name": "asked", "domain": "environment", "metric": "questions", "clips": "clips.csv", "audio": "sounds"}


def a_set(folder: Path, name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A downloaded set beside a task file, and its entry."""
    table, audio = {
        "air-bench": ("Foundation_meta.json", "Speaker_Gender_Recognition_meld"),
        "mmau": ("mmau-test-mini.json", "test-mini-audios"),
    }[name]
    (folder / "set" / audio).mkdir(parents=True)
    (folder / "set" / table).write_text(json.dumps(items))
    for number in range(6):
        (folder / "set" / audio / f"{number}.wav").touch()
    return {"name": "asked", "domain": "speech", "set": name, "folder": "set"}


def plain(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> Path:
    (folder / "sounds").mkdir()
    for name in ("1", "2"):
        (folder / "sounds" / f"{name}.flac").touch()
    return write_tasks(folder, {**PLAIN, **changes}, rows=rows)


def refusal(path: Path) -> str:
    with pytest.raises(StudyError) as refused:
        read_tasks(path)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "items"), [("air-bench", AIR_BENCH), ("mmau", MMAU)])
def test_every_question_of_a_set_is_asked_once(tmp_path: Path, name: str, items: list[dict[str, Any]]):
    labelled = read_tasks(write_tasks(tmp_path, a_set(tmp_path, name, items)))
    assert [(task.name, task.kind, task.note) for task in labelled.tasks] == [
        ("asked", "questions", "folds made by file")
    ]
    assert counts(labelled, "asked") == {"fold 1": 2, "fold 2": 2, "fold 3": 2}
    asked = {question.id: question for question in map(Question.of_label, labelled.rows["label"])}
    assert len(asked) == 6
    assert all((tmp_path / clip.audio).is_file() for clip in labelled.clips)
    if name == "air-bench":
        # Two-way questions have no further choices, whatever stands in their place.
        assert asked["0"] == Question("Which gender?", ("male", "female"), 1, "Speaker_Gender_Recognition", "0")
        assert asked["1"].choices == ("male", "female", "child")
    else:
        assert asked["q3"].choices[asked["q3"].answer] == "(B) wind"
        assert asked["q3"].kind == "sound"


def test_what_is_listed_as_wav_may_be_flac(tmp_path: Path):
    entry = a_set(tmp_path, "air-bench", AIR_BENCH)
    audio = tmp_path / "set" / "Speaker_Gender_Recognition_meld"
    (audio / "3.wav").rename(audio / "3.flac")
    labelled = read_tasks(write_tasks(tmp_path, entry))
    assert "set/Speaker_Gender_Recognition_meld/3.flac" in {clip.audio for clip in labelled.clips}


def test_questions_of_a_table_go_with_other_tasks(tmp_path: Path):
    labelled = read_tasks(plain(tmp_path, TABLE))
    assert counts(labelled, "asked") == {"train": 2, "test": 1}
    assert labelled.held_out_ids() == {"sounds/2.flac"}
    (tmp_path / "clips.csv").rename(tmp_path / "asked.csv")
    both = read_tasks(write_tasks(tmp_path, {**PLAIN, "clips": "asked.csv"}, ENTRY, rows=ROWS))
    # What one task says of a recording the other keeps.
    assert {clip.id: clip.captions for clip in both.clips}["sounds/1.flac"] == ("a wren",)
    assert [task.name for task in both.supervised] == ["birds"]


def test_several_questions_about_a_recording_have_names_of_their_own(tmp_path: Path):
    rows = [*TABLE, {**TABLE[2], "question": "Really?"}]
    labels = read_tasks(plain(tmp_path, rows)).rows.filter(split="test")["label"]
    assert [Question.of_label(label).id for label in labels] == ["", "question 4"]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"answer": "a cow"}, "clips.csv, question 3: its answer 'a cow' is none of its 2 choices"),
        ({"choices": '["a dog"]'}, "question 3: 1 different choices, and a question has two at least"),
        ({"split": "dev"}, "has a split 'dev'; splits are train, val and test"),
        ({"choices": "[1, 2]"}, "question 3: its choices are no list of texts"),
        ({"file": "3.flac"}, "1 of its 2 recordings are missing, sounds/3.flac among them, and at most 5% may be"),
        ({"file": "1.flac"}, "1 of 1 groups (file) are in several splits, 1.flac among them"),
    ],
)
def test_a_table_that_cannot_be_asked(tmp_path: Path, changes: dict[str, str], cause: str):
    assert cause in refusal(plain(tmp_path, [*TABLE[:2], {**TABLE[2], **changes}]))


def test_a_table_without_splits_has_folds(tmp_path: Path):
    rows = [{key: one for key, one in row.items() if key != "split"} for row in TABLE]
    assert "clips.csv has no column 'split'; it has file, question" in refusal(plain(tmp_path, rows))


def test_a_few_missing_recordings_are_said_and_their_questions_stay(tmp_path: Path):
    entry = a_set(tmp_path, "mmau", [{**MMAU[number % 6], "id": str(number)} for number in range(40)])
    items = [{**MMAU[0], "id": str(number), "audio_id": f"./test-mini-audios/{number}.wav"} for number in range(40)]
    (tmp_path / "set" / "mmau-test-mini.json").write_text(json.dumps(items))
    for number in range(6, 39):
        (tmp_path / "set" / "test-mini-audios" / f"{number}.wav").touch()
    labelled = read_tasks(write_tasks(tmp_path, entry))
    missing = "1 of 40 recordings are missing, set/test-mini-audios/39.wav among them"
    assert labelled.tasks[0].note == f"folds made by file, {missing}"
    assert len(labelled.rows.filter(pl.col("task") == "asked")) == 40


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"folder": None}, "task asked in {}/tasks.toml has no folder"),
        ({"folder": "gone"}, "task asked: no Foundation_meta.json nor Foundation/Foundation_meta.json in {}/gone"),
        ({"model": "none/such"}, "task asked: no language model none/such: give a folder with a config.json"),
        ({"clips": "other.json"}, "task asked: no other.json in {}/set"),
        ({"name": "questions"}, "all tasks of questions together are called so"),
        ({"name": "retrieval-x"}, "names that begin with retrieval are the project's own"),
    ],
)
def test_what_an_entry_may_not_say(tmp_path: Path, changes: dict[str, Any], cause: str):
    entry = {**a_set(tmp_path, "air-bench", AIR_BENCH), **changes}
    path = write_tasks(tmp_path, {key: value for key, value in entry.items() if value is not None})
    assert cause.format(tmp_path) in refusal(path)


def test_a_set_of_another_form(tmp_path: Path):
    entry = a_set(tmp_path, "air-bench", [{key: one for key, one in AIR_BENCH[0].items() if key != "answer_gt"}])
    assert "Foundation_meta.json, question 1: no usable 'answer_gt'" in refusal(write_tasks(tmp_path, entry))
    (tmp_path / "set" / "Foundation_meta.json").write_text('{"data": 1}')
    assert "is no JSON of air-bench: a list of questions is needed" in refusal(write_tasks(tmp_path, entry))
