"""Tiny corpora on disk: FLAC files, and manifests in the form of CaptionStew's."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile

from scaling.data.catalogue import catalogue
from scaling.data.description import Description, seal
from scaling.data.index import write_index
from scaling.data.labelled import LabelledStore, task_files
from scaling.data.manifests import manifest_files
from scaling.data.parts import prepared_parts, write_part
from scaling.data.prepare import catalogue_rows
from scaling.data.readers.lhotse import read_manifest
from scaling.data.store import Store, create_store, read_tokenizer
from scaling.data.tasks.task import Labelled, Task
from scaling.data.tokenizer import normalized
from scaling.models.formats import Format, LogMel
from scaling.storage.digest import bytes_digest

PART_CLIPS, HOLDOUT = 8, 4


def lhotse_cut(name: str, audio: str, seconds: float, captions: list[str] | None, **fields: Any) -> dict[str, Any]:
    """A MonoCut as CaptionStew's manifests write it."""
    supervision = {"id": name, "recording_id": name, "start": 0.0, "duration": seconds, "channel": 0}
    if captions is not None:
        supervision["custom"] = {"caption": captions}
    recording = {
        "id": name,
        "sources": [{"type": "file", "channels": [0], "source": audio}],
        "sampling_rate": 16000,
        "num_samples": round(seconds * 16000),
        "duration": seconds,
        "channel_ids": [0],
    }
    cut = {"id": name, "start": 0.0, "duration": seconds, "channel": 0, "type": "MonoCut"}
    return {**cut, "supervisions": [supervision], "recording": recording, **fields}


def write_manifest(path: Path, cuts: list[Any]) -> Path:
    """Cuts (or anything else that is JSON), one a line, as gzip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(cut) + "\n" for cut in cuts)
    return path


def tone(index: int, seconds: float = 0.3, rate: int = 16_000) -> np.ndarray:
    """A sine of a pitch of its own, quiet noise under it: float32 [samples]."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(index).standard_normal(len(time))
    return (0.3 * np.sin(2 * np.pi * (200 + 7 * index) * time) + 0.01 * noise).astype(np.float32)


@dataclass
class TinyCorpus:
    """FLAC files of 0.3 s under `root` and the cuts that name them, source by source."""

    root: Path
    cuts: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, source: str, name: str, samples: np.ndarray | None, captions: list[str] | None = None) -> Path:
        """One clip; `None` samples leave its file out. Returns the file's path."""
        path = self.root / source / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = 0.3 if samples is None else len(samples) / 16_000
        if samples is not None:
            soundfile.write(path, samples, 16_000)
        audio = str(path.relative_to(self.root))
        captions = [f"{source} sound number {name}"] if captions is None else captions
        self.cuts.setdefault(source, []).append(lhotse_cut(name, audio, seconds, captions))
        return path

    def manifests(self) -> tuple[str, ...]:
        """Write one manifest a source; returns their paths."""
        folder = self.root / "manifests"
        return tuple(str(write_manifest(folder / f"{s}.train.jsonl.gz", cuts)) for s, cuts in self.cuts.items())


def spoiled(corpus: TinyCorpus) -> dict[str, str]:
    """Clips of every kind that cannot be used; returns id to reason. Their file names sort before the good
    ones' but their ranks lie anywhere among them."""
    corpus.add("dogs", "missing", None)
    corpus.add("dogs", "unreadable", tone(900)).write_bytes(b"fLaC and no more")
    corpus.add("dogs", "silent", np.zeros(4800))
    corpus.add("dogs", "mute", tone(901), captions=[])
    corpus.add("dogs", "brief", tone(902, 0.1))
    corpus.add("dogs", "lengthy", tone(903, 1.2))
    # Shorter than its manifest says.
    corpus.add("dogs", "cut", tone(904, 0.1))
    corpus.cuts["dogs"][-1]["duration"] = 0.5
    return {
        "dogs/missing": "missing audio file",
        "dogs/unreadable": "unreadable audio",
        "dogs/silent": "silent audio",
        "dogs/mute": "no caption",
        "dogs/brief": "shorter than 0.2 s",
        "dogs/lengthy": "longer than 1 s",
        "dogs/cut": "audio shorter than 0.2 s when decoded",
    }


def lay_down(
    folder: Path, corpus: TinyCorpus, max_seconds: float = 1.0, formats: tuple[Format, ...] = (LogMel(),)
) -> Description:
    """A store of the corpus with its catalogue and no part yet."""
    clips = [clip for file in manifest_files(corpus.manifests()) for clip in read_manifest(file)]
    ranked, rejects = catalogue(clips, salt="s", min_seconds=0.2, max_seconds=max_seconds)
    description = Description("digest", len(ranked), HOLDOUT, 0.2, max_seconds, PART_CLIPS, formats)
    create_store(folder, ranked, rejects, description)
    return description


def write(folder: Path, corpus: TinyCorpus, description: Description, *parts: int) -> None:
    """Write these parts without Ray."""
    for number in parts:
        rows = catalogue_rows(folder, number, description.part_clips)
        root, tokenizer = str(corpus.root), read_tokenizer(folder)
        write_part(rows, folder, number, tokenizer, root, description.limits, description.formats)


def part(folder: Path, number: int) -> Path:
    """Where the part of a number lies."""
    [name] = prepared_parts(folder)[number]
    return folder / name


def write_beside(folder: Path, files: dict[str, bytes]) -> None:
    """More files of a store that is there already."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    seal(folder, {name: bytes_digest(content) for name, content in files.items()})


CLIPS = 30


def clips_of_many_lengths(root: Path, formats: tuple[Format, ...] = (LogMel(),)) -> Store:
    """A store of 30 tones of 0.2 to 0.9 s, the higher the longer."""
    corpus = TinyCorpus(root / "audio")
    for index in range(CLIPS):
        corpus.add("birds", f"{index:03d}", tone(index, 0.2 + 0.023 * index))
    description = lay_down(root / "store", corpus, formats=formats)
    write(root / "store", corpus, description, *range(-(-CLIPS // PART_CLIPS)))
    assert write_index(root / "store") == CLIPS
    return Store(root / "store")


def labelled_tones(root: Path, formats: tuple[Format, ...] = (LogMel(),)) -> LabelledStore:
    """These tones as labelled clips: whether one is high, and its caption; train, val and test in turn."""
    store = clips_of_many_lengths(root, formats)
    rows = []
    for place, name in enumerate(store.clips(["id"])["id"]):
        split = ("train", "train", "val", "test")[place % 4]
        rows.append(("pitch", name, split, "high" if name > f"birds/{CLIPS // 2:03d}" else "low"))
        rows.append(("retrieval", name, split, normalized(store.captions(place)[0])))
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    tasks = (Task("pitch", "environment"), Task("retrieval", "environment", "recall"))
    write_beside(store.folder, task_files(Labelled(tasks, (), table, "")))
    return LabelledStore(store.folder)
