"""Whatever stands in manifests, recordings and task files: a `StudyError`, a reject with its reason, or a clip."""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import lhotse_cut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nasty_audio import recording
from task_files import ENTRY, ROWS

from scaling.data.catalogue import catalogue
from scaling.data.clip import Clip, Reject, UnusableClipError
from scaling.data.features import Cut, log_mel, waveforms
from scaling.data.readers.lhotse import _checked_clip, _plain_clip, read_manifest
from scaling.data.tasks.task import Labelled
from scaling.data.tasks.toml import read_tasks
from scaling.errors import StudyError

FEW = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(FEW, max_examples=4000, derandomize=False)

ODD = [0, -1, 1e308, float("inf"), float("nan"), 2**31 - 1, 2**63, 10**400, True, None, "", "\0", "x" * 5000, [], {}]
LEAVES = st.one_of(st.sampled_from(ODD), st.text(max_size=5), st.integers(), st.floats())
VALUES = st.recursive(
    LEAVES,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something in a cut."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inside for place in places(one, (*path, key)))]


GOOD = lhotse_cut("1", "x/1.flac", 2.5, ["a dog barks"])
GOOD["recording"]["transforms"] = [{"name": "Resample", "kwargs": {"target_sampling_rate": 16_000}}]
PLACES = places(GOOD)[1:]


@st.composite
def cuts(draw: Callable[..., Any]) -> bytes:
    """A line of a manifest: a cut in which something is changed, added or left out, or its bytes changed."""
    cut = copy.deepcopy(GOOD)
    for path in draw(st.lists(st.sampled_from(PLACES), max_size=2)):
        holder: Any = cut
        try:
            for key in path[:-1]:
                holder = holder[key]
            match draw(st.sampled_from(["change", "change", "add", "leave out"])):
                case "change":
                    holder[path[-1]] = draw(VALUES)
                case "add":
                    holder[draw(st.text(max_size=5))] = draw(VALUES)
                case _:
                    del holder[path[-1]]
        except (KeyError, IndexError, TypeError):
            # What was changed before lies on the way.
            continue
    line = bytearray(json.dumps(cut).encode())
    for at in draw(st.lists(st.integers(0, len(line) - 1), max_size=2)):
        line[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(line).replace(b"\n", b" ")


def check_lines(lines: list[bytes], folder: Path) -> None:
    file = folder / "a.train.jsonl.gz"
    # As many good ones, so that most are cuts.
    good = [json.dumps({**GOOD, "id": f"good {number}"}).encode() for number in range(len(lines))]
    file.write_bytes(gzip.compress(b"\n".join([*good, *lines]), 1))
    read = list(read_manifest(file))
    assert len(read) == len(good) + sum(bool(line.strip()) for line in lines)
    assert all(isinstance(one, Clip) or (isinstance(one, Reject) and one.reason) for one in read)
    ranked, rejects = catalogue(read, salt="s", min_seconds=1.0, max_seconds=60.0)
    assert len(ranked) + len(rejects) == len(read)
    assert "" not in rejects["reason"]
    assert len(ranked) >= len(good)
    assert ranked["start"].is_between(0, 1e9).all()
    ranked.write_parquet(folder / "ranked.parquet")
    rejects.write_parquet(folder / "rejects.parquet")


@FEW
@given(st.lists(cuts(), min_size=1, max_size=20))
def test_lines_of_manifests(tmp_path: Path, lines: list[bytes]):
    check_lines(lines, tmp_path)


@pytest.mark.long
@MANY
@given(st.lists(cuts(), min_size=1, max_size=20))
def test_many_lines_of_manifests(tmp_path: Path, lines: list[bytes]):
    check_lines(lines, tmp_path)


@FEW
@given(st.lists(cuts(), min_size=1, max_size=20))
def test_what_is_read_fast_is_read_as_it_is_slowly(lines: list[bytes]):
    check_fast(lines)


@pytest.mark.long
@MANY
@given(st.lists(cuts(), min_size=1, max_size=20))
def test_of_many_lines_what_is_read_fast_is_read_as_it_is_slowly(lines: list[bytes]):
    check_fast(lines)


def check_fast(lines: list[bytes]) -> None:
    for line in lines:
        fast = _plain_clip(line, "a")
        if fast is not None:
            # Of numbers too: 1 and 1.0 would be the same clip, but not the same text.
            assert repr(fast) == repr(_checked_clip(line, "a"))


def test_most_lines_are_read_fast():
    assert _plain_clip(json.dumps(GOOD).encode(), "a") is not None


FORMS = [("WAV", "PCM_16"), ("WAV", "IMA_ADPCM"), ("FLAC", None), ("OGG", None), ("OGG", "OPUS")]
FORMS += [("MP3", "MPEG_LAYER_III"), ("AIFF", None), ("CAF", "ALAC_16"), ("RF64", None), ("AU", None), ("W64", None)]
WHOLE = {form: recording(*form) for form in FORMS}
NUMBERS = st.sampled_from([0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1])


@st.composite
def recordings(draw: Callable[..., Any]) -> bytes:
    """A recording with numbers, mostly of its header, changed, pieces cut out or put in."""
    whole = bytearray(WHOLE[draw(st.sampled_from(FORMS))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(whole), draw(st.sampled_from([64, 256, 10_000])))))
        match draw(st.sampled_from(["number", "number", "byte", "cut", "leave out", "put in"])):
            case "number":
                width = draw(st.sampled_from([2, 4, 8]))
                number = draw(NUMBERS) % 2 ** (8 * width)
                whole[at : at + width] = number.to_bytes(width, draw(st.sampled_from(["little", "big"])))
            case "byte":
                whole[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del whole[at:]
            case "leave out":
                del whole[at : at + draw(st.integers(1, 50))]
            case _:
                whole[at:at] = draw(st.binary(max_size=20))
    return bytes(whole)


starts = st.sampled_from([0.0, 0.0, 0.1, 0.4, 3.0, 1e9])
lengths = st.sampled_from([None, 0.0, 0.2, 2.0])
channels = st.sampled_from([None, None, 0, 1, 2**40])


def check_recordings(made: list[tuple[bytes, float, float | None, int | None]], folder: Path) -> None:
    wanted = []
    for number, (content, start, seconds, channel) in enumerate(made):
        (folder / str(number)).write_bytes(content)
        wanted.append(Cut(str(number), start, seconds, channel))
    found = list(waveforms(wanted, str(folder), min_seconds=0.01, max_seconds=2.0))
    assert len(found) == len(made)
    for one in found:
        if isinstance(one, UnusableClipError):
            assert str(one)
            assert "decod" not in str(one) or "when decoded" in str(one)
        else:
            # A millisecond beyond either limit is rounding.
            assert 144 <= len(one) <= 32_016
            assert np.isfinite(log_mel(one).numpy().astype(np.float16)).all()


several = st.lists(st.tuples(recordings(), starts, lengths, channels), min_size=1, max_size=10)


@FEW
@given(several)
def test_recordings(tmp_path: Path, made: list[Any]):
    check_recordings(made, tmp_path)


@pytest.mark.long
@MANY
@given(several)
def test_many_recordings(tmp_path: Path, made: list[Any]):
    check_recordings(made, tmp_path)


TOML = "[[task]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in ENTRY.items())
CSV = ",".join(ROWS[0]) + "\n" + "".join(",".join(row.values()) + "\n" for row in ROWS)
BITS = st.sampled_from(
    [
        b"",
        b"\n",
        b"\r\n",
        b"\0",
        b'"',
        b",",
        b",,,,",
        b"\xff",
        b"\xef\xbb\xbf",
        b"=1+1",
        b"[" * 2000,
        b"9" * 5000,
        b"'",
        b"\\u0000",
    ]
)


@st.composite
def texts(draw: Callable[..., Any], good: str) -> bytes:
    """A file with pieces changed."""
    text = bytearray(good.encode())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 10))] = draw(BITS | st.binary(max_size=4))
    return bytes(text)


def check_tasks(toml: bytes, csv: bytes, folder: Path) -> None:
    (folder / "tasks.toml").write_bytes(toml)
    (folder / "clips.csv").write_bytes(csv)
    try:
        labelled = read_tasks(folder / "tasks.toml")
    except StudyError as error:
        refused = str(error)
        assert len(refused.splitlines()) == 1
        return
    assert isinstance(labelled, Labelled)
    assert len(labelled.rows) >= 2
    labelled.rows.write_parquet(folder / "labels.parquet")


@FEW
@given(texts(TOML), texts(CSV))
def test_task_files(tmp_path: Path, toml: bytes, csv: bytes):
    check_tasks(toml, csv, tmp_path)


@pytest.mark.long
@MANY
@given(texts(TOML), texts(CSV))
def test_many_task_files(tmp_path: Path, toml: bytes, csv: bytes):
    check_tasks(toml, csv, tmp_path)
