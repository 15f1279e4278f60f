"""Pieces of words as numbers."""

from pathlib import Path

import numpy as np
import pytest
from public_models import CAPTIONS, write_public

from scaling.data.subwords import Subwords
from scaling.data.tokenizer import SPECIAL
from scaling.errors import StudyError
from scaling.models.tokens import BEGIN, END, PAD, own_numbers


def test_byte_pairs_read_back_whatever_is_written() -> None:
    pieces = Subwords.of_captions(CAPTIONS, 300)
    assert len(pieces) == 300
    for caption in (*CAPTIONS, "ein hund bellt übers 雨", "[MASK] is <s> no token [pad]"):
        numbers = pieces.encode(caption, 99)
        assert numbers[0] == BEGIN
        assert numbers[-1] == END
        assert min(numbers[1:-1]) >= len(SPECIAL)
        assert pieces.text(numbers) == caption.lower()
    assert pieces.encode("A dog, barks!", 99) == pieces.encode("a dog barks", 99)
    assert pieces.encode(CAPTIONS[1], 6) == [*pieces.encode(CAPTIONS[1], 99)[:5], END]
    assert pieces.encode("", 6) == [BEGIN, END]


def test_byte_pairs_depend_on_the_captions_alone() -> None:
    one, other = (Subwords.of_captions(CAPTIONS, 290) for _ in range(2))
    assert one.encode("rain falls twice", 99) == other.encode("rain falls twice", 99)


def test_frequencies_are_those_of_what_is_predicted() -> None:
    pieces = Subwords.of_captions(CAPTIONS, 300)
    counts = np.exp(pieces.log_frequencies())
    np.testing.assert_allclose(counts.sum(), 1, rtol=1e-5)
    assert counts[END] / counts[PAD] == pytest.approx(1 + len(CAPTIONS))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_public_tokenizer_never_says_a_special_token_of_a_caption(kind: str, tmp_path: Path) -> None:
    write_public(tmp_path, kind)
    special = (0, 3, 4, 5, 6) if kind == "bert" else (1, 3, 0, 2, 290)
    pieces = Subwords((tmp_path / "tokenizer.json").read_text(), special)
    for caption in (*CAPTIONS, "<s> <pad> <mask> </s>"):
        numbers = pieces.encode(caption, 99)
        assert not set(numbers[1:-1]) & {PAD, BEGIN, END, 4}
    assert pieces.text(pieces.encode(CAPTIONS[0], 99)) == CAPTIONS[0]


def test_numbers_are_changed_as_few_as_must_be_and_none_is_lost() -> None:
    own = own_numbers((1, 3, 0, 2, 49), 50)
    assert own[:5] == [1, 3, 0, 2, 49]
    assert sorted(own) == list(range(50))
    assert sum(one != other for one, other in enumerate(own)) <= 10
    assert own_numbers((), 7) == list(range(7))


def test_what_is_no_tokenizer_is_one_line() -> None:
    with pytest.raises(StudyError, match="this is no tokenizer: ") as refused:
        Subwords('{"model": 3}')
    assert "\n" not in str(refused.value)
