"""Questions about the embedded corpus's clips, by rule."""

from collections import Counter

from scaling.data.embedded import sounds
from scaling.data.embedded.instruments import INSTRUMENTS
from scaling.data.embedded.questions import KINDS, WORDS, asked, drawn
from scaling.data.tasks.embedded import embedded_tasks
from scaling.data.tasks.question import Question


def test_a_clip_is_asked_the_same_whenever_it_is_asked():
    first = [asked(index, seed=0, split="train") for index in range(60)]
    assert first == [asked(index, seed=0, split="train") for index in range(60)]
    kinds = Counter(one[0] for some in first for one in some)
    assert set(kinds) == set(WORDS) == {kind for some in KINDS.values() for kind in some}
    for kind, _, choices, right in (one for some in first for one in some):
        assert choices.count(right) == 1
        assert len(set(choices)) == len(choices) >= 2, kind


def test_what_is_right_is_what_the_clip_is():
    for index in range(90):
        labels = sounds.sound(index, seed=0, split="test").labels
        found = {kind: right for kind, _, _, right in asked(index, seed=0, split="test")}
        if "intonation" in labels:
            wanted = {"rising": "higher", "falling": "lower"}.get(labels["intonation"])
            assert found.get("melody") == wanted
            assert labels["voice"].endswith(found["who"])
        if "first" in found:
            assert found["first"] == found["what"]
            assert found["many"] == "two"


def test_one_question_of_a_test_clip_and_none_about_training_clips():
    rows = embedded_tasks(0).rows.filter(task="questions-all")
    test = rows.filter(split="test")
    assert test["id"].is_unique().all()
    assert not set(test["id"]) & set(rows.filter(split="train")["id"])
    # All instruments are asked about, as often as each other.
    asked_about = Counter(
        question.choices[question.answer] for question in map(Question.of_label, test["label"])
        if question.kind == "instrument"
    )  # fmt: skip
    assert len(asked_about) == len(INSTRUMENTS)
    counts = Counter(drawn(index, seed=0, split="test")[::3] for index in range(900))
    many = counts["many", "one"], counts["many", "two"]
    # Which question is asked does not tell its answer.
    assert abs(many[0] - many[1]) < 3 * sum(many) ** 0.5
