"""Questions that are asked: other clips, common answers, and the worth of answers."""

import numpy as np
import pytest

from scaling.data.tasks.question import Question
from scaling.data.tasks.task import Task
from scaling.probes.asked import Item, gain, majority, outcome, shuffled

TASK = Task("asked", "environment", "questions")


def item(place: int | None, answer: int, kind: str = "pitch", choices: tuple[str, ...] = ("high", "low")) -> Item:
    return Item(place, Question("High or low?", choices, answer, kind), f"clip {place}")


def test_a_gain_spreads_as_the_ratio_does():
    draw = np.random.default_rng(0)
    right, alone = (draw.random((400, 2)) < (0.7, 0.4)).astype(float).T
    found = gain(right, alone)
    assert found.value == pytest.approx((right.mean() - alone.mean()) / (1 - alone.mean()))
    assert found.parts.mean() == pytest.approx(found.value)
    again = draw.integers(400, size=(2000, 400))
    drawn = (right[again].mean(1) - alone[again].mean(1)) / (1 - alone[again].mean(1))
    assert found.stderr == pytest.approx(drawn.std(), rel=0.1)


def test_words_alone_that_answer_everything_leave_no_gain():
    scores, _ = outcome(TASK, [item(0, 0)], {"text": [0], "text-only": [0]})
    assert {score.metric for score in scores} == {"qa_accuracy"}
    # All but one: a gain of one question.
    items = [item(place, 0) for place in range(40)]
    scores, _ = outcome(TASK, items, {"text": [1] * 20 + [0] * 20, "text-only": [1] + [0] * 39})
    assert {score.metric for score in scores} == {"qa_accuracy"}


def test_every_question_hears_another_clip_of_its_kind():
    items = [item(0, 0), item(1, 0), item(1, 1), item(2, 0), item(3, 0, "other"), item(None, 0)]
    found = shuffled(items)
    assert all(place != one.place for place, one in zip(found[:5], items, strict=False))
    assert set(found[:4]) == {0, 1, 2}
    assert found[1] == found[2]
    assert found[5] is None


def test_the_commonest_answer_is_that_of_the_kind_and_among_the_choices():
    train = [item(0, 1), item(1, 1), item(2, 0), item(3, 0, "other"), item(4, 0, "pitch", ("Loud", "low"))]
    test = [item(5, 0), item(6, 0, "other"), item(7, 0, "pitch", ("high", "loud")), item(8, 0, "new")]
    assert majority(train, test) == [1, 0, 0, 0]
