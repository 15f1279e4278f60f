"""The table of task sets: every line names what can be true, and reads a tiny folder of exactly its form."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from set_folders import TINY, put

from scaling.data.tasks.sets import reading
from scaling.data.tasks.sets.known import SETS, known_set
from scaling.data.tasks.sets.task_set import TaskSet
from scaling.data.tasks.task import Labelled, each, soundings
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError


def read(folder: Path, kind: str, **more: str) -> Labelled:
    told = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"set": kind, "folder": "set", **more}.items())
    (folder / "tasks.toml").write_text(f"[[task]]\n{told}")
    return read_tasks(folder / "tasks.toml")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Makes the tiny folder of a set, and has the set say of it what is true of it."""

    def make(name: str) -> Path:
        write, counts, labels = TINY[name]
        write(tmp_path / "set")

        def smaller(asked: str, folder: Path) -> TaskSet:
            return replace(known_set(asked, folder), counts={key: (n,) for key, n in counts.items()}, labels=labels)

        monkeypatch.setattr(reading, "known_set", smaller)
        return tmp_path

    return make


def test_every_set_has_its_tiny_folder():
    assert set(TINY) == set(SETS)


@pytest.mark.parametrize("name", [name for name in SETS if name != "hear"])
def test_an_entry_can_be_true(name: str):
    known = known_set(name, Path())
    assert known.domain in ("speech", "music", "environment")
    assert known.licence
    assert known.had_from.startswith("https://")
    assert set(known.counts) == ({""} if known.folded or known.group else set(known.counts) & {"train", "val", "test"})
    assert known.folded or known.group or {"train", "test"} <= set(known.counts)
    assert all(n > 0 for counts in known.counts.values() for n in counts)
    assert 0 <= known.missing <= 0.2
    assert known.note


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_folder_of_its_form_is_read(name: str, tiny: Callable[[str], Path]):
    folder = tiny(name)
    labelled = read(folder, name, **({"domain": "bees"} if name == "hear" else {}))
    (task,) = labelled.tasks
    expected = TINY[name][1]
    splits = dict(labelled.rows.group_by("split").len().iter_rows())
    if name == "hear":
        assert splits == {"train": 2, "val": 2, "test": 2}
    elif "" not in expected:
        assert splits == expected
    assert sum(splits.values()) == len(labelled.clips) == (sum(expected.values()) or 6)
    assert all((folder / clip.audio).is_file() for clip in labelled.clips)
    assert task.note
    assert "missing" not in task.note
    assert (task.name, task.absent) == (f"retrieval-{name}" if task.kind == "recall" else name, 0)


def labels(labelled: Labelled) -> dict[str, str]:
    return dict(labelled.rows.select("id", "label").iter_rows())


def test_several_labels_are_those_of_a_task_with_several_labels(tiny: Callable[[str], Path]):
    found = read(tiny("fsd50k"), "fsd50k")
    assert {name: each(text) for name, text in labels(found).items()} == {
        "set/FSD50K.dev_audio/1.wav": ["Bark", "Dog"],
        "set/FSD50K.dev_audio/2.wav": ["Dog"],
        "set/FSD50K.eval_audio/3.wav": ["Animal", "Dog"],
    }


def test_a_clip_may_have_none_of_several_labels(tiny: Callable[[str], Path]):
    found = labels(read(tiny("magnatagatune"), "magnatagatune"))
    assert [each(found[f"set/{name}"]) for name in ("0/a.mp3", "mp3/c/b.mp3")] == [["guitar", "no voice"], []]


def test_events_have_their_times(tiny: Callable[[str], Path]):
    labelled = read(tiny("audioset-strong"), "audioset-strong")
    assert labelled.tasks[0].kind == "events"
    found = {name: soundings(text) for name, text in labels(labelled).items()}
    assert found == {
        "set/audio/train/a_B_30000.wav": [(0.0, 1.5, "/m/1")],
        "set/c.flac": [(2.0, 10.0, "/m/2")],
        "set/eval/Y-d.wav": [(0.1, 3.0, "/m/2"), (0.5, 3.0, "/m/1")],
    }


def test_events_of_hear_are_in_milliseconds(tiny: Callable[[str], Path]):
    folder = tiny("hear")
    put(folder, "set/task_metadata.json", {"embedding_type": "event", "prediction_type": "multilabel"})
    for split in ("train", "valid", "test"):
        put(folder, f"set/{split}.json", {f"{split}.wav": [{"label": "queen", "start": 250.0, "end": 1000}]})
    labelled = read(folder, "hear", domain="bees")
    assert soundings(labelled.rows["label"][0]) == [(0.25, 1.0, "queen")]
    put(folder, "set/test.json", {"test.wav": ["queen"]})
    with pytest.raises(StudyError, match="an event is no label with start and end"):
        read(folder, "hear", domain="bees")


def test_a_label_with_a_comma_is_one(tiny: Callable[[str], Path]):
    found = labels(read(tiny("vggsound"), "vggsound"))
    assert found["set/audio/-a_B_000030.wav"] == "dog barking, growling"


def test_a_set_without_a_split_is_split_by_group_and_says_so(tiny: Callable[[str], Path]):
    labelled = read(tiny("crema-d"), "crema-d")
    of = {name.rpartition("/")[2][:4]: split for _, name, split, _ in labelled.rows.iter_rows()}
    assert sorted(of.values()) == ["test"] * 2 + ["train"] * 7 + ["val"]
    assert labelled.tasks[0].note == "no official split: ours is made by speaker, no speaker in two splits"
    videos = read(tiny("voxceleb2"), "voxceleb2")
    assert videos.rows.group_by("label", "split").len().sort("label", "split")["len"].to_list() == [2, 16, 2] * 2
    assert videos.tasks[0].note == "no official split: ours is made by video, no video in two splits"
    assert all(clip.audio.endswith(".wav") for clip in videos.clips)


def test_given_folds_are_folds(tiny: Callable[[str], Path]):
    labelled = read(tiny("urbansound8k"), "urbansound8k", name="city")
    assert set(labelled.rows["split"]) == {"fold 1", "fold 2", "fold 3"}
    assert len(labelled.held_out_ids()) == 6
    assert labelled.supervised == ()


def test_several_captions_a_clip_are_one_clip_of_a_retrieval_task(tiny: Callable[[str], Path]):
    labelled = read(tiny("audiocaps"), "audiocaps")
    (task,) = labelled.tasks
    assert (task.name, task.kind, task.domain) == ("retrieval-audiocaps", "recall", "environment")
    captions = {clip.audio: clip.captions for clip in labelled.clips}
    assert captions["set/8.wav"] == tuple(f"Wind {n}" for n in range(8, 13))
    assert labels(labelled)["set/audio/train/aa_30.wav"] == "a dog barks twice"


@pytest.mark.parametrize(
    ("name", "file", "text", "told"),
    [
        (
            "fsd50k",
            "FSD50K.ground_truth/dev.csv",
            "fname,tags,split\n1,a,train\n",
            "has no column 'labels'; it has fname",
        ),
        ("fsd50k", "FSD50K.ground_truth/eval.csv", None, "it has no FSD50K.ground_truth/eval.csv"),
        (
            "fsd50k",
            "FSD50K.ground_truth/dev.csv",
            "fname,labels,split\n1,a,dev\n",
            "a split 'dev', and it has train, val",
        ),
        ("vggsound", "vggsound.csv", "a,b,c,train\n", "a start that is no number: 'b'"),
        ("vggsound", "vggsound.csv", "a,b\n", "vggsound.csv is no table"),
        ("voxceleb1", "iden_split.txt", "4 id1/v/1.wav\n", "a line that is no split and file: '4 id1/v/1.wav'"),
        (
            "magnatagatune",
            "annotations_final.csv",
            "clip_id\tguitar\tmp3_path\n1\t1\ta.mp3\n",
            "no folder of one letter",
        ),
        ("nsynth", "nsynth-test/examples.json", '{"a": {}}', "examples.json says no instrument_family_str of a"),
        ("nsynth", "nsynth-test/examples.json", "[1]", "nsynth-test/examples.json is not a JSON object"),
        ("esc50", "meta/esc50.csv", "filename,fold,category\n1.wav,1,dog\n1.wav,1,dog\n", "1 clips more than once"),
        ("clotho", "clotho_captions_validation.csv", "file_name,caption\na.wav,b\n", "no column 'caption_1'"),
        (
            "musiccaps",
            "musiccaps-public.csv",
            "ytid,start_s,end_s,caption,is_audioset_eval\na,0,1,b,yes\n",
            "nor False",
        ),
        (
            "hear",
            "task_metadata.json",
            '{"embedding_type": "word"}',
            "embedding_type 'word' and prediction_type 'None': scene and",
        ),
        (
            "hear",
            "test.json",
            '{"test.wav": ["king"]}',
            "test.json has a label 'king' that labelvocabulary.csv has not",
        ),
    ],
)
def test_another_layout_is_one_line(name: str, file: str, text: str | None, told: str, tiny: Callable[[str], Path]):
    folder = tiny(name)
    if text is None:
        (folder / "set" / file).unlink()
    else:
        put(folder, f"set/{file}", text)
    with pytest.raises(StudyError) as refused:
        read(folder, name, domain="any")
    message = str(refused.value)
    assert told in message
    assert "\n" not in message
    assert message.startswith(f"task {name}: {folder / 'set'}")


def test_a_set_that_is_no_set():
    with pytest.raises(StudyError, match="there is no task set 'fsd': known are fsd50k, vggsound"):
        known_set("fsd", Path())
