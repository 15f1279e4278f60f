"""What a set must be to be taken for it: counts, labels, recordings, and how an entry of a task file names it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling.data.tasks.sets import reading
from scaling.data.tasks.sets.reading import read_set
from scaling.data.tasks.sets.task_set import Listed, TaskSet
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError

CLIPS = [Listed((f"{n}",), ("train", "train", "val", "test")[n // 50], (("dog", "rain")[n % 2],)) for n in range(200)]
KNOWN = TaskSet(
    "The set", "environment", "accuracy", "free", "https://example.org", lambda folder: CLIPS,
    {"train": (100, 5_000), "val": (50,), "test": (50,)}, labels=2, missing=0.1,
)  # fmt: skip
ENTRY = {"set": "esc50", "folder": "set"}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "set").mkdir()
    for one in CLIPS:
        (tmp_path / "set" / f"{one.files[0]}.flac").write_bytes(b"")

    def made(entry: dict[str, Any] | None = None, clips: list[Listed] | None = None, **changes: Any) -> Any:
        known = replace(KNOWN, clips=lambda folder: CLIPS if clips is None else clips, **changes)
        monkeypatch.setattr(reading, "known_set", lambda name, folder: known)
        return read_set({**ENTRY, **(entry or {})}, tmp_path / "tasks.toml")

    return made


def test_a_set_is_read_with_its_note(read: Callable[..., Any]):
    task, rows = read()
    assert (task.name, task.domain, task.kind, task.note) == ("esc50", "environment", "accuracy", "official split")
    assert (task.missing, task.absent) == (0.1, 0)
    assert [(clip.id, clip.source, split, label) for clip, split, label in rows[:2]] == [
        ("set/0.flac", "esc50", "train", "dog"),
        ("set/1.flac", "esc50", "train", "rain"),
    ]


def test_recordings_that_are_missing_are_counted_named_and_refused_beyond_a_share(
    read: Callable[..., Any], tmp_path: Path
):
    for n in range(150, 155):
        (tmp_path / f"set/{n}.flac").unlink()
    task, rows = read()
    assert task.note == "official split, 5 of 50 test recordings are missing"
    assert (task.absent, len(rows)) == (5, 195)
    (tmp_path / "set/155.flac").unlink()
    with pytest.raises(StudyError, match=r"6 of 50 test recordings are missing, 150 among them, and 10\.0% may be"):
        read()
    assert read({"missing": 0.2})[0].absent == 6


def test_the_first_place_that_holds_a_recording_and_the_best_format_count(read: Callable[..., Any], tmp_path: Path):
    (tmp_path / "set/audio").mkdir()
    for file in ("audio/0.mp3", "audio/0.wav", "audio/0.txt", "audio/1.m4a"):
        (tmp_path / "set" / file).write_bytes(b"")
    clips = [one._replace(files=(f"audio/{one.files[0]}", one.files[0])) for one in CLIPS]
    assert [clip.audio for clip, _, _ in read(clips=clips)[1][:2]] == ["set/audio/0.wav", "set/1.flac"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"counts": {"train": (102,), "val": (50,), "test": (50,)}},
            "100 train clips, and it has 102: another version",
        ),
        ({"counts": {"train": (99, 200), "val": (50,), "test": (50,)}}, "100 train clips, and it has 99 or 200"),
        ({"counts": {"train": (100,), "test": (50,)}}, "a split 'val', and it has train, test"),
        ({"labels": 3}, "2 different labels, and it has 3"),
        ({"clips": []}, "it lists no clips"),
        ({"clips": [*CLIPS[:-1], CLIPS[0]]}, "it lists 1 clips more than once, 0 among them"),
        ({"clips": [*CLIPS[:-1], CLIPS[-1]._replace(labels=("dog", "rain"))]}, "1 of its clips have no one label, 199"),
        ({"kind": "recall"}, "200 of its clips have no caption, 0 among them"),
        ({"entry": {"folder": "elsewhere"}}, "task esc50: no folder at "),
        ({"entry": {"metric": "map"}}, "a set has no metric; it has set, folder, name"),
        ({"entry": {"missing": 2}}, "missing is a share of its recordings"),
        ({"entry": {"supervised": True}, "folded": True, "counts": {}}, "learns one label a clip, and has no folds"),
        ({"folded": True, "kind": "map", "counts": {}}, "it has folds, which are for tasks of one label a clip"),
        (
            {"kind": "events", "clips": [CLIPS[0]._replace(events=((2.0, 1.0, "dog"),)), *CLIPS[1:]]},
            "0 has an event from 2 to 1 s",
        ),
        ({"entry": {"supervised": 1}}, "its supervised is neither true nor false"),
        ({"domain": ""}, "has no domain of its own: name one"),
        (
            {"group": "speaker", "clips": [one._replace(group="x") for one in CLIPS]},
            "1 of 1 groups (speaker) are in sev",
        ),
    ],
)
def test_what_cannot_be_the_set_is_one_line(changes: dict[str, Any], told: str, read: Callable[..., Any]):
    with pytest.raises(StudyError) as refused:
        read(**changes)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("task esc50")


def test_a_count_that_differs_by_a_hundredth_is_said(read: Callable[..., Any]):
    task, _ = read(counts={"train": (101,), "val": (50,), "test": (50,)})
    assert task.note == "official split, 100 train clips where 101 are known"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('set = "esc50"', "task esc50 in .* has no folder"),
        ('set = 3\nfolder = "x"', "task 3 in .* has no set"),
        ('set = "esc50"\nfolder = "x"\nname = "a b"', "task 'a b' in .*: its name is not made of"),
        ('set = "esc50"\nfolder = "x"\nname = "retrieval-x"', "names that begin with retrieval are the project's own"),
        ('set = "esc51"\nfolder = "."', "there is no task set 'esc51': known are fsd50k"),
        ('set = "esc50"\nfolder = "a\\u0000b"', "task esc50: no folder at "),
    ],
)
def test_how_a_task_file_names_a_set(text: str, told: str, tmp_path: Path):
    (tmp_path / "tasks.toml").write_text(f"[[task]]\n{text}\n")
    with pytest.raises(StudyError, match=told):
        read_tasks(tmp_path / "tasks.toml")
