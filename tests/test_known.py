"""Tables of known things: found by name, made by what their line names."""

from dataclasses import dataclass

import pytest

from scaling.errors import StudyError
from scaling.known import Known, Table, born, read_fields, set_fields


@dataclass(frozen=True)
class Square:
    side: float = 1.0
    corners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Circle:
    radius: float


SHAPES = Table("shape", {"square": Known(Square, "decimal:Decimal"), "circle": Known(Circle, "math:sqrt")})


def test_options_are_found_by_name_and_made_by_their_builder() -> None:
    assert SHAPES.name_of(Circle(2.0)) == "circle"
    assert SHAPES.builder_of(Circle(2.0))(9) == 3
    for options in (Square(2.0, ("a", "b")), Circle(1.0)):
        assert SHAPES.from_json(SHAPES.to_json(options)) == options
    assert SHAPES.to_json(Circle(2.0)) == {"name": "circle", "radius": 2.0}


def test_what_is_not_known_is_refused_in_one_line() -> None:
    with pytest.raises(StudyError, match="int is no known shape: add a line to the table of shapes"):
        SHAPES.name_of(3)
    with pytest.raises(StudyError, match="there is no shape cube: known are square, circle"):
        SHAPES.from_json({"name": "cube"})
    with pytest.raises(StudyError, match="fields of another version of this project: colour, edge"):
        SHAPES.from_json({"name": "square", "edge": 1, "colour": 2})


def test_fields_that_have_their_birth_value_are_not_set() -> None:
    @dataclass(frozen=True)
    class Later:
        plain: int = 1
        changed: int = born(1, now=2)
        same: int = born(3)

    assert set_fields(Later()) == {"changed": 2}
    assert set_fields(Later(plain=5, changed=1, same=4)) == {"plain": 5, "same": 4}
    # What has no default has no birth value.
    assert set_fields(Circle(1.0)) == {"radius": 1.0}
    assert Later() == Later(1, 2, 3)


def test_lists_are_read_as_tuples() -> None:
    assert read_fields(Square, {"corners": ["a", "b"]}) == Square(corners=("a", "b"))
