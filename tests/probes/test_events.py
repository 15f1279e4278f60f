"""The probe of events from the labelled store to its scores."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from corpora import clips_of_many_lengths, write_beside

from scaling.data.labelled import LabelledStore, check_tasks, task_files
from scaling.data.tasks.task import Labelled, Task, soundings, timed
from scaling.errors import StudyError
from scaling.probes import events as events_probe
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.events import Classes, events, undecided
from scaling.probes.frames import FramesFile
from scaling.probes.options import named_probes
from scaling.probes.probe import score
from scaling.probes.references import score_chance, score_log_mel

TASK = Task("sounds", "environment", "events", note="official split")
RATE = 50
SPLITS = ("train", "train", "val", "test")


def subject(folder: Path, knowing: bool, splits: tuple[str, ...] = SPLITS) -> Subject:
    """Tones in which, so it is said, a bell and a horn sound for a while; an encoder hears when, or only noise."""
    store = clips_of_many_lengths(folder)
    rng = np.random.default_rng(0)
    kept, rows = FramesFile(3), []
    for place, name in enumerate(store.clips(["id"])["id"]):
        seconds = float(store.index.seconds[place])
        some = [(0.2 * seconds, 0.6 * seconds, "bell")] if place % 2 else []
        some += [(0.5 * seconds, 0.9 * seconds, "horn")] if place % 3 else []
        split = splits[place % len(splits)]
        some += [(0.0, 0.1, "saw")] if split == "train" else []
        rows.append((TASK.name, name, split, timed(some)))
        n = max(round(seconds * RATE), 1)
        middle = (np.arange(n) + 0.5) * seconds / n
        frames = rng.normal(size=(1, n, 3)) * (0.1 if knowing else 1.0)
        for onset, offset, label in some:
            if knowing and label != "saw":
                frames[0, (onset <= middle) & (middle < offset), ("bell", "horn").index(label)] += 1
        kept.add(np.array([place]), np.zeros(1, np.int64), torch.from_numpy(frames).float(), torch.tensor([n]))
    table = pl.DataFrame(rows, schema=["task", "id", "split", "label"], orient="row")
    write_beside(store.folder, task_files(Labelled((TASK,), (), table, "")))
    labelled = LabelledStore(store.folder)
    return Subject(labelled, torch.zeros(len(store), 3), None, torch.device("cpu"), kept.frames(len(store)))


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return subject(tmp_path_factory.mktemp("knowing"), True)


def test_who_hears_events_finds_them_and_who_hears_noise_does_not(knowing: Subject, tmp_path: Path):
    scores, answers = events(TASK, knowing)
    assert [(one.metric, one.pooling, one.task) for one in scores] == [
        ("psds1", "frames", "sounds"),
        ("psds1_macro", "frames", "sounds"),
    ]
    psds1, macro = scores
    assert psds1.value > 0.9
    assert macro.value >= psds1.value
    assert answers.schema == PREDICTIONS
    test = knowing.labelled.split("sounds", "test")
    assert answers["clip"].to_list() == test.ids * 2
    assert psds1.n_test == len(test.ids)
    assert answers["correct"][: len(test.ids)].mean() == pytest.approx(psds1.value)
    assert psds1.note.startswith("strength ")
    assert psds1.note.endswith("1 classes are not in both parts, official split")
    noise = subject(tmp_path, False)
    assert events(TASK, noise)[0][0].value < 0.1
    assert undecided(TASK, noise.labelled)[0][0].value == 0.0


def test_without_validation_clips_the_strength_is_chosen_by_folds_of_clips(tmp_path: Path):
    found = events(TASK, subject(tmp_path, True, ("train", "train", "train", "test")))[0]
    assert found[0].value > 0.9


def test_of_many_frames_some_are_taken_and_classes_are_heard_a_few_at_once(
    knowing: Subject, monkeypatch: pytest.MonkeyPatch
):
    every = events(TASK, knowing)[0][0].value
    monkeypatch.setattr(events_probe, "_LOGITS", 1)
    assert events(TASK, knowing)[0][0].value == every
    monkeypatch.setattr(events_probe, "MOST_FRAMES", 200)
    assert events(TASK, knowing)[0][0].value > 0.9


def test_only_who_asks_for_events_gets_them(knowing: Subject):
    assert "events" not in named_probes()
    assert score(knowing, named_probes())[0] == []
    assert {one.metric for one in score(knowing, named_probes(("all",)))[0]} == {"psds1", "psds1_macro"}
    device = torch.device("cpu")
    assert score_chance(knowing.labelled, device)[0] == []
    assert {one.value for one in score_chance(knowing.labelled, device, ("events",))[0]} == {0.0}
    assert {one.metric for one in score_log_mel(knowing.labelled, device, ("events",))[0]} == {"psds1", "psds1_macro"}


def test_events_of_a_class_that_overlap_are_one_and_frames_hear_their_middle(knowing: Subject):
    classes = Classes(TASK, knowing.labelled)
    assert (classes.names, classes.left_out) == (["bell", "horn"], 1)
    text = timed([(1.0, 2.0, "bell"), (0.0, 1.5, "bell"), (2.5, 3.0, "bell"), (0.0, 4.0, "saw"), (3.0, 4.0, "horn")])
    assert classes.spans(text) == [[(0.0, 2.0), (2.5, 3.0)], [(3.0, 4.0)]]
    assert classes.targets(text, 4.0, 4).tolist() == [[True, False], [True, False], [True, False], [False, True]]
    assert soundings(text)[0] == (0.0, 1.5, "bell")


def test_a_task_whose_test_clips_have_other_events_is_named(tmp_path: Path):
    alone = subject(tmp_path, True)
    rows = alone.labelled.rows.select("task", "id", "split", "label")
    silent = rows.with_columns(label=pl.when(pl.col("split") == "test").then(pl.lit("[]")).otherwise(pl.col("label")))
    write_beside(alone.labelled.store.folder, task_files(Labelled((TASK,), (), silent, "")))
    with pytest.raises(StudyError, match="no usable test clip has an event of a label that training clips have"):
        check_tasks(alone.labelled.store.folder)
