"""What tasks there are, and what clips each of them knows."""

from scaling.data.clip import Clip
from scaling.data.tasks.task import Task, labelled


def clip(name: str, *captions: str) -> Clip:
    return Clip(name, "birds", "environment", 1.0, captions, f"{name}.flac")


def test_captioned_clips_make_one_retrieval_task_a_domain():
    clips = {"1": clip("1", "A wren!"), "2": clip("2"), "3": clip("3", "a crow")}
    rows = [("bird", "1", "test", "wren"), ("bird", "2", "train", "wren"), ("bird", "3", "train", "crow")]
    made = labelled([Task("bird", "environment")], clips, rows, "root")
    assert made.tasks == (Task("bird", "environment"), Task("retrieval-environment", "environment", "recall"))
    assert [row for row in made.rows.rows() if row[0] != "bird"] == [
        ("retrieval-environment", "1", "test", "a wren"),
        ("retrieval-environment", "3", "train", "a crow"),
    ]
    # Test clips come first: of two that play the same samples the test clip stays.
    assert [one.id for one in made.clips] == ["1", "2", "3"]
    assert made.held_out_ids() == {"1"}


def test_what_is_marked_as_supervised_is_learned_and_not_probed():
    tasks = [Task("bird", "environment"), Task("tags", "all", supervised=True)]
    rows = [("bird", "1", "test", "wren"), ("tags", "2", "train", "loud")]
    made = labelled(tasks, {"1": clip("1", "a wren"), "2": clip("2", "a loud one")}, rows, "")
    assert [task.name for task in made.probes] == ["bird", "retrieval-environment"]
    assert [task.name for task in made.supervised] == ["tags"]
    # A caption of a clip that no probe knows is no retrieval.
    assert set(made.rows.filter(made.rows["task"] == "retrieval-environment")["id"]) == {"1"}
    unmarked = labelled(tasks[:1], {"1": clip("1", "a wren")}, rows[:1], "")
    assert [task.name for task in unmarked.supervised] == ["bird"]
