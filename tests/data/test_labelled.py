"""Labels point at the clips that were prepared."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from corpora import TinyCorpus, clips_of_many_lengths, lay_down, tone, write, write_beside

from scaling.data.index import write_index
from scaling.data.labelled import LabelledStore, check_tasks, task_files
from scaling.data.tasks.task import Labelled, Task
from scaling.errors import StudyError


def test_labels_point_at_the_clips_that_were_prepared(tmp_path: Path):
    store = clips_of_many_lengths(tmp_path)
    ids = store.clips(["id"])["id"].to_list()
    rows = [("one", ids[5], "train", "b"), ("one", ids[2], "train", "a"), ("one", ids[9], "test", "c")]
    rows += [("two", ids[2], "val", "x"), ("two", "birds/rejected", "train", "y"), ("two", ids[4], "train", "z")]
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    tasks = (Task("one", "environment"), Task("two", "environment", supervised=False))
    write_beside(Path(str(store.folder)), task_files(Labelled(tasks, (), table, "")))
    labelled = LabelledStore(store.folder)
    train = labelled.split("one", "train")
    assert (train.places.tolist(), train.ids, train.labels) == ([2, 5], [ids[2], ids[5]], ["a", "b"])
    # A clip that decoding rejected is in no split, and its label is no class.
    assert labelled.split("two", "train").ids == [ids[4]]
    classes, matrix = labelled.label_matrix()
    assert classes == {"one": 2, "two": 2}
    assert matrix[[2, 4, 5]].tolist() == [[0, 0], [-1, 1], [1, -1]]
    assert (np.delete(matrix, [2, 4, 5], axis=0) == -1).all()
    assert labelled.supervised_places("train").tolist() == [2, 4, 5]
    assert labelled.probed.tolist() == [2, 4, 5, 9]


LABELS = {
    "bird": ["wren", "crow"] * 3 + ["wren"] * 2 + ["wren", "crow"],
    "retrieval-environment": [f"bird number {index}" for index in range(10)],
    "tags": ["loud", "quiet"] * 5,
}
SPLITS = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
TASKS = (
    Task("bird", "environment"),
    Task("retrieval-environment", "environment", "recall"),
    Task("tags", "all", supervised=True),
)


def prepared(folder: Path, gone: set[int], labels: dict[str, list[str]]) -> Path:
    """Ten labelled clips of three tasks, of which some have no audio."""
    corpus = TinyCorpus(folder / "audio")
    for index in range(10):
        path = corpus.add("birds", f"{index:03d}", tone(index))
        if index in gone:
            path.unlink()
    description = lay_down(folder / "store", corpus)
    write(folder / "store", corpus, description, 0, 1)
    write_index(folder / "store")
    rows = [
        (task, f"birds/{index:03d}", SPLITS[index], label)
        for task, some in labels.items()
        for index, label in enumerate(some)
        if label
    ]
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    write_beside(folder / "store", task_files(Labelled(TASKS, (), table, "")))
    return folder / "store"


@pytest.mark.parametrize(
    ("gone", "labels", "told"),
    [
        ({0, 6, 8}, {}, []),
        (
            {8, 9},
            {},
            [
                "task bird cannot be probed: 0 of its 2 test clips can be used, and it takes 1 (2 missing audio file)",
                "task retrieval-environment cannot be probed: 0 of its 2 test clips can be used",
            ],
        ),
        (
            set(range(10)),
            {},
            [
                "task bird cannot be probed: 0 of its 2 test clips",
                "task retrieval-environment cannot be probed: 0 of its 2 test clips",
                "task tags cannot be learned: 0 of its 6 train clips can be used, and it takes 1 (6 missing",
            ],
        ),
        (
            {0, 2, 4},
            {},
            [
                "task bird cannot be probed: all of its 3 usable train clips are labelled 'crow'",
                "task tags cannot be learned: all of its 3 usable train clips are labelled 'quiet'",
            ],
        ),
        (
            {0, 1, 2, 3, 4},
            {},
            [
                "task bird cannot be probed: all of its 1 usable train clips are labelled 'crow'",
                "task retrieval-environment cannot be probed: 1 of its 6 train clips can be used, and it takes 2",
                "task tags cannot be learned: all of its 1 usable train clips are labelled 'quiet'",
            ],
        ),
        # Without validation clips five folds are taken of the training clips.
        ({0, 6, 7}, {}, []),
        ({0, 1, 6, 7}, {}, ["task bird cannot be probed: 4 of its 6 train clips can be used, and it takes 5"]),
        (set(), {"tags": ["loud"] * 10}, ["task tags cannot be learned: all of its 6 usable train clips"]),
        (
            set(),
            {"retrieval-environment": ["a"] * 10},
            ["task retrieval-environment cannot be probed: the captions of its train clips have no word of two"],
        ),
        (
            set(),
            {"retrieval-environment": ["a bird"] * 8 + [""] * 2},
            ["task retrieval-environment cannot be probed: 0 of its 0 test clips can be used, and it takes 1"],
        ),
    ],
)
def test_a_task_that_decoding_left_too_little_is_named(
    gone: set[int], labels: dict[str, list[str]], told: list[str], tmp_path: Path
):
    folder = prepared(tmp_path, gone, LABELS | labels)
    if not told:
        check_tasks(folder)
        return
    with pytest.raises(StudyError) as refused:
        check_tasks(folder)
    message = str(refused.value)
    assert "\n" not in message
    assert message.count("; ") == len(told) - 1
    for one, part in zip(told, message.split("; "), strict=True):
        assert part.startswith(one)


def test_a_set_of_which_too_much_cannot_be_used_is_refused(tmp_path: Path):
    folder = prepared(tmp_path, {0}, LABELS)
    table = LabelledStore(folder).rows.select("task", "id", "split", "label")

    def check(missing: float, absent: int) -> None:
        tasks = (Task("bird", "environment", missing=missing, absent=absent), *TASKS[1:])
        listed = pl.read_parquet(folder / "labels.parquet")
        write_beside(folder, task_files(Labelled(tasks, (), listed, "")))
        check_tasks(folder)

    assert len(table.filter(pl.col("task") == "bird")) == 9
    check(0.1, 0)
    check(0.2, 1)
    with pytest.raises(StudyError) as refused:
        check(0.15, 1)
    assert str(refused.value).startswith(
        "task bird cannot be probed: of its 11 clips 1 are missing and 1 cannot be used "
        "(birds/000: missing audio file, for one), and 15.0% may be (missing = 0.15)"
    )


def shared(folder: Path, rows: list[tuple[str, int, str, str]], tasks: tuple[Task, ...]) -> Path:
    """Six recordings, of which the last two play what the first two play: by task, number, split and label."""
    corpus = TinyCorpus(folder / "audio")
    for index in range(6):
        corpus.add("birds", f"{index:03d}", tone(index % 4))
    description = lay_down(folder / "store", corpus)
    write(folder / "store", corpus, description, 0, 1)
    assert write_index(folder / "store") == 4
    listed = [(task, f"birds/{index:03d}", split, label) for task, index, split, label in rows]
    table = pl.DataFrame(listed, schema=["task", "id", "split", "label"], orient="row")
    write_beside(folder / "store", task_files(Labelled(tasks, (), table, "")))
    # As a store of labelled clips it has them all, also where an index was made that has not.
    assert write_index(folder / "store") == write_index(folder / "store") == 6
    return folder / "store"


def test_a_recording_serves_every_task_that_knows_it_by_whatever_file(tmp_path: Path):
    one = [("one", 0, "test", "a"), ("one", 1, "train", "b"), ("one", 2, "train", "a")]
    two = [("two", 4, "train", "x"), ("two", 5, "test", "y"), ("two", 3, "val", "x")]
    labelled = LabelledStore(shared(tmp_path, one + two, (Task("one", "environment"), Task("two", "environment"))))
    assert labelled.split("one", "test").ids == ["birds/000"]
    assert labelled.split("two", "train").ids == ["birds/004"]
    assert labelled.split("two", "test").ids == ["birds/005"]
    assert [task.note for task in labelled.tasks] == ["", ""]
    assert len(labelled.probed) == 6
    # Of two files that play the same, what one task tests on nobody learns from.
    both = [(name, split) for name in ("one", "two") for split in ("train", "val", "test")]
    assert sum(len(labelled.split(*each).ids) for each in both) == 6
    ids = labelled.store.clips(["id"])["id"]
    assert ids[labelled.supervised_places("train").tolist()].to_list() == ["birds/002"]


def test_a_task_knows_a_recording_once_and_says_so(tmp_path: Path):
    rows = [("one", 0, "train", "a"), ("one", 4, "test", "a"), ("one", 1, "val", "b"), ("one", 5, "train", "b")]
    rows += [("one", 2, "train", "a"), ("one", 3, "train", "b")]
    rows += [("two", index, f"fold {index % 3}", "ab"[index % 2]) for index in range(6)]
    tasks = (Task("one", "environment", note="mine"), Task("two", "environment"))
    labelled = LabelledStore(shared(tmp_path, rows, tasks))
    # The test clip stays although it comes later, and the validation clip before a training clip.
    assert labelled.split("one", "test").ids == ["birds/004"]
    assert labelled.split("one", "val").ids == ["birds/001"]
    assert sorted(labelled.split("one", "train").ids) == ["birds/002", "birds/003"]
    said = "2 clips left out that play what another one of the task plays"
    assert [task.note for task in labelled.tasks] == [f"mine, {said}", said]
    folded = [int(name[-3:]) % 4 for fold in labelled.folds("two") for name in labelled.split("two", fold).ids]
    assert sorted(folded) == [0, 1, 2, 3]


def test_every_question_is_asked_and_none_is_trained_on_what_it_is_asked_about(tmp_path: Path):
    rows = [
        ("asked", 0, "train", "q0"),
        ("asked", 4, "test", "q4"),
        ("asked", 1, "test", "q1"),
        ("asked", 5, "test", "q5"),
    ]
    rows += [("asked", 2, "train", "q2")]
    rows += [("folded", index, f"fold {index % 3}", f"f{index}") for index in range(6)]
    tasks = (Task("asked", "environment", "questions"), Task("folded", "environment", "questions"))
    labelled = LabelledStore(shared(tmp_path, rows, tasks))
    assert labelled.split("asked", "train").labels == ["q2"]
    assert sorted(labelled.split("asked", "test").labels) == ["q1", "q4", "q5"]
    folds = {fold: set(labelled.split("folded", fold).labels) for fold in labelled.folds("folded")}
    assert set().union(*folds.values()) == {f"f{index}" for index in range(6)}
    # Who plays the same is asked in the same fold.
    assert all({"f0", "f4"} <= some or not {"f0", "f4"} & some for some in folds.values())
