"""Parquet as Hugging Face datasets write it, whole and not."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from forms import clips, hub, hub_table, parquet_table
from pyarrow import parquet

from scaling.data.clip import Clip, Reject
from scaling.data.features import Cut, UnusableClipError, waveforms
from scaling.data.readers.parquet import digest, holds, read
from scaling.errors import StudyError

MADE = clips(8)


def test_it_is_told_from_a_table(tmp_path: Path):
    assert holds(hub(tmp_path, MADE))
    assert not holds(parquet_table(tmp_path, MADE))


def test_recordings_that_are_files_lie_beside_it(tmp_path: Path):
    audio = pa.array(
        [{"bytes": None, "path": "audio/1.flac"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    parquet.write_table(pa.table({"audio": audio, "text": ["rain"]}), tmp_path / "a.parquet")
    assert list(read(tmp_path / "a.parquet", "a", str(tmp_path))) == [
        Clip("a/1", "a", "a", None, ("rain",), "audio/1.flac", 0.0)
    ]


def column_of(file: parquet.ParquetFile, name: str) -> Any:
    """What the footer says of a column in the second row group."""
    group = file.metadata.row_group(1)
    return next(column for column in map(group.column, range(group.num_columns)) if column.path_in_schema == name)


def test_a_row_group_that_does_not_decode_is_a_reject_for_each_row(tmp_path: Path):
    path = hub(tmp_path, MADE)
    with parquet.ParquetFile(path) as file:
        column = next(
            file.metadata.row_group(1).column(n)
            for n in range(4)
            if "captions" in file.metadata.row_group(1).column(n).path_in_schema
        )
        first = column.dictionary_page_offset or column.data_page_offset
    whole = bytearray(path.read_bytes())
    whole[first : first + 60] = b"\xff" * 60
    path.write_bytes(whole)
    found = list(read(path, "a", str(tmp_path)))
    assert [one.id for one in found[:4]] == [f"a/t{number}" for number in range(4)]
    assert all(isinstance(one, Reject) and "its row group does not decode" in one.reason for one in found[4:])
    assert len(found) == 8
    assert found[7].id == f"{path} row group 1 row 3"


def test_a_recording_that_does_not_decode_is_known_when_it_is_heard(tmp_path: Path):
    path = hub(tmp_path, MADE)
    with parquet.ParquetFile(path) as file:
        column = column_of(file, "audio.bytes")
    whole = bytearray(path.read_bytes())
    whole[column.dictionary_page_offset : column.dictionary_page_offset + 40] = b"\xff" * 40
    path.write_bytes(whole)
    found = list(read(path, "a", str(tmp_path)))
    assert all(isinstance(one, Clip) for one in found)
    heard = list(
        waveforms([Cut(one.audio, within=one.within) for one in found if isinstance(one, Clip)], str(tmp_path))
    )
    assert [isinstance(one, UnusableClipError) for one in heard] == [False] * 4 + [True] * 4


def test_what_is_no_parquet(tmp_path: Path):
    path = hub(tmp_path, MADE)
    whole = path.read_bytes()
    for bad in (whole[:-10], b"PAR1", b"", whole[: len(whole) // 2]):
        path.write_bytes(bad)
        with pytest.raises(StudyError, match="is not whole Parquet") as refused:
            list(read(path, "a", ""))
        assert "\n" not in str(refused.value)


def test_the_digest_knows_what_is_said_and_where_recordings_lie(tmp_path: Path):
    first = digest(hub(tmp_path, MADE))
    table = hub_table(MADE)
    captions = [["other"], *table["captions"].to_pylist()[1:]]
    parquet.write_table(table.set_column(1, "captions", pa.array(captions)), tmp_path / "b.parquet", row_group_size=4)
    assert first != digest(tmp_path / "b.parquet")
    parquet.write_table(table, tmp_path / "c.parquet", row_group_size=4)
    assert first == digest(tmp_path / "c.parquet")


def test_rows_that_no_file_has(tmp_path: Path):
    hub(tmp_path, MADE)
    for within in ("row 9 0", "row 0 9", "bytes 10000000 5", "row 0", "bytes 0 999999999999"):
        with pytest.raises(UnusableClipError):
            waveform_of(tmp_path, within)


def waveform_of(folder: Path, within: str) -> object:
    [found] = waveforms([Cut("tones-00000-of-00001.parquet", within=within)], str(folder))
    if isinstance(found, UnusableClipError):
        raise found
    return found
