"""Archives, Parquet files and tables that were changed at random: every clip is read or rejected, or the file is
refused in one line; nothing else ever comes of them."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forms import clips, csv_table, hub, parquet_table, webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaling.data.clip import Clip, Reject
from scaling.data.columns import Cleaning, batches
from scaling.data.decoder import Wanted
from scaling.data.decoding import decoded
from scaling.data.readers import tables
from scaling.data.readers import webdataset as archives
from scaling.errors import StudyError

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MADE = clips(4)


@st.composite
def changes(draw: Any) -> list[tuple[float, int, bytes]]:
    """Where a file is changed, as a share of it; how many bytes go, and what comes in their place."""
    places = st.floats(0, 1, exclude_max=True)
    pieces = st.binary(max_size=4) | st.sampled_from([b"\xff" * 8, b"\0" * 512, b'"', b"\n", b"../", b"9" * 12])
    return draw(st.lists(st.tuples(places, st.sampled_from([0, 1, 1, 4, 600]), pieces), min_size=1, max_size=4))


def changed(whole: bytes, how: list[tuple[float, int, bytes]]) -> bytes:
    content = bytearray(whole)
    for place, gone, new in how:
        at = int(place * len(content))
        content[at : at + gone] = new
    return bytes(content)


def outcome(lines: Iterator[Clip | Reject]) -> list[Clip | Reject] | str:
    """What is read; or what is said of a file that is refused."""
    try:
        read = list(lines)
    except StudyError as error:
        return str(error)
    found = list(batches(read, Cleaning("s", 1.0, 60.0)))
    assert sum(len(batch.clips) + len(batch.rejects) for batch in found) == len(read)
    assert all(reason for batch in found for reason in batch.rejects.column("reason").to_pylist())
    return read


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    makers = {"tar": webdataset, "csv": csv_table, "hub": hub, "table": parquet_table}
    return {name: make(folder, MADE).read_bytes() for name, make in makers.items()}


@FEW
@given(changes())
def test_archives(whole: dict[str, bytes], tmp_path: Path, how: list[tuple[float, int, bytes]]):
    path = tmp_path / "a.tar"
    path.write_bytes(changed(whole["tar"], how))
    found = outcome(archives.read(path, "a", str(tmp_path)))
    if isinstance(found, list):
        for one in found:
            if isinstance(one, Clip):
                assert one.audio == "a.tar"
                assert one.within.startswith("bytes ")


@FEW
@given(changes())
def test_tables(whole: dict[str, bytes], tmp_path: Path, how: list[tuple[float, int, bytes]]):
    path = tmp_path / "a.csv"
    path.write_bytes(changed(whole["csv"], how))
    assert "\n" not in outcome(tables.read(path, "a", str(tmp_path)))


PROGRAM = """
import sys
from pathlib import Path
from scaling.data.clip import Reject
from scaling.data.readers.known import READERS, reader_of
from scaling.errors import StudyError
for name in sys.argv[1:]:
    try:
        found = list(READERS[reader_of(Path(name))].load().read(Path(name), "a", ""))
        print(name, len(found), sum(isinstance(one, Reject) for one in found), flush=True)
    except StudyError as error:
        print(name, "refused", str(error).replace("\\n", "NEWLINE"), flush=True)
"""


def test_parquet_files(whole: dict[str, bytes], tmp_path: Path):
    """In processes, as what reads Parquet may die of it; which is told in one line too (`test_reading.py`)."""
    draw = random.Random(0)
    left = []
    for number in range(60):
        path = tmp_path / f"{number:02d}.parquet"
        # Mostly the footer and the columns of texts, which lie at the end of row groups.
        place = draw.choice([draw.random(), draw.uniform(0.97, 1)])
        how = [(place, draw.choice([0, 1, 4]), draw.randbytes(draw.randint(0, 4)))]
        path.write_bytes(changed(whole[draw.choice(["hub", "table"])], how))
        left.append(str(path))
    told: dict[str, str] = {}
    died = 0
    while left:
        done = subprocess.run([sys.executable, "-c", PROGRAM, *left], capture_output=True, text=True, check=False)
        told |= dict(line.split(" ", 1) for line in done.stdout.splitlines())
        if done.returncode > 0:
            raise AssertionError(done.stderr[-2000:])
        left = [name for name in left if name not in told]
        if left:
            told[left.pop(0)] = "died"
            died += 1
    assert died < 6
    assert not any("NEWLINE" in said for said in told.values())
    assert sum(said.startswith("refused") for said in told.values()) > 3
    assert sum(said[0].isdigit() for said in told.values()) > 10


def test_a_piece_that_an_archive_no_longer_has(whole: dict[str, bytes], tmp_path: Path):
    path = tmp_path / "a.tar"
    path.write_bytes(whole["tar"])
    read = [one for one in archives.read(path, "a", "") if isinstance(one, Clip)]
    path.write_bytes(whole["tar"][:30_000])
    heard = list(decoded(Wanted(str(path), within=one.within) for one in read))
    said = [str(one) if isinstance(one, Exception) else "" for one in heard]
    assert said == ["", *["its archive ends before it does"] * 3]
    path.unlink()
    [gone] = decoded([Wanted(str(path), within=read[0].within)])
    assert str(gone) == "missing audio file"
