"""What is known of the corpora of CaptionStew."""

import pytest

from scaling.data.sources.known import SOURCES, known_source

CAPTIONSTEW = (9_300_000, 37_290.0)


@pytest.mark.parametrize("name", SOURCES)
def test_an_entry_can_be_true(name: str):
    source = known_source(name)
    assert source is not None
    assert source.domain in ("speech", "music", "environment")
    assert source.licence
    assert source.manifest
    # Of no more clips than there are, and no clip longer than a study takes.
    assert source.clips <= CAPTIONSTEW[0]
    assert source.hours <= CAPTIONSTEW[1]
    assert 1.0 <= source.seconds[0] < source.seconds[1] <= 60.1
    # As many hours as its clips can have.
    assert source.hours <= source.clips * source.seconds[1] / 3600 * 1.01


def test_a_part_of_a_source_is_known_and_others_are_not():
    assert known_source("audiosetcaps-youtube8m") is known_source("audiosetcaps")
    assert known_source("audiosetcapsmine") is known_source("mine") is None


def test_what_cannot_be_true_is_said():
    clotho = known_source("clotho")
    assert clotho is not None
    assert clotho.doubts(3_839, 24.0, 15.0, 30.0, (5, 5)) == []
    assert clotho.doubts(5_000, 30.0, 2.0, 30.0, (1, 5)) == [
        "5,000 clips, and it has 3,839 at most",
        "30 h, and it has 25 at most",
        "clips of 2.0 to 30.0 s, and its last 15 to 30.1 s",
        "1 to 5 captions a clip, and it has 5 to 5",
    ]
