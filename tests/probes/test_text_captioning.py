"""Captioning by a decoder trained on frozen frames: it hears, it resumes to the same bits, and it stops when asked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaling.data.tasks.task import Task
from scaling.probes.answers import PREDICTIONS, Subject
from scaling.probes.text_captioning import captioned, text_captioning
from scaling.probes.work import Work

TASK = Task("retrieval", "environment", "recall")


def test_every_metric_of_three_ways_to_write(hearing: Subject):
    scores, answers = text_captioning(TASK, hearing)
    names = {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "rouge_l_coco", "cider_d"}
    assert {(score.pooling, score.metric) for score in scores} == {
        (pooling, name) for pooling in ("text", "text-greedy", "text-shuffled") for name in names
    }
    assert {score.task for score in scores} == {"captioning"}
    assert answers.schema == PREDICTIONS
    for score in scores:
        mine = answers.filter(pooling=score.pooling, metric=score.metric)
        assert mine["correct"].mean() == pytest.approx(score.value)
        assert len(mine) == score.n_test


def test_perfect_captions_have_perfect_scores():
    said = ["a dog barks at the door", "rain falls on a tin roof"]
    scores, _ = captioned(TASK, "text", ["1", "2"], said, [[one] for one in said])
    values = {score.metric: score.value for score in scores}
    assert values["cider_d"] == pytest.approx(10)
    assert [values[name] for name in ("bleu_4", "rouge_l", "rouge_l_coco")] == pytest.approx([1, 1, 1])


class StopError(Exception):
    """The run was asked to stop."""


def stopping(folder: Path, last: int) -> Work:
    """Saves and raises after so many steps."""
    steps = iter(range(last))

    def after(save: Callable[[], None]) -> None:
        if next(steps, None) is None:
            save()
            raise StopError

    return Work(folder, after)


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(hearing: Subject, tmp_path: Path):
    whole = text_captioning(TASK, hearing)
    with pytest.raises(StopError):
        text_captioning(TASK, replace(hearing, work=stopping(tmp_path, 5)))
    steps: list[int] = []
    again = text_captioning(TASK, replace(hearing, work=Work(tmp_path, lambda save: steps.append(1))))
    assert len(steps) == 12 - 6
    assert again[0] == whole[0]
    assert again[1].equals(whole[1])
    # Done, it is not trained again; of other frames it is another training.
    assert text_captioning(TASK, replace(hearing, work=stopping(tmp_path, 0)))[0] == whole[0]
    other = replace(hearing.frames, values=np.asarray(hearing.frames.values) * 2 + 1)
    with pytest.raises(StopError):
        text_captioning(TASK, replace(hearing, frames=other, work=stopping(tmp_path, 0)))


def test_a_damaged_checkpoint_is_done_again(hearing: Subject, tmp_path: Path):
    whole = text_captioning(TASK, hearing)[0]
    (tmp_path / "retrieval-captioning.safetensors").write_bytes(b"no tensors")
    assert text_captioning(TASK, replace(hearing, work=Work(tmp_path)))[0] == whole
