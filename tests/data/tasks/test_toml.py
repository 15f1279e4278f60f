"""Task files: what they say, and what they may not say."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from public_models import write_public
from task_files import ENTRY, ROWS, counts, write_tasks

from scaling.data.tasks.task import Task
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError


def refusal(path: Path) -> str:
    with pytest.raises(StudyError) as refused:
        read_tasks(path)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_a_task_file_is_read(tmp_path: Path):
    labelled = read_tasks(write_tasks(tmp_path, ENTRY))
    assert labelled.tasks == (
        Task("birds", "environment"),
        Task("retrieval-environment", "environment", "recall"),
    )
    assert [clip.id for clip in labelled.clips] == ["sounds/3.flac", "sounds/2.flac", "sounds/1.flac"]
    assert labelled.rows.rows() == [
        ("birds", "sounds/1.flac", "train", "wren"),
        ("birds", "sounds/2.flac", "val", "wren"),
        ("birds", "sounds/3.flac", "test", "crow"),
        ("retrieval-environment", "sounds/1.flac", "train", "a wren"),
        ("retrieval-environment", "sounds/2.flac", "val", "a wren again"),
        ("retrieval-environment", "sounds/3.flac", "test", "a crow"),
    ]
    assert labelled.held_out_ids() == {"sounds/2.flac", "sounds/3.flac"}
    assert labelled.root == str(tmp_path)


def test_several_captions_come_from_json_and_retrieval_takes_the_first(tmp_path: Path):
    rows = [{**row, "captions": json.dumps([f"{row['caption']}!", "x"])} for row in ROWS[:2]]
    rows += [{**ROWS[2], "captions": ""}]
    labelled = read_tasks(write_tasks(tmp_path, ENTRY, rows=rows))
    assert {clip.id: clip.captions for clip in labelled.clips} == {
        "sounds/1.flac": ("a wren!", "x"),
        "sounds/2.flac": ("a wren again!", "x"),
        "sounds/3.flac": ("a crow",),
    }
    recall = labelled.rows.filter(pl.col("task") == "retrieval-environment")
    assert recall["label"].to_list() == ["a wren", "a wren again", "a crow"]


def test_a_recording_of_which_two_tasks_say_other_words_is_a_clip_of_each(tmp_path: Path):
    write_tasks(tmp_path, rows=[{**row, "caption": ""} for row in ROWS[:3]])
    (tmp_path / "clips.csv").rename(tmp_path / "plain.csv")
    plain = {**ENTRY, "name": "plain", "clips": "plain.csv"}
    labelled = read_tasks(write_tasks(tmp_path, plain, ENTRY, {**ENTRY, "name": "again"}))
    assert len(labelled.clips) == 6
    known = {clip.id: clip for clip in labelled.clips}
    for task, captions in (("plain", ()), ("birds", ("a wren",)), ("again", ("a wren",))):
        [name] = labelled.rows.filter(task=task, split="train")["id"]
        assert (known[name].captions, known[name].audio) == (captions, "sounds/1.flac")
    assert set(labelled.rows["id"]) == set(known)
    assert (
        labelled.rows.filter(pl.col("task").str.starts_with("retrieval"))["label"]
        .is_in(["a wren", "a wren again", "a crow"])
        .all()
    )


def test_a_clip_of_two_tasks_is_one_clip_and_the_stricter_split_counts(tmp_path: Path):
    write_tasks(tmp_path, rows=[{**ROWS[0], "split": "test"}, {**ROWS[2], "split": "train"}])
    (tmp_path / "clips.csv").rename(tmp_path / "other.csv")
    labelled = read_tasks(write_tasks(tmp_path, ENTRY, {**ENTRY, "name": "again", "clips": "other.csv"}))
    assert len(labelled.clips) == 3
    assert {"sounds/1.flac", "sounds/3.flac"} <= labelled.held_out_ids()
    assert [clip.id for clip in labelled.clips] == ["sounds/1.flac", "sounds/3.flac", "sounds/2.flac"]
    recall = labelled.rows.filter(pl.col("task") == "retrieval-environment")
    assert dict(recall.select("id", "split").iter_rows()) == {
        "sounds/1.flac": "test",
        "sounds/2.flac": "val",
        "sounds/3.flac": "test",
    }
    assert len(recall) == 3


def test_a_supervised_task_is_no_probe_and_needs_no_test_split(tmp_path: Path):
    write_tasks(tmp_path, rows=ROWS[:1])
    (tmp_path / "clips.csv").rename(tmp_path / "tags.csv")
    tags = {**ENTRY, "name": "tags", "clips": "tags.csv", "audio": "tagged", "supervised": True}
    labelled = read_tasks(write_tasks(tmp_path, ENTRY, tags))
    assert [task.name for task in labelled.probes] == ["birds", "retrieval-environment"]
    assert [task.name for task in labelled.supervised] == ["tags"]
    assert counts(labelled, "retrieval-environment") == {"train": 1, "val": 1, "test": 1}
    alone = read_tasks(write_tasks(tmp_path, ENTRY))
    assert [task.name for task in alone.supervised] == ["birds"]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"label": "species"}, "task birds: {}/clips.csv has no column 'species'; it has file, split, bird, caption"),
        ({"clips": "gone.csv"}, "task birds: no clips table at {}/gone.csv"),
        ({"metric": "mAP"}, "task birds in {}/tasks.toml asks for mAP: the metric of a classification is accuracy"),
        ({"metric": None}, "task birds in {}/tasks.toml has no metric"),
        ({"label": 3, "audio": None}, "task birds in {}/tasks.toml has no audio, no label"),
        ({"name": "my birds"}, "task 'my birds' in {}/tasks.toml: its name is not made of letters, digits, - and _"),
        ({"domain": "a/b"}, "task 'birds' in {}/tasks.toml: its domain is not made of letters, digits, - and _"),
        ({"name": "retrieval-x"}, "names that begin with retrieval are the project's own"),
    ],
)
def test_what_a_task_may_not_say(tmp_path: Path, changes: dict[str, Any], cause: str):
    entry = {key: value for key, value in {**ENTRY, **changes}.items() if value is not None}
    assert cause.format(tmp_path, tmp_path) in refusal(write_tasks(tmp_path, entry))


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (ROWS[:2], "has no clips in split test"),
        (ROWS[1:], "has no clips in split train"),
        ([*ROWS, {**ROWS[0], "split": "dev"}], "has a split 'dev'; splits are train, val and test"),
        ([*ROWS, {**ROWS[0], "split": "test"}], "names 1.flac twice"),
        ([{**row, "captions": "[a wren]"} for row in ROWS], "labelled clip 1 (1.flac): "),
        ([{**row, "captions": '{"en": "a wren"}'} for row in ROWS], "captions is not a JSON list of strings"),
        ([{**row, "duration_s": "long"} for row in ROWS], "labelled clip 1 (1.flac): could not convert"),
    ],
)
def test_what_a_clips_table_may_not_say(tmp_path: Path, rows: list[dict[str, Any]], cause: str):
    message = refusal(write_tasks(tmp_path, ENTRY, rows=rows))
    assert message.startswith(f"task birds: {tmp_path / 'clips.csv'}")
    assert cause in message


def test_tasks_have_names_of_their_own(tmp_path: Path):
    assert refusal(write_tasks(tmp_path, ENTRY, ENTRY)).endswith("names two tasks birds")


def test_files_that_are_no_task_file(tmp_path: Path):
    path = tmp_path / "tasks.toml"
    assert refusal(path) == f"no task file at {path}"
    assert "cannot be read" in refusal(tmp_path)
    for bad in (b"[[task]\n", b"name: birds", b"\xff\xfe"):
        path.write_bytes(bad)
        assert refusal(path).startswith(f"{path} is not TOML: ")
    for bad in (b"", b"[task]\nname = 'x'", b"task = 'birds'", b"task = [1, 2]", b"[[other]]"):
        path.write_bytes(bad)
        assert refusal(path) == f"{path} names no task: it needs at least one [[task]]"


def test_a_clips_table_that_is_none(tmp_path: Path):
    path = write_tasks(tmp_path, ENTRY)
    for bad in (b"", b'file,split,bird\n1.flac,train,wren,more,"\n'):
        (tmp_path / "clips.csv").write_bytes(bad)
        assert refusal(path).startswith(f"task birds: {tmp_path / 'clips.csv'} ")


def test_the_tasks_of_the_real_recordings_have_the_clips_their_comments_state(realstew: Path):
    labelled = read_tasks(realstew / "tasks.toml")
    expected = {
        "esc10": (240, 80, 80, 10),
        "fsdd-digit": (2400, 300, 300, 10),
        "fsdd-speaker": (2400, 300, 300, 6),
        "librispeech-sex": (224, 27, 100, 2),
        "philharmonia-instrument": (691, 169, 190, 15),
        "philharmonia-octave": (691, 169, 190, 8),
        "retrieval-environment": (240, 80, 80, None),
        "retrieval-speech": (2624, 327, 400, None),
        "retrieval-music": (691, 169, 190, None),
    }
    assert {task.name for task in labelled.tasks} == set(expected)
    for name, (train, val, test, classes) in expected.items():
        assert counts(labelled, name) == {"train": train, "val": val, "test": test}
        if classes:
            assert labelled.rows.filter(pl.col("task") == name)["label"].n_unique() == classes
    assert len(labelled.clips) == 400 + 3000 + 351 + 1050
    assert len(labelled.held_out_ids()) == 160 + 600 + 127 + 359
    assert all((realstew / clip.audio).is_file() for clip in labelled.clips)


def test_public_text_models_are_those_of_every_retrieval_task(tmp_path: Path):
    write_public(tmp_path / "bert", "bert")
    path = write_tasks(tmp_path, ENTRY)
    path.write_text(path.read_text() + '\n[text]\nencoder = "bert"\n')
    found = {task.name: (task.text_encoder, task.decoder) for task in read_tasks(path).tasks}
    assert found == {"birds": ("", ""), "retrieval-environment": (str(tmp_path.resolve() / "bert"), "")}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('encoder = "nobody/has-this"', r"\[text\] in .*: no text encoder nobody/has-this: give a folder"),
        ('decoder = "bert"', "the text decoder .*bert is of the kind bert: known are bart"),
        ('encoder = "bare"', "the weights of .*bare are not at hand"),
        ('language = "bert"', r"\[text\] names an encoder and a decoder, and nothing else"),
        ("encoder = 3", r"\[text\] names an encoder and a decoder, and nothing else"),
    ],
)
def test_text_models_that_cannot_be_had_are_one_line(tmp_path: Path, said: str, cause: str):
    write_public(tmp_path / "bert", "bert")
    (write_public(tmp_path / "bare", "bert") / "model.safetensors").unlink()
    path = write_tasks(tmp_path, ENTRY)
    path.write_text(f"{path.read_text()}\n[text]\n{said}\n")
    with pytest.raises(StudyError, match=cause):
        read_tasks(path)
