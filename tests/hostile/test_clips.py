"""Clips of which nothing can be made, or not what they say: each has its reason, and none takes others down."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nasty_audio import SECONDS, TONE, flac, mp3, patched, recording, wav

from scaling.data.catalogue import catalogue
from scaling.data.clip import Clip, UnusableClipError, refusal
from scaling.data.features import SAMPLE_RATE, Cut, waveforms

UNREADABLE, MISSING, NO_FILE = "unreadable audio", "missing audio file", "audio is not a regular file"
WHOLE = round(SECONDS * SAMPLE_RATE)
NOISE = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
HOUR = np.zeros(3600 * 4000, np.int16)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        # Names of sockets are short.
        here = Path.cwd()
        os.chdir(path.parent)
        other.bind(path.name)
        os.chdir(here)


def link(to: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(to)


Make = bytes | Callable[[Path], object]

FILES: dict[str, tuple[Make, str | int]] = {
    # What is no recording.
    "nothing.wav": (b"", UNREADABLE),
    "text.flac": (b"no audio at all", UNREADABLE),
    "zeros.mp3": (bytes(5000), UNREADABLE),
    "garbage.mp3": (b"\xff\xfb\x90\x00" + NOISE.tobytes(), UNREADABLE),
    "frames-of-nothing.mp3": (b"\xff\xfb\x90\x00" * 10_000, UNREADABLE),
    "headerless.raw": (bytes(100), UNREADABLE),
    "id3-of-256-mb.mp3": (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + recording("MP3", "MPEG_LAYER_III"), UNREADABLE),
    "folder.flac": (Path.mkdir, NO_FILE),
    "fifo.flac": (fifo, NO_FILE),
    "socket.flac": (listening, NO_FILE),
    "zero.flac": (link("/dev/zero"), NO_FILE),
    "random.wav": (link("/dev/urandom"), NO_FILE),
    "terminal.wav": (link("/dev/tty"), NO_FILE),
    "stdin.wav": (link("/dev/stdin"), f"{NO_FILE}|{MISSING}|{UNREADABLE}"),
    "kernel.wav": (link("/proc/kmsg"), f"{MISSING}|{UNREADABLE}"),
    "memory.wav": (link("/proc/self/mem"), f"{MISSING}|{UNREADABLE}"),
    "circle.flac": (link("circle.flac"), MISSING),
    "dangling.flac": (link("gone.flac"), MISSING),
    # Headers that say too much.
    "samples-of-2^36.flac": (flac(2**36 - 1), WHOLE),
    "samples-unknown.flac": (flac(0), WHOLE),
    "samples-too-few.flac": (flac(1000), 1000),
    "rate-1.flac": (flac(len(TONE), 1), "a sample rate of 1 Hz: 1,000 to 768,000 can be read"),
    "rate-655350.flac": (flac(len(TONE), 655_350), round(len(TONE) / 655_350 * SAMPLE_RATE)),
    "frames-of-2^32.mp3": (mp3(2**32 - 1), WHOLE),
    "frames-none.mp3": (mp3(0), r"\d+"),
    "rate-of-2^31.wav": (wav(2**31 - 1), "a sample rate of 2,147,483,647 Hz: 1,000 to 768,000 can be read"),
    "rate-of-2^32.wav": (wav(2**32 - 1), UNREADABLE),
    "rate-0.wav": (wav(0), UNREADABLE),
    "rate-999.wav": (wav(999), "a sample rate of 999 Hz: .*"),
    "rate-767999.wav": (wav(767_999), round(len(TONE) / 767_999 * SAMPLE_RATE)),
    "rate-768001.wav": (wav(768_001), "a sample rate of 768,001 Hz: .*"),
    "sizes-of-2^32.wav": (wav(data=2**32 - 1, riff=2**32 - 1), WHOLE),
    "sizes-0.wav": (wav(data=0, riff=0), "empty audio"),
    "channels-0.wav": (wav(channels=0), UNREADABLE),
    "channels-65.wav": (wav(channels=65), "65 channels: at most 64 can be read"),
    "channels-1024.wav": (wav(channels=1024), "1,024 channels: at most 64 can be read"),
    "channels-65535.wav": (wav(channels=65_535), UNREADABLE),
    "bits-0.wav": (wav(bits=0), UNREADABLE),
    "cues-of-2^31.wav": (wav(before=b"cue " + b"\xff\xff\xff\x7f" * 2), UNREADABLE),
    "chunks-without-end.wav": (wav(before=b"junk\0\0\0\0" * 100_000), f"{UNREADABLE}|{WHOLE}"),
    "lists-in-lists.wav": (wav(before=b"LIST\xff\xff\xff\x7fINFO" * 10_000), UNREADABLE),
    "size-of-2^64.rf64": (patched(recording("RF64"), 28, 2**64 - 1, 8), f"{UNREADABLE}|{WHOLE}"),
    "size-of-2^63.w64": (patched(recording("W64"), 16, 2**63 - 1, 8), f"{UNREADABLE}|{WHOLE}"),
    "frames-of-2^32.aiff": (patched(recording("AIFF"), 22, 2**32 - 1, 4, "big"), f"{UNREADABLE}|{WHOLE}"),
    "size-of-2^63.caf": (patched(recording("CAF"), 4084, 2**63 - 1, 8, "big"), f"{UNREADABLE}|{WHOLE}"),
    "size-of-2^32.au": (patched(recording("AU"), 8, 2**32 - 1, 4, "big"), WHOLE),
    "time-of-2^62.ogg": (patched(recording("OGG"), recording("OGG").rfind(b"OggS") + 6, 2**62, 8), ".*"),
    "matrix-of-2^31.mat": (patched(recording("MAT4"), 4, 2**31 - 1, 4), f"{UNREADABLE}|{WHOLE}"),
    # What is there is too long, too short, or nothing to learn from.
    "hour.flac": (recording("FLAC", samples=HOUR, rate=4000), "audio longer than 2 s when decoded"),
    "cut.flac": (recording("FLAC", samples=NOISE)[:5000], UNREADABLE),
    "brief.wav": (recording("WAV", samples=TONE[:60]), "audio shorter than 0.005 s when decoded"),
    "silent.wav": (recording("WAV", samples=0 * TONE), "silent audio"),
    "nan.wav": (recording("WAV", "FLOAT", TONE * np.float32(np.nan)), "audio with NaN or infinite samples"),
    "loud.wav": (recording("WAV", "FLOAT", TONE * np.float32(1e38)), "audio with NaN or infinite samples"),
    "loud-double.wav": (recording("WAV", "DOUBLE", TONE.astype(float) * 1e300), "audio with NaN or infinite samples"),
    "no-sample.wav": (recording("WAV", samples=TONE[:0]), "empty audio"),
    # And good ones.
    **{f"good.{form.lower()}": (recording(form), WHOLE) for form in ("WAV", "FLAC", "OGG", "AIFF", "CAF", "W64", "AU")},
}

CUTS: dict[str, tuple[Cut, str | int]] = {
    "gone": (Cut("gone.flac"), MISSING),
    "below a file": (Cut("text.flac/1.flac"), MISSING),
    "nul": (Cut("nul\0.flac"), MISSING),
    "long name": (Cut("x" * 300), MISSING),
    "long path": (Cut("x/" * 3000), MISSING),
    "half a character": (Cut("\ud800.flac"), MISSING),
    "bytes of no text": (Cut("\udcff.flac"), MISSING),
    "the root": (Cut(""), NO_FILE),
    "another's corpus": (Cut("synthetic:0/test/1"), MISSING),
    "a URL": (Cut("https://example.org/1.flac"), MISSING),
    "a late start": (Cut("good.flac", 1e9, 1.0), "empty audio"),
    "a late start where samples are said to be": (Cut("samples-of-2^36.flac", 4e6, 1.0), f"empty audio|{UNREADABLE}"),
    "a start within": (Cut("samples-of-2^36.flac", 0.25, 0.25), WHOLE // 2),
    "a start within what is of unknown length": (Cut("samples-unknown.flac", 0.25, 0.25), WHOLE // 2),
    "a cut over the end": (Cut("good.flac", 0.25, 1.5), WHOLE // 2),
    "a cut out of an hour": (Cut("hour.flac", 3000.0, 1.0), "silent audio"),
    "an empty cut": (Cut("good.flac", 0.1, 0.0), "empty audio"),
    "a channel that is not there": (Cut("good.flac", channel=1), "no channel 1: the audio has 1"),
    "a channel of 2^70": (Cut("good.flac", channel=2**70), "no channel 1180591620717411303424: the audio has 1"),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | int]:
    """Of every file and cut, decoded one after another as for a store, its reason or its samples at 16 kHz."""
    root = tmp_path_factory.mktemp("audio")
    for name, (make, _) in FILES.items():
        if isinstance(make, bytes):
            (root / name).write_bytes(make)
        else:
            make(root / name)
    cuts = {**{name: Cut(name) for name in FILES}, **{name: cut for name, (cut, _) in CUTS.items()}}
    began = time.monotonic()
    found = list(waveforms(cuts.values(), str(root), min_seconds=0.005, max_seconds=2.0))
    assert time.monotonic() - began < 20
    return {
        name: str(one) if isinstance(one, UnusableClipError) else len(one)
        for name, one in zip(cuts, found, strict=True)
    }


@pytest.mark.parametrize("name", [*FILES, *CUTS])
def test_a_clip_is_used_or_has_its_reason(name: str, outcomes: dict[str, str | int]):
    expected = {**FILES, **CUTS}[name][1]
    found = outcomes[name]
    if isinstance(expected, int) and isinstance(found, int):
        # MP3 and Vorbis begin and end a little earlier or later.
        assert found == pytest.approx(expected, abs=1200 if name.endswith((".mp3", ".ogg")) else 1)
    else:
        assert re.fullmatch(str(expected), str(found))


CLIP = Clip("a/1", "a", "any", 2.0, ("a dog barks",), "a/1.flac")
CLIPS: dict[str, tuple[dict[str, object], str | None]] = {
    "good": ({}, None),
    "letters of all kinds": ({"id": "a/ä 犬 🐕", "captions": ("犬が吠える 🐕",), "audio": "犬 🐕.flac"}, None),
    "start of infinity": ({"start": float("inf")}, "starts at inf s"),
    "start of nan": ({"start": float("nan")}, "starts at nan s"),
    "start of 1e308": ({"start": 1e308}, "starts at 1e+308 s"),
    "start before the start": ({"start": -0.001}, "starts at -0.001 s"),
    "seconds of infinity": ({"seconds": float("inf")}, "longer than 60 s"),
    "seconds of nan": ({"seconds": float("nan")}, "shorter than 1 s"),
    "seconds below 0": ({"seconds": -5.0}, "shorter than 1 s"),
    "id with a newline": ({"id": "a/1\n2"}, "id with a control character in it"),
    "id with an escape": ({"id": "a/\x1b[31m"}, "id with a control character in it"),
    "id of 10,000 characters": ({"id": "x" * 10_000}, "id of 10,000 characters: at most 1,000"),
    "id with half a character": ({"id": "a/\ud83d"}, "id with half a character in it"),
    "domain with a NUL": ({"domain": "\0"}, "domain with a control character in it"),
    "domain of 1,000 characters": ({"domain": "x" * 1000}, "domain of 1,000 characters: at most 100"),
    "caption of a megabyte": ({"captions": ("a", "x" * 2**20)}, "caption of 1,048,576 characters: at most 10,000"),
    "caption with half a character": ({"captions": ("\udc00",)}, "caption with half a character in it"),
    "no caption": ({"captions": ()}, "no caption"),
    "no audio": ({"audio": ""}, "audio is no name that a file can have"),
    "audio with a NUL": ({"audio": "a\0.flac"}, "audio is no name that a file can have"),
    "audio of 300 characters": ({"audio": f"a/{'x' * 300}"}, "audio with a name of 300 bytes: at most 255"),
    "audio of 90 characters of 3 bytes": ({"audio": "犬" * 90}, "audio with a name of 270 bytes: at most 255"),
    "audio of 5,000 characters": ({"audio": "x/" * 2500}, "audio of 5,000 characters: at most 4,096"),
    "audio with half a character": ({"audio": "\ud800.flac"}, "audio with half a character in it"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_what_a_manifest_may_say_of_a_clip(name: str):
    changes, reason = CLIPS[name]
    fields = {field: changes.get(field, getattr(CLIP, field)) for field in Clip._fields}
    assert refusal(Clip(**fields), 1.0, 60.0) == reason


def test_every_bad_clip_is_written_down_with_its_reason(tmp_path: Path):
    clips = [Clip(**{field: c.get(field, getattr(CLIP, field)) for field in Clip._fields}) for c, _ in CLIPS.values()]
    ranked, rejects = catalogue(clips, salt="s", min_seconds=1.0, max_seconds=60.0)
    rejects.write_parquet(tmp_path / "rejects.parquet")
    assert ranked["id"].sort().to_list() == ["a/1", "a/ä 犬 🐕"]
    assert sorted(rejects["reason"]) == sorted(reason for _, reason in CLIPS.values() if reason)
    assert rejects["id"].str.len_chars().max() == 200


def test_channels_of_one_file_are_clips_of_their_own(tmp_path: Path):
    left, right = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32) * 0.1
    (tmp_path / "a.wav").write_bytes(recording("WAV", "FLOAT", np.stack([left, right], axis=1)))
    found = list(waveforms([Cut("a.wav", channel=channel) for channel in (0, 1, None)], str(tmp_path)))
    for samples, expected in zip(found, (left, right, (left + right) / 2), strict=True):
        assert not isinstance(samples, UnusableClipError)
        np.testing.assert_allclose(samples.numpy(), expected, atol=1e-7)
