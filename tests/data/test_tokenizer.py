"""Words as numbers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.data.tokenizer import BEGIN, END, SPECIAL, UNKNOWN, VOCABULARY, Tokenizer, caption_number, normalized


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("A dog, (loudly) barking; twice!", "a dog loudly barking twice"),
        ('He says: "hi" | then* leaves...', "he says hi then leaves"),
        ("it's a well-known sound", "it's a well-known sound"),
        ("one,two", "one two"),
        ("  ...  ", ""),
    ],
)
def test_captions_are_normalized(caption: str, text: str):
    assert normalized(caption) == text


@given(st.text())
def test_normalizing_twice_changes_nothing(text: str):
    assert normalized(normalized(text)) == normalized(text)


def test_frequent_words_first_and_ties_by_the_alphabet(tmp_path: Path):
    tokenizer = Tokenizer.of_captions(["b a c", "C b", "b"])
    assert tokenizer.words == ("b", "c", "a")
    assert len(tokenizer) == len(SPECIAL) + 3
    assert tokenizer.encode("a B zebra.", 16) == [BEGIN, 7, 5, UNKNOWN, END]
    assert tokenizer.encode("a b c", 4) == [BEGIN, 7, 5, END]
    assert tokenizer.encode("", 16) == [BEGIN, END]
    tokenizer.save(tmp_path / "words.json")
    assert Tokenizer.load(tmp_path / "words.json").words == tokenizer.words


def test_equal_captions_have_equal_numbers():
    def number(caption: str) -> int:
        return caption_number(normalized(caption))

    assert number("A dog, barking!") == number("a  dog barking")
    assert number("a dog barking") != number("a dog barks")


def test_the_vocabulary_is_bounded():
    assert len(Tokenizer.of_captions(f"word{i}" for i in range(2 * VOCABULARY))) == VOCABULARY
