"""The same clips in every form that is read: recordings, and what is said of them."""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import soundfile
from corpora import lhotse_cut, tone, write_manifest
from pyarrow import parquet


@dataclass(frozen=True)
class Spoken:
    """A clip: its id, captions, and its recording as the bytes of a FLAC file and as samples."""

    id: str
    captions: tuple[str, ...]
    recording: bytes
    samples: np.ndarray


def clips(count: int = 6) -> list[Spoken]:
    """Tones of 1.2 s, each of a pitch of its own, some with two captions."""
    made = []
    for number in range(count):
        file = io.BytesIO()
        soundfile.write(file, tone(number, 1.2), 16_000, format="FLAC")
        file.seek(0)
        captions = (f"tone number {number}", "ä second, one")[: 1 + number % 2]
        made.append(Spoken(f"t{number}", captions, file.getvalue(), soundfile.read(file, dtype="float32")[0]))
    return made


def lhotse(folder: Path, made: list[Spoken]) -> Path:
    _beside(folder, made)
    cuts = [lhotse_cut(one.id, f"audio/{one.id}.flac", 1.2, list(one.captions)) for one in made]
    return write_manifest(folder / "tones.train.jsonl.gz", cuts)


def tar_of(members: list[tuple[str, bytes]]) -> bytes:
    """An archive of members by name."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def webdataset(folder: Path, made: list[Spoken]) -> Path:
    members = []
    for one in made:
        members.append((f"x/{one.id}.flac", one.recording))
        said = {"id": one.id, "captions": list(one.captions), "duration": 1.2}
        members.append((f"x/{one.id}.json", json.dumps(said).encode()))
    path = folder / "tones-000000.tar"
    path.write_bytes(tar_of(members))
    return path


def hub_table(made: list[Spoken]) -> pa.Table:
    audio = pa.array(
        [{"bytes": one.recording, "path": f"{one.id}.flac"} for one in made],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    captions = pa.array([list(one.captions) for one in made])
    return pa.table({"audio": audio, "captions": captions, "duration": [1.2] * len(made)})


def hub(folder: Path, made: list[Spoken]) -> Path:
    path = folder / "tones-00000-of-00001.parquet"
    parquet.write_table(hub_table(made), path, row_group_size=4)
    return path


def rows(made: list[Spoken]) -> list[dict[str, Any]]:
    return [
        {
            "clip_id": one.id,
            "file": f"audio/{one.id}.flac",
            "duration_s": "1.2",
            "split": "train",
            "caption": one.captions[0],
            "captions": json.dumps(one.captions),
        }
        for one in made
    ]


def csv_table(folder: Path, made: list[Spoken]) -> Path:
    _beside(folder, made)
    path = folder / "tones.csv"
    pl.DataFrame(rows(made)).write_csv(path)
    return path


def parquet_table(folder: Path, made: list[Spoken]) -> Path:
    _beside(folder, made)
    path = folder / "tones.parquet"
    pl.DataFrame(rows(made)).write_parquet(path)
    return path


def _beside(folder: Path, made: list[Spoken]) -> None:
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    for one in made:
        (folder / "audio" / f"{one.id}.flac").write_bytes(one.recording)


FORMS = {
    "lhotse": lhotse,
    "webdataset": webdataset,
    "parquet": hub,
    "table": csv_table,
    "Parquet table": parquet_table,
}
