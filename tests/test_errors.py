"""What a person is told of an exception."""

import pytest

from scaling.errors import in_one_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no"), "ValueError: no"),
        (OSError("a page\nof traceback\n\nits cause\n"), "OSError: its cause"),
        (KeyError(), "KeyError: "),
        (ValueError("x" * 1000), "ValueError: " + "x" * 288),
    ],
)
def test_type_and_last_line(error: Exception, line: str):
    assert in_one_line(error) == line
