"""Lines of files, packed or not; what else a file may be is in hostile/test_manifests.py."""

import gzip
from pathlib import Path

import pytest

from scaling.data.readers.lines import LONGEST_LINE, numbered_lines
from scaling.errors import StudyError

CONTENT = b"one\n\n \r\ntwo\r\n" + b"x" * 3 * LONGEST_LINE + b"\nlast"
LINES = [(1, b"one\n"), (4, b"two\r\n"), (5, b"x" * (LONGEST_LINE + 1)), (6, b"last")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_lines_have_their_numbers_and_no_more_than_they_may(tmp_path: Path, name: str):
    file = tmp_path / name
    file.write_bytes(gzip.compress(CONTENT) if name.endswith(".gz") else CONTENT)
    assert list(numbered_lines(file, "text")) == LINES


def test_a_file_that_ends_too_early_says_after_which_line(tmp_path: Path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"".join(b"%d\n" % number for number in range(1000)))[:-9])
    with pytest.raises(StudyError, match=r"a.gz is not a whole gzip file \(after line \d+\): manifests are text"):
        list(numbered_lines(file, "text"))
