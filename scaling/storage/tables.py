"""Parquet tables, whole or absent like every file."""

import polars as pl

from scaling.storage.files import Location, local_copy, replacing


def write_parquet(path: Location, table: pl.DataFrame, row_group_size: int | None = None) -> None:
    """Write a table, whole or not at all."""
    with replacing(path) as temporary:
        table.write_parquet(temporary, row_group_size=row_group_size)


def read_parquet(path: Location, columns: list[str] | None = None) -> pl.DataFrame:
    """A table that `write_parquet` wrote. Raises `FileNotFoundError` where there is none."""
    with local_copy(path) as local:
        return pl.read_parquet(local, columns=columns)
