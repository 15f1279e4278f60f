"""Sizes and units in words."""

import pytest

from scaling.analysis.scores import Axis
from scaling.analysis.scores.words import place, sized, tenfold, thousands, two_digits, unit


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0.0003, "0.0003"), (3e-5, "3e-5"), (0.25, "0.25"), (7, "7"), (7.5, "7.5"), (400, "400"), (1234.4, "1,234"),
        (9.3e6, "9.3 M"), (7e9, "7 B"), (2.5e18, "2.5e18"),
    ],
)  # fmt: skip
def test_numbers_as_people_say_them(number: float, words: str) -> None:
    assert thousands(number) == words


def test_a_unit_follows_its_number_and_a_name_without_one_leads_it() -> None:
    rate = Axis("rate", "learning rate", "", "nominal")
    assert place(Axis(), 1000) == "1,000 clips"
    assert (place(rate, 0.001), place(rate, "warm")) == ("learning rate 0.001", "learning rate warm")
    assert sized(Axis(), f"about {two_digits(12345)}") == "about 12,000 clips"
    assert (unit(Axis()), unit(rate)) == ("clips", "learning rate")
    assert tenfold(Axis("parameters", "size", "parameters"), 10) == "10 times the parameters"
