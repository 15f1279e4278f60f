"""Tiny folders of exactly the form in which the task sets are downloaded, without anything in their recordings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl


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
