"""The table of task sets: every line names what can be true, and reads a tiny folder of exactly its form."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scaling.data.tasks.sets import reading
from scaling.data.tasks.sets.known import SETS, known_set
from scaling.data.tasks.sets.task_set import TaskSet
from scaling.data.tasks.task import Labelled, each, soundings
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError


def touch(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"")


def put(folder: Path, file: str, text: str | dict[str, Any]) -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text if isinstance(text, str) else json.dumps(text))


def fsd50k(folder: Path) -> None:
    truth = "FSD50K.ground_truth"
    put(folder, f"{truth}/dev.csv", 'fname,labels,mids,split\n1,"Bark,Dog",/m/1,train\n2,Dog,/m/2,val\n')
    put(folder, f"{truth}/eval.csv", 'fname,labels,mids\n3,"Dog,Animal",/m/3\n')
    touch(folder, *(f"FSD50K.{name}.wav" for name in ("dev_audio/1", "dev_audio/2", "eval_audio/3")))


def vggsound(folder: Path) -> None:
    put(folder, "vggsound.csv", '-a_B,30,"dog barking, growling",train\nc,0,rain,train\nd,7,rain,test\n')
    touch(folder, "audio/-a_B_000030.wav", "c_000000.flac", "test/d_000007.mp3")


def voxceleb1(folder: Path) -> None:
    put(folder, "iden_split.txt", "1 id1/v1/1.wav\n1 id2/v4/1.wav\n2 id1/v2/1.wav\n3 id1/v3/1.wav\n3 id2/v5/1.wav\n")
    touch(folder, *(f"wav/id1/v{n}/1.wav" for n in (1, 2, 3)), "dev/wav/id2/v4/1.wav", "test/wav/id2/v5/1.wav")


def voxceleb2(folder: Path) -> None:
    for speaker in ("id1", "id2"):
        for video in range(10):
            touch(folder, *(f"dev/aac/{speaker}/v{video}/{n}.{form}" for n in (1, 2) for form in ("m4a", "wav")))


def crema_d(folder: Path) -> None:
    for speaker in range(1001, 1011):
        touch(folder, *(f"AudioWAV/{speaker}_IEO_{mood}_XX.wav" for mood in ("ANG", "SAD")))


def magnatagatune(folder: Path) -> None:
    head = '"clip_id"\t"guitar"\t"no voice"\t"mp3_path"\n'
    rows = '"1"\t"1"\t"1"\t"0/a.mp3"\n"2"\t"0"\t"0"\t"c/b.mp3"\n"3"\t"0"\t"1"\t"f/c.mp3"\n'
    put(folder, "annotations_final.csv", head + rows)
    touch(folder, "0/a.mp3", "mp3/c/b.mp3", "f/c.mp3")


def nsynth(folder: Path) -> None:
    for part, pitch in (("train", 60), ("train", 61), ("valid", 60), ("test", 61)):
        note = f"bass_{part}-{pitch}"
        known = {note: {"instrument_family_str": "bass" if pitch == 60 else "reed", "pitch": pitch}}
        file = folder / f"nsynth-{part}/examples.json"
        put(folder, f"nsynth-{part}/examples.json", (json.loads(file.read_text()) if file.exists() else {}) | known)
        touch(folder, f"nsynth-{part}/audio/{note}.wav")


def folded(list_file: str, head: str, line: str, audio: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        rows = [(n, n // 2 + 1, ("dog", "rain")[n % 2]) for n in range(6)]
        put(folder, list_file, "\n".join([head, *(line.format(n, fold, label) for n, fold, label in rows), ""]))
        touch(folder, *(audio.format(n, fold) for n, fold, _ in rows))

    return make


ESC50 = folded("meta/esc50.csv", "filename,fold,target,category", "{0}.wav,{1},0,{2}", "audio/{0}.wav")
URBAN = folded(
    "metadata/UrbanSound8K.csv", "slice_file_name,fold,class", "{0}.wav,{1},{2}", "audio/fold{1}/{0}.wav"
)  # fmt: skip


def audioset_strong(folder: Path) -> None:
    head = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
    put(folder, "audioset_train_strong.tsv", head + "a_B_30000\t0.0\t1.5\t/m/1\nc_0\t2\t10\t/m/2\nc_0\t1\t1\t/m/1\n")
    put(folder, "audioset_eval_strong.tsv", head + "-d_10000\t0.5\t3\t/m/1\n-d_10000\t0.1\t3\t/m/2\n")
    touch(folder, "audio/train/a_B_30000.wav", "c.flac", "eval/Y-d.wav")


def audiocaps(folder: Path) -> None:
    head = "audiocap_id,youtube_id,start_time,caption\n"
    put(folder, "train.csv", head + '1,aa,30,"A dog barks, twice"\n2,bb,0,Rain falls\n')
    put(folder, "val.csv", head + "".join(f"{n},cc,10,Rain {n}\n" for n in range(3, 8)))
    put(folder, "test.csv", head + "".join(f"{n},dd,10,Wind {n}\n" for n in range(8, 13)))
    touch(folder, "audio/train/aa_30.wav", "train/bb.flac", "audio/Ycc.wav", "8.wav")


def clotho(folder: Path) -> None:
    head = f"file_name,{','.join(f'caption_{n}' for n in range(1, 6))}\n"
    for part in ("development", "validation", "evaluation"):
        row = ",".join(f"Birds sing {n}." for n in range(5))
        put(folder, f"clotho_captions_{part}.csv", f"{head}a bird.wav,{row}\nb.wav,{row}\n")
        touch(folder, f"{part}/a bird.wav", f"clotho_audio_{part}/b.wav")


def musiccaps(folder: Path) -> None:
    head = (
        "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,is_balanced_subset,is_audioset_eval"
    )
    rows = ('aa,30,40,/m/1,"[\'a\']","A song,\nwith a line",4,False,False', "-b,0,10,/m/1,[],A drum,4,False,True")
    put(folder, "musiccaps-public.csv", "\n".join([head, *rows, ""]))
    touch(folder, "wav/[aa]-[30-40].wav", "audio/-b.wav")


def paraspeechcaps(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    for part in ("train_base", "dev", "holdout"):
        path = f"dev/wav/{part}/1.wav"
        row = {"source": "voxceleb", "relative_audio_path": path, "text_description": ["A calm man.", "He is calm."]}
        other = {"source": "ears", "relative_audio_path": f"{part}.wav", "text_description": ["A loud woman."]}
        pl.DataFrame([row, other]).write_parquet(folder / f"data/{part}-00000-of-00001.parquet")
        touch(folder, f"voxceleb/{path}", f"ears/{part}.wav")


def hear(folder: Path) -> None:
    about = {"task_name": "beehive", "embedding_type": "scene", "prediction_type": "multilabel"}
    put(folder, "task_metadata.json", about)
    put(folder, "labelvocabulary.csv", "idx,label\n0,queen\n1,no queen\n")
    for split in ("train", "valid", "test"):
        put(folder, f"{split}.json", {f"{split}.wav": ["queen"], f"{split} 2.wav": []})
        touch(folder, *(f"{rate}/{split}/{split}{end}.wav" for rate in ("16000", "48000") for end in ("", " 2")))


# Of each set: what makes its folder, and how many clips and labels that has.
TINY: dict[str, tuple[Callable[[Path], None], dict[str, int], int | None]] = {
    "fsd50k": (fsd50k, {"train": 1, "val": 1, "test": 1}, 3),
    "vggsound": (vggsound, {"train": 2, "test": 1}, 2),
    "voxceleb1": (voxceleb1, {"train": 2, "val": 1, "test": 2}, 2),
    "voxceleb2": (voxceleb2, {"": 40}, 2),
    "crema-d": (crema_d, {"": 20}, 2),
    "magnatagatune": (magnatagatune, {"train": 1, "val": 1, "test": 1}, 2),
    "nsynth": (nsynth, {"train": 2, "val": 1, "test": 1}, 2),
    "nsynth-pitch": (nsynth, {"train": 2, "val": 1, "test": 1}, None),
    "esc50": (ESC50, {"": 6}, 2),
    "urbansound8k": (URBAN, {"": 6}, 2),
    "audioset-strong": (audioset_strong, {"train": 2, "test": 1}, 2),
    "audiocaps": (audiocaps, {"train": 2, "val": 1, "test": 1}, None),
    "clotho": (clotho, {"train": 2, "val": 2, "test": 2}, None),
    "musiccaps": (musiccaps, {"train": 1, "test": 1}, None),
    "paraspeechcaps": (paraspeechcaps, {"train": 2, "val": 2, "test": 2}, None),
    "hear": (hear, {}, None),
}


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
