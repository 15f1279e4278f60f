"""Questions: what can be asked, and what is right."""

import pytest

from scaling.data.tasks.question import Question


def test_a_question_comes_back_from_its_label():
    question = Question.asked("Who?", ["a dog", "a cat", None, " "], "A  Dog", "who", "7")
    assert question == Question("Who?", ("a dog", "a cat"), 0, "who", "7")
    assert Question.of_label(question.label()) == question


def test_choices_that_differ_in_case_alone_are_one():
    assert Question.asked("Who?", ["Dog", "dog", "Cat"], "dog").choices == ("Dog", "Cat")


@pytest.mark.parametrize(
    ("text", "choices", "answer", "cause"),
    [
        ("Who?", ["a dog", "a cat"], "a cow", "its answer 'a cow' is none of its 2 choices"),
        ("Who?", ["a dog", "a cat"], "", "an empty answer is none of its 2 choices"),
        ("Who?", ["a dog", None], "a dog", "1 different choices, and a question has two at least"),
        (" ", ["a dog", "a cat"], "a dog", "no question"),
        ("Who?" * 2000, ["a dog", "a cat"], "a dog", "question of 8,000 characters"),
    ],
)
def test_what_cannot_be_asked(text: str, choices: list[str | None], answer: str, cause: str):
    with pytest.raises(ValueError, match=cause):
        Question.asked(text, choices, answer)
