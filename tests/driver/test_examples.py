"""The sounds of a report's examples are those of the clips."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import soundfile
from corpora import tone

from scaling.analysis.report.examples import CLIPS, chosen_clips, sound_file
from scaling.data.clip import Clip
from scaling.data.flac import flac_samples
from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Labelled, Task
from scaling.driver.examples import SECONDS, example_files

IDS = [f"t{number}" for number in range(8)]


def of(root: Path, **changes: Any) -> tuple[Any, Labelled]:
    clips = []
    for number, name in enumerate(IDS):
        soundfile.write(root / f"{name}.flac", tone(number, 1.5), 16_000)
        clips.append(Clip(name, "x", "x", 1.5, ("a tone",), f"{name}.flac")._replace(**changes))
    tasks = (Task("pitch", "x"), Task("retrieval-x", "x", "recall"))
    labelled = SimpleNamespace(
        split=lambda task, split: {("retrieval-x", "test"): SimpleNamespace(ids=IDS)}[task, split]
    )
    return labelled, Labelled(tasks, tuple(clips), pl.DataFrame(), str(root))


def test_every_clip_that_is_shown_is_heard(tmp_path: Path):
    files = example_files(*of(tmp_path, start=0.5, seconds=0.75))
    shown = chosen_clips(IDS)
    assert list(files) == [sound_file(clip) for clip in shown]
    assert len(files) == CLIPS
    whole = soundfile.read(tmp_path / f"{shown[0]}.flac", dtype="float32")[0]
    np.testing.assert_array_equal(flac_samples(files[sound_file(shown[0])]), whole[8_000:20_000])


def test_a_question_is_shown_with_its_clip(tmp_path: Path):
    _, source = of(tmp_path)
    labels = [Question("Which?", ("a", "b"), 0, id="7").label()] * len(IDS)
    labelled: Any = SimpleNamespace(
        folds=lambda task: [], split=lambda task, part: SimpleNamespace(ids=IDS, labels=labels)
    )
    files = example_files(labelled, replace(source, tasks=(Task("asked", "x", "questions"),)))
    shown = chosen_clips(f"{clip} 7" for clip in IDS)
    whole = soundfile.read(tmp_path / f"{shown[0].split()[0]}.flac", dtype="float32")[0]
    np.testing.assert_array_equal(flac_samples(files[sound_file(shown[0])]), whole)
    assert set(files) == {sound_file(name) for name in shown}


def test_a_long_clip_is_cut_and_one_that_is_gone_is_left_out(tmp_path: Path):
    labelled, source = of(tmp_path, seconds=None)
    shown = chosen_clips(IDS)
    soundfile.write(tmp_path / f"{shown[0]}.flac", tone(0, SECONDS + 2), 16_000)
    (tmp_path / f"{shown[1]}.flac").unlink()
    files = example_files(labelled, source)
    assert len(flac_samples(files[sound_file(shown[0])])) == 16_000 * SECONDS
    assert set(files) == {sound_file(clip) for clip in shown if clip != shown[1]}
