"""Nobody is his own other."""

import pytest

from scaling.probes.another import another


@pytest.mark.parametrize("many", [2, 3, 50])
def test_everyone_has_another_and_is_anothers(many: int) -> None:
    clips = [f"clip {number}" for number in range(many)]
    found = another(clips, "captions")
    assert sorted(found) == sorted(found.values()) == sorted(clips)
    assert all(one != other for one, other in found.items())
    assert another(reversed(clips), "captions") == found


def test_neighbours_are_not_what_is_heard_instead() -> None:
    found = another(range(200), "captions")
    assert sum(abs(one - other) == 1 for one, other in found.items()) < 10
    assert another(range(200), "questions") != found


def test_who_is_alone_has_no_other() -> None:
    assert another(["one"], "") == another([], "") == {}
