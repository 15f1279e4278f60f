"""Lhotse manifests as CaptionStew distributes them, and everything that is none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import lhotse_cut, write_manifest
from lhotse import CutSet, MonoCut, Recording

from scaling.data.clip import Clip, Reject
from scaling.data.decoder import Wanted
from scaling.data.decoding import decoded
from scaling.data.manifests import manifest_files
from scaling.data.readers.lhotse import NO_CUT, _checked_clip, read_manifest
from scaling.errors import StudyError

GOOD = lhotse_cut("1", "x/1.flac", 2.5, ["a dog barks"])


def refusal(file: Path) -> str:
    with pytest.raises(StudyError) as refused:
        list(read_manifest(file))
    message = str(refused.value)
    assert "\n" not in message
    assert str(file) in message
    return message


def test_a_cut_is_read_as_it_stands(tmp_path: Path):
    cuts = [
        GOOD,
        lhotse_cut("2", "/elsewhere/2.wav", 5.0, [" rain ", "", "falling water"], start=1.5, duration=3.0),
        lhotse_cut("3", "x/3.flac", 2.0, None),
        lhotse_cut("4", "x/4.flac", 2.0, ["...", "  "]),
    ]
    cuts[1]["supervisions"][0]["custom"]["domain"] = "nature"
    assert list(read_manifest(write_manifest(tmp_path / "birds.train.jsonl.gz", cuts))) == [
        Clip("birds/1", "birds", "birds", 2.5, ("a dog barks",), "x/1.flac", 0.0),
        Clip("birds/2", "birds", "nature", 3.0, ("rain", "falling water"), "/elsewhere/2.wav", 1.5),
        Clip("birds/3", "birds", "birds", 2.0, (), "x/3.flac", 0.0),
        Clip("birds/4", "birds", "birds", 2.0, (), "x/4.flac", 0.0),
    ]


@pytest.mark.parametrize(
    ("caption", "read"),
    [("rain", ("rain",)), (["rain", 3, None, " "], ("rain",)), (7, ()), (None, ()), ([], ()), ({"en": "rain"}, ())],
)
def test_captions_of_other_forms(tmp_path: Path, caption: Any, read: tuple[str, ...]):
    cut = lhotse_cut("1", "x.flac", 2.0, ["x"])
    cut["supervisions"][0]["custom"]["caption"] = caption
    (clip,) = read_manifest(write_manifest(tmp_path / "a.jsonl.gz", [cut]))
    assert isinstance(clip, Clip)
    assert clip.captions == read


def test_captions_of_several_supervisions_are_all_the_clips(tmp_path: Path):
    cut = lhotse_cut("1", "x.flac", 2.0, ["rain"])
    second, third = json.loads(json.dumps(cut["supervisions"] * 2))
    second["custom"] = {"caption": "falling water", "caption_style": "human", "domain": "other"}
    third["custom"] = None
    cut["supervisions"] += [second, third]
    (clip,) = read_manifest(write_manifest(tmp_path / "a.jsonl.gz", [cut]))
    assert isinstance(clip, Clip)
    assert (clip.captions, clip.styles, clip.domain) == (("rain", "falling water"), ("", "human"), "a")
    assert repr(clip) == repr(_checked_clip(json.dumps(cut).encode(), "a"))


def test_a_cut_without_supervisions_is_a_clip_without_captions(tmp_path: Path):
    (clip,) = read_manifest(write_manifest(tmp_path / "a.jsonl.gz", [{**GOOD, "supervisions": []}]))
    assert clip.captions == ()


def test_lines_that_are_no_cuts_are_rejects_unless_most_are(tmp_path: Path):
    mixed = {"type": "MixedCut", "id": "m", "tracks": []}
    file = write_manifest(tmp_path / "a.train.jsonl.gz", [GOOD, mixed, "text", GOOD])
    assert [line for line in read_manifest(file) if isinstance(line, Reject)] == [
        Reject(f"{file} line 2", "a", "", f"{NO_CUT}: type: Input should be 'MonoCut', not 'MixedCut'"),
        Reject(f"{file} line 3", "a", "", f"{NO_CUT}: Input should be an object"),
    ]
    message = refusal(write_manifest(file, [GOOD, mixed, "text"]))
    assert message.startswith(f"{file} line 2 is {NO_CUT}: type: Input should be 'MonoCut', not 'MixedCut'; ")
    assert message.endswith("2 of its 3 lines cannot be used")


@pytest.mark.parametrize(
    ("sources", "channel", "read"),
    [
        ([("a", [0, 1])], 1, ("a", 1)),
        ([("a", [4, 7])], 7, ("a", 1)),
        # One channel in a file: what lies there is one sound, however many channels it turns out to have.
        ([("a", [0])], 0, ("a", None)),
        ([("a", [0]), ("b", [1])], 1, ("b", None)),
        ([("a", [0]), ("b", [1, 2, 3])], 2, ("b", 1)),
    ],
)
def test_a_cut_is_of_one_channel(tmp_path: Path, sources: list[Any], channel: int, read: tuple[str, int | None]):
    cut = lhotse_cut("1", "", 2.5, ["a dog barks"], channel=channel)
    del cut["recording"]["channel_ids"]
    cut["recording"]["sources"] = [{"type": "file", "channels": ids, "source": audio} for audio, ids in sources]
    (clip,) = read_manifest(write_manifest(tmp_path / "a.jsonl.gz", [cut]))
    assert isinstance(clip, Clip)
    assert (clip.audio, clip.channel) == read


def test_a_cut_sounds_as_lhotse_loads_it(tmp_path: Path):
    """Channels, places and lengths, those between two samples too."""
    left, right = np.random.default_rng(0).standard_normal((2, 22_050)).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 22_050, subtype="FLOAT")
    recording = Recording.from_file(tmp_path / "a.wav")
    # At this rate 0.25 s is a sample and a half.
    times = [(0.0, 1.0), (0.25, 0.5), (0.1 + 1e-9, 0.3), (0.25 + 1 / 44_100, 0.3 + 1 / 44_100)]
    cuts = [
        MonoCut(f"{channel}-{start}", start, seconds, channel, [], recording=recording)
        for channel in (0, 1)
        for start, seconds in times
    ]
    CutSet.from_cuts(cuts).to_file(tmp_path / "a.jsonl.gz")
    for cut, clip in zip(cuts, read_manifest(tmp_path / "a.jsonl.gz"), strict=True):
        assert isinstance(clip, Clip)
        [found] = decoded([Wanted(clip.audio, clip.start, clip.seconds, clip.channel)])
        assert isinstance(found, tuple)
        np.testing.assert_array_equal(found[0], cut.load_audio()[0])


def test_a_file_that_is_not_whole_gzip(tmp_path: Path):
    file = write_manifest(tmp_path / "a.jsonl.gz", [lhotse_cut(str(i), f"{i}.flac", 2.0, ["x"]) for i in range(500)])
    whole = file.read_bytes()
    for bad in (whole[: len(whole) // 2], whole[:-4], whole[:100] + bytes(20) + whole[120:], json.dumps(GOOD).encode()):
        file.write_bytes(bad)
        assert "is not a whole gzip file" in refusal(file)
    file.write_bytes(b"")
    assert "is not a whole gzip file (after line 0)" in refusal(file)


def test_a_manifest_that_is_not_there(tmp_path: Path):
    assert "no manifest at" in refusal(tmp_path / "gone.jsonl.gz")
    assert "cannot be read" in refusal(tmp_path)


def test_real_manifests(realstew: Path):
    files = manifest_files([str(realstew / "manifests" / "*.train.jsonl.gz")])
    clips = [clip for file in files for clip in read_manifest(file)]
    assert len(files) == 7
    assert len(clips) == len({clip.id for clip in clips}) == 4060
    assert all(clip.captions for clip in clips)
    assert sum(len(clip.captions) > 1 for clip in clips) > 0
    assert min(clip.seconds for clip in clips) == pytest.approx(0.1, abs=0.05)
    birds = next(clip for clip in clips if clip.id == "ambience/amb_birds_0")
    assert birds == Clip(birds.id, "ambience", "ambience", 10.0, ("birds singing",), "ambience/audio/amb_birds_0.flac")
