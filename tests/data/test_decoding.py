"""Whatever becomes of the decoding process, there is an answer to every clip, in order."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from scaling.data import decoding
from scaling.data.clip import UnusableClipError
from scaling.data.decoder import ENOUGH, Bounds, Wanted
from scaling.data.decoding import AT_ONCE, decoded


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A decoder with faults, and bounds that are soon hit."""
    monkeypatch.setattr(decoding, "decoder", SimpleNamespace(__name__="spoiled_decoder"))
    monkeypatch.setattr(decoding, "BOUNDS", Bounds(samples=2**22, processor_seconds=1))
    decoding._decoder.cache_clear()
    yield
    decoding._decoder.cache_clear()


def answers(paths: list[Path]) -> list[str | list[float]]:
    """Why each cannot be used, or its samples."""
    found = decoded(Wanted(str(path)) for path in paths)
    return [str(one) if isinstance(one, UnusableClipError) else one[0].tolist() for one in found]


def recordings(folder: Path, *names: str) -> list[Path]:
    """Short sounds, each of one value, and what they hold."""
    paths = [folder / f"{name}.wav" for name in names]
    for number, path in enumerate(paths):
        soundfile.write(path, np.full(10, number / 128), 16_000)
    return paths


def test_answers_come_in_the_order_of_the_questions(tmp_path: Path):
    paths = recordings(tmp_path, *map(str, range(3 * AT_ONCE + 1)))
    paths[5].unlink()
    paths[AT_ONCE].write_bytes(b"no audio")
    expected: list[str | list[float]] = [[number / 128] * 10 for number in range(len(paths))]
    expected[5], expected[AT_ONCE] = "missing audio file", "unreadable audio"
    assert answers(paths) == expected
    assert answers([]) == []


def test_more_than_is_answered_at_once(tmp_path: Path):
    paths = [tmp_path / f"{number}.wav" for number in range(5)]
    for number, path in enumerate(paths):
        soundfile.write(path, np.full(ENOUGH // 2, number / 128, np.float32), 96_000)
    for number, found in enumerate(decoded(Wanted(str(path)) for path in paths)):
        assert isinstance(found, tuple)
        samples, rate = found
        assert (len(samples), rate) == (ENOUGH // 2, 96_000)
        assert (samples == number / 128).all()


@pytest.mark.usefixtures("spoiled")
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("crashes", "the decoder dies of it (SIGSEGV)"),
        ("exits", "the decoder dies of it (exit 3)"),
        ("eats", "decoding takes more than 1 GiB of memory"),
        ("spins", "decoding takes more than 1 s of processor time"),
    ],
)
def test_a_clip_that_no_decoder_survives_is_told_from_its_neighbours(fault: str, told: str, tmp_path: Path):
    paths = recordings(tmp_path, "one", "two", fault, "four")
    assert answers(paths) == [[0.0] * 10, [1 / 128] * 10, told, [3 / 128] * 10]
    # The next one is asked as if nothing had been.
    assert answers(paths[:2]) == [[0.0] * 10, [1 / 128] * 10]


@pytest.mark.long
@pytest.mark.usefixtures("spoiled")
def test_a_clip_that_never_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "BOUNDS", Bounds(seconds=3))
    paths = recordings(tmp_path, "one", "sleeps", "three")
    assert answers(paths) == [[0.0] * 10, "decoding takes more than 3 s", [2 / 128] * 10]


@pytest.mark.usefixtures("spoiled")
def test_a_clip_is_innocent_of_what_kills_its_decoder_from_outside(tmp_path: Path):
    paths = recordings(tmp_path, "one", "dies-once")
    assert answers(paths) == [[0.0] * 10, [1 / 128] * 10]
    assert (tmp_path / "dies-once.wav.died").exists()
    decoding._decoder().process.kill()
    assert answers(paths) == [[0.0] * 10, [1 / 128] * 10]


@pytest.mark.usefixtures("spoiled")
def test_what_a_decoder_prints_is_no_answer(tmp_path: Path):
    assert answers(recordings(tmp_path, "one", "writes")) == [[0.0] * 10, [1 / 128] * 10]


@pytest.mark.usefixtures("spoiled")
def test_a_clip_that_has_no_room(tmp_path: Path):
    soundfile.write(tmp_path / "a.flac", np.full(2**22 + 1, 0.1, np.float32), 96_000)
    assert answers([*recordings(tmp_path, "one"), tmp_path / "a.flac"]) == [[0.0] * 10, "more than 4,194,304 samples"]


@pytest.mark.usefixtures("spoiled")
def test_a_clip_that_has_no_room_beside_others(tmp_path: Path):
    """Half of the memory is written into while the other half is read."""
    paths = recordings(tmp_path, *map(str, range(2 * AT_ONCE)))
    soundfile.write(tmp_path / "a.wav", np.full(2**21 + 1, 0.5, np.float32), 96_000, "FLOAT")
    paths.insert(AT_ONCE, tmp_path / "a.wav")
    found = answers(paths)
    assert found.pop(AT_ONCE) == [0.5] * (2**21 + 1)
    assert found == [[number / 128] * 10 for number in range(2 * AT_ONCE)]


@pytest.mark.usefixtures("spoiled")
def test_who_asks_next_gets_no_answer_of_who_took_no_more(tmp_path: Path):
    paths = recordings(tmp_path, *map(str, range(3 * AT_ONCE)))
    some = decoded(Wanted(str(path)) for path in paths)
    next(some)
    some.close()
    assert answers(paths[5:7]) == [[5 / 128] * 10, [6 / 128] * 10]


def test_a_decoder_ends_with_who_asked_it():
    process = decoding._Decoder(Bounds())
    assert process.process.stdin is not None
    process.process.stdin.close()
    assert process.process.wait(10) == 0


@pytest.mark.usefixtures("spoiled")
def test_where_memory_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "memfd_create")
    assert answers(recordings(tmp_path, "one", "two")) == [[0.0] * 10, [1 / 128] * 10]
