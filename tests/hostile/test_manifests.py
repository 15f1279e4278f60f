"""Manifests as nobody should write them: what becomes of each line, and which file is refused."""

import gzip
import json
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpora import lhotse_cut
from outcomes import make, outcome
from task_files import ENTRY, write_tasks

from scaling.data.catalogue import catalogue
from scaling.data.clip import Reject
from scaling.data.corpus import ensure_catalogues, open_source
from scaling.data.manifests import find_manifests, manifest_files
from scaling.data.readers.lhotse import NO_CUT, _checked_clip, _plain_clip, read_manifest
from scaling.data.readers.lines import LONGEST_LINE
from scaling.study.study import Corpus

GOOD = lhotse_cut("1", "x/1.flac", 2.5, ["a dog barks"])
RECORDING = GOOD["recording"]
SOURCE = RECORDING["sources"][0]
SUPERVISION = GOOD["supervisions"][0]


def cut(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def recorded(**fields: Any) -> bytes:
    return cut(recording={**RECORDING, **fields})


def lies_in(**fields: Any) -> bytes:
    return recorded(sources=[{**SOURCE, **fields}])


def written(place: str, value: bytes) -> bytes:
    """A cut with a number that Python would not write so."""
    return re.sub(f'"{place}": [^,]*,'.encode(), f'"{place}": '.encode() + value + b",", cut(), count=1)


def changed(name: str, **arguments: Any) -> bytes:
    return recorded(transforms=[{"name": name, "kwargs": arguments}])


LINES: dict[str, tuple[bytes, str | None]] = {
    # Other kinds of cuts, and of lines.
    "a MixedCut": (b'{"id": "m", "type": "MixedCut", "tracks": []}', "type: Input should be 'MonoCut', not 'MixedCut'"),
    "a PaddingCut": (cut(type="PaddingCut"), "type: Input should be 'MonoCut', not 'PaddingCut'"),
    "a MultiCut": (cut(type="MultiCut", channel=[0, 1]), "type: Input should be 'MonoCut', not 'MultiCut'"),
    "a kind of a megabyte": (cut(type="x" * 10**6), "type: Input should be 'MonoCut', not 'x{50}'"),
    "no kind": (b'{"id": "1"}', "type: Field required"),
    "a list": (b"[1, 2]", "Input should be an object"),
    "null": (b"null", "Input should be an object"),
    "no recording": (cut(recording=None), "recording: Input should be an object"),
    "features alone": (cut(recording=None, features={"type": "fbank"}), "recording: Input should be an object"),
    "features beside": (cut(features={"type": "fbank"}), None),
    "a field that is not known": (cut(speed=1.1), "speed: Extra inputs are not permitted"),
    # What is not JSON.
    "words": (b"id,caption", "not JSON: .*"),
    "half a line": (cut()[:50], "not JSON: .*"),
    "two cuts": (cut() + cut(), "not JSON: trailing characters .*"),
    "UTF-16": (cut().decode().encode("utf-16"), "not JSON: .*"),
    "Latin-1": (cut(id="ä").decode("unicode_escape").encode("latin-1"), "not JSON: invalid unicode .*"),
    "zeros": (bytes(1000), "not JSON: .*"),
    "half a character": (b'{"id": "\\ud800"}', "not JSON: .*"),
    "100,000 brackets": (b"[" * 100_000, "not JSON: recursion limit .*"),
    "100,000 braces": (b'{"a":' * 100_000, "not JSON: recursion limit .*"),
    "100,000 brackets where nobody looks": (cut()[:-1] + b', "custom": ' + b"[" * 100_000, "not JSON: recursion .*"),
    "a line of 3 MB": (cut(custom="x" * 3 * 2**20), f"not a cut: it has more than {LONGEST_LINE:,} bytes"),
    # Numbers.
    "start of infinity": (written("start", b"Infinity"), "starts at inf s"),
    "start of NaN": (written("start", b"NaN"), "starts at nan s"),
    "start of 400 digits": (written("start", b"9" * 400), "starts at inf s"),
    "start of 1e400": (written("start", b"1e400"), "starts at inf s"),
    "start of 10,000 digits": (written("start", b"9" * 10_000), "not JSON: number out of range .*"),
    "start before the start": (cut(start=-1), "starts at -1 s"),
    "start in words": (cut(start="0"), "start: Input should be a valid number"),
    "start of yes": (cut(start=True), "start: Input should be a valid number"),
    "duration of 400 digits": (written("duration", b"9" * 400), "longer than 60 s"),
    "duration of -Infinity": (written("duration", b"-Infinity"), "shorter than 1 s"),
    "duration of null": (cut(duration=None), "duration: Input should be a valid number"),
    "channel of 400 digits": (written("channel", b"9" * 400), "its channel is 9+, and .*"),
    "channel of 0.5": (cut(channel=0.5), "channel: Input should be a valid integer.*"),
    "no channel": (b'{"type": "MonoCut", "id": "1", "start": 0, "duration": 2}', "channel: Field required"),
    "another channel": (cut(channel=1), r"its channel is 1, and its recording has \[0\]"),
    "a rate that its file need not have": (recorded(sampling_rate=-1, num_samples="many"), None),
    "a start twice, the last in time": (written("start", b'-5, "start": 1'), None),
    # Names.
    "a number for an id": (cut(id=5), None),
    "no id": (cut(id=""), "id.*: String should have at least 1 character"),
    "yes for an id": (cut(id=True), "id.*: Input should be a valid string"),
    "id of 10,000 characters": (cut(id="x" * 10_000), "id of 10,002 characters: at most 1,000"),
    "id with a NUL": (cut(id="\0"), "id with a control character in it"),
    "id with a newline": (cut(id="a\nb"), "id with a control character in it"),
    # Recordings.
    "a URL": (lies_in(type="url", source="https://example.org/1.flac"), ".*type: Input should be 'file', not 'url'"),
    "a command": (lies_in(type="command", source="rm -r /"), ".*type: Input should be 'file', not 'command'"),
    "bytes": (lies_in(type="memory", source="UklGRg=="), ".*type: Input should be 'file', not 'memory'"),
    "a video": (lies_in(video={"fps": 25}), ".*video: Input should be null"),
    "no file": (recorded(sources=[]), "its channel is 0, and its recording has none"),
    "a channel in two files": (recorded(sources=[SOURCE] * 2), r"its channel is 0, and its recording has \[0\], \[0\]"),
    "a number for a file": (lies_in(source=3), ".*source: Input should be a valid string"),
    "a file of 300 characters": (lies_in(source="x" * 300), "audio with a name of 300 bytes: at most 255"),
    "a file with a NUL": (lies_in(source="a\0.flac"), "audio is no name that a file can have"),
    "a made sound": (lies_in(source="synthetic:0/test/1"), "is missing"),
    "faster": (changed("Speed", factor=1.1), "its recording is changed by 'Speed'"),
    "louder": (changed("Volume", factor=2.0), "its recording is changed by 'Volume'"),
    "with an echo": (changed("ReverbWithImpulseResponse", rir=None), "its recording is changed by 'Reverb.*'"),
    "at 16 kHz": (changed("Resample", source_sampling_rate=44_100, target_sampling_rate=16_000), None),
    "at 8 kHz": (changed("Resample", target_sampling_rate=8_000), "its recording is changed by 'Resample'"),
    "changed by nobody": (recorded(transforms=[{}]), "its recording is changed by 'None'"),
    "not changed": (recorded(transforms=[]), None),
    # Captions.
    "no supervision": (cut(supervisions=[]), "no caption"),
    "supervisions of 3": (cut(supervisions=3), "supervisions: Input should be a valid array"),
    "a number for a caption": (cut(supervisions=[{**SUPERVISION, "custom": {"caption": 7}}]), "no caption"),
    "a caption of marks": (cut(supervisions=[{**SUPERVISION, "custom": {"caption": ["...", "\t"]}}]), "no caption"),
    "a caption of 20,000 letters": (
        cut(supervisions=[{**SUPERVISION, "custom": {"caption": "x" * 20_000}}]),
        "caption of 20,000 characters: at most 10,000",
    ),
    "a list for a domain": (
        cut(supervisions=[{"custom": {"caption": "a", "domain": ["x" * 200]}}]),
        "domain of 204 .*",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Why each line is no clip of the catalogue, as its rejects say it; all lines stand in one manifest."""
    file = tmp_path_factory.mktemp("lines") / "a.train.jsonl.gz"
    good = [cut(id=f"good {number}") for number in range(len(LINES))]
    lines = [
        line.replace(b'"id": "1"', f'"id": "{number}"'.encode(), 1) for number, (line, _) in enumerate(LINES.values())
    ]
    file.write_bytes(gzip.compress(b"\n".join([*good, *lines]), 1))
    read = list(read_manifest(file))
    assert len(read) == 2 * len(LINES)
    found: dict[str, str | None] = {}
    for number, (name, one) in enumerate(zip(LINES, read[len(good) :], strict=True), start=len(good) + 1):
        ranked, rejects = catalogue([one], salt="s", min_seconds=1.0, max_seconds=60.0)
        assert len(ranked) + len(rejects) == 1
        found[name] = None if len(ranked) else rejects["reason"][0]
        if isinstance(one, Reject):
            assert rejects.row(0) == (f"{file} line {number}", "a", "", "manifest", one.reason)
        if len(ranked) and "synthetic:" in ranked["audio"][0]:
            # A name like another: whether there is such a file shows when it is decoded.
            found[name] = "is missing"
    return found


@pytest.mark.parametrize("name", LINES)
def test_a_line_is_a_clip_or_has_its_reason(name: str, outcomes: dict[str, str | None]):
    expected, found = LINES[name][1], outcomes[name]
    if expected is None or found is None:
        assert found == expected
    else:
        assert re.fullmatch(f"({NO_CUT}: )?{expected}", found)


@pytest.mark.parametrize("name", LINES)
def test_what_is_read_fast_is_read_as_it_is_slowly(name: str):
    line = LINES[name][0]
    fast = _plain_clip(line, "a")
    assert fast is None or repr(fast) == repr(_checked_clip(line, "a"))


def zipped(*lines: bytes) -> bytes:
    return gzip.compress(b"\n".join(lines), 1)


LONG = zipped(*[cut(id=str(number)) for number in range(500)])
MANIFESTS: dict[str, tuple[bytes | Callable[[Path], object], str | int]] = {
    "cut in half": (LONG[: len(LONG) // 2], r"{} is not a whole gzip file \(after line \d+\): .*"),
    "without its end": (LONG[:-4], r"{} is not a whole gzip file \(after line 499\): .*"),
    "damaged": (LONG[:100] + bytes(20) + LONG[120:], "{} is not a whole gzip file .*"),
    "not packed": (cut(), r"{} is not a whole gzip file \(after line 0\): .*"),
    "nothing": (b"", r"{} is not a whole gzip file \(after line 0\): .*"),
    "zeros": (bytes(100), "{} is not a whole gzip file .*"),
    "packed nothing": (zipped(), 0),
    "blank lines": (zipped(b"", b" ", b"\r", cut(), b""), 1),
    "lines of another system": (zipped(cut() + b"\r", cut(id="2") + b"\r"), 2),
    "packed twice": (gzip.compress(LONG), "{} line 1 is not JSON: .*; .* lines cannot be used"),
    "two files one after another": (zipped(cut(), b"") + zipped(cut(id="2")), 2),
    "most of it no cuts": (
        zipped(cut(), b"{}", b"{}"),
        f"{{}} line 2 is {NO_CUT}: .*; 2 of its 3 lines cannot be used",
    ),
    "half of it no cuts": (zipped(cut(), b"{}"), 2),
    "a list of cuts": (
        zipped(b"[" + cut() + b"]"),
        f"{{}} line 1 is {NO_CUT}: Input should be .*; 1 of its 1 lines .*",
    ),
    "a CSV table": (zipped(b"id,caption", b"1,a dog", b"2,a cat"), "{} line 1 is not JSON: .*; 3 of its 3 lines .*"),
    "recordings": (zipped(json.dumps(RECORDING).encode()), f"{{}} line 1 is {NO_CUT}: type: Field required; .*"),
    "60 MB in a line": (gzip.compress(b"x" * 60 * 2**20, 1), "{} line 1 is not a cut: .*; 1 of its 1 lines .*"),
    "a pipe": (os.mkfifo, "no manifest at {}: .*"),
    "a folder": (Path.mkdir, "no manifest at {}: .*"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "no manifest at {}: .*"),
    "itself": (lambda path: path.symlink_to(path), "no manifest at {}: .*"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_read_or_refused(name: str, tmp_path: Path):
    content, expected = MANIFESTS[name]
    path = tmp_path / "a.train.jsonl.gz"
    make(path, content)
    tracemalloc.start()
    found = outcome(lambda: [one for file in manifest_files([str(path)]) for one in read_manifest(file)])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A line in memory, some times over; never the file.
    assert most < 16 * 2**20
    if isinstance(expected, int):
        assert isinstance(found, list)
        assert len(found) == expected
    else:
        assert re.fullmatch(expected.format(re.escape(str(path))), str(found))


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/",
        "nul\0.jsonl.gz",
        "x" * 300,
        "/x" * 3000,
        "~nobody-at-all/*.gz",
        "**x",
        "[",
        "half-\ud800.gz",
        "/dev/null",
    ],
)
def test_a_pattern_that_names_nothing(pattern: str):
    assert str(outcome(lambda: manifest_files([pattern]))).startswith("no manifest at ")


@pytest.mark.parametrize(
    "name", [".jsonl.gz", "a\nb.jsonl.gz", f"{'x' * 150}.gz", os.fsdecode(b"\xff.gz"), "\x1b[31m.gz"]
)
def test_a_manifest_that_names_no_source(name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(LONG)
    assert "has no name of a source" in str(outcome(lambda: find_manifests([str(tmp_path / "*gz")])))


def test_bad_lines_of_a_study_are_rejects_of_its_store(tmp_path: Path):
    for number in range(1, 4):
        (tmp_path / f"{number}.flac").write_bytes(b"a file")
    manifest = tmp_path / "a.train.jsonl.gz"
    lines = [
        cut(id=str(number), recording={**RECORDING, "sources": [{**SOURCE, "source": "1.flac"}]}) for number in "abc"
    ]
    manifest.write_bytes(zipped(*lines, b"no cut", cut(type="MixedCut"), cut(start=-1)))
    tasks = write_tasks(tmp_path, {**ENTRY, "audio": "."})
    corpus = Corpus((str(manifest),), str(tmp_path), str(tasks))
    ensure_catalogues(open_source(corpus), tmp_path / "store")
    rejects = pl.read_parquet(tmp_path / "store" / "manifest-rejects.parquet")
    assert sorted(rejects["id"]) == sorted([f"{manifest} line 4", f"{manifest} line 5", "a/1"])
    assert rejects["reason"].str.len_chars().min() > 0
