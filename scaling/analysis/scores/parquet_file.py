"""Parquet tables as they are found, whatever wrote them."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

_MOST_COLUMNS = 10_000


def read_parquet(path: Path, wanted: Callable[[Sequence[str]], Sequence[str]] | None = None) -> pl.DataFrame:
    """The columns that `wanted` chooses of those that are there, or all.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: there is no table in it, and why.
    """
    try:
        # A pipe or a device would be read for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("no file")
        with _unheard():
            names = list(pl.read_parquet_schema(path))
            if len(names) > _MOST_COLUMNS:
                raise ValueError(f"{len(names):,} columns")
            return pl.read_parquet(path, columns=names if wanted is None else list(wanted(names)), glob=False)
    except FileNotFoundError:
        raise
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(str(error).splitlines()[0][:100] if str(error) else type(error).__name__) from None
    except pl.exceptions.PanicException:
        # No subclass of Exception: the reader's own mistake over bytes that it did not expect.
        raise ValueError("its bytes are no table's") from None


@contextmanager
def _unheard() -> Iterator[None]:
    """Lets nothing through to standard error, where the reader's threads write pages of what they raise as well."""
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
