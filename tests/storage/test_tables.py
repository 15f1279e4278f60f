"""Tables are whole or not there."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from scaling.errors import StudyError
from scaling.storage.tables import read_parquet, write_parquet


def test_a_table_comes_back_with_the_columns_that_are_asked_for(tmp_path: Path):
    table = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    write_parquet(tmp_path / "table.parquet", table)
    assert read_parquet(tmp_path / "table.parquet").equals(table)
    assert read_parquet(tmp_path / "table.parquet", ["b"]).columns == ["b"]
    with pytest.raises(FileNotFoundError):
        read_parquet(tmp_path / "absent.parquet")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_polars_tells_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A real write to a device that is full, through the name that `replacing` gives."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "full")
    (tmp_path / ".table.parquet.full.tmp").symlink_to("/dev/full")
    with pytest.raises(StudyError, match=r"no space left for table\.parquet"):
        write_parquet(tmp_path / "table.parquet", pl.DataFrame({"a": np.random.default_rng(0).random(100_000)}))
    assert list(tmp_path.iterdir()) == []
