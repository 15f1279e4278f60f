"""Arrow files are what their names say, or are not read."""

from pathlib import Path

import pyarrow as pa
import pytest

from scaling.errors import StudyError
from scaling.storage.arrow import read_named, write_named


def test_a_flipped_bit_anywhere_is_refused_before_arrow_reads_it(tmp_path: Path):
    batch = pa.record_batch({"a": [1, 2, 3], "b": ["x", None, "z"]})
    path = tmp_path / write_named(tmp_path, "numbers", batch)
    assert read_named(path).equals(batch)
    # The same content has the same name.
    assert write_named(tmp_path, "numbers", batch) == path.name
    assert list(tmp_path.iterdir()) == [path]
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(
            StudyError,
            match=rf"{path} is damaged .*: delete it, and the same command",
        ):
            read_named(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_named(path)
    (tmp_path / "numbers.arrow").write_bytes(whole)
    with pytest.raises(StudyError, match="is damaged"):
        read_named(tmp_path / "numbers.arrow")
    path.mkdir()
    with pytest.raises(StudyError, match="is damaged"):
        read_named(path)
