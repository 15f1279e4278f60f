"""Draws are functions of their keys, and as likely as they say."""

from collections import Counter

import numpy as np
import pytest

from scaling.data.embedded.draws import Draw, generator


def test_equal_keys_draw_alike_and_others_do_not() -> None:
    one, same, other = (generator(*key).standard_normal(8) for key in (("a", 1), ("a", 1), ("a", 2)))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert Draw("a", 1).random() == Draw("a", 1).random() != Draw("a", 2).random()


def test_draws_are_as_likely_as_they_say() -> None:
    draw, count = Draw("likely"), 20_000
    picked = Counter(draw.pick("abcd") for _ in range(count))
    assert all(picked[letter] / count == pytest.approx(0.25, abs=0.02) for letter in "abcd")
    assert sum(draw.favour("abcd") == "a" for _ in range(count)) / count == pytest.approx(0.63, abs=0.02)
    assert sum(draw.chance(0.1) for _ in range(count)) / count == pytest.approx(0.1, abs=0.01)
    assert {draw.whole(2, 4) for _ in range(count)} == {2, 3, 4}
    assert all(2.0 <= draw.between(2.0, 4.0) < 4.0 for _ in range(count))
