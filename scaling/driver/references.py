"""Scores of encoders from elsewhere as further reference lines of a study."""

import io
from collections.abc import Sequence

import polars as pl

from scaling.errors import StudyError
from scaling.storage.digest import bytes_digest
from scaling.storage.files import absolute, read_bytes

NEEDED = ("run", "reference", "task", "domain", "pooling", "metric", "value", "stderr", "n_test", "note", "seed")


def read_references(paths: Sequence[str]) -> list[tuple[str, pl.DataFrame]]:
    """A digest and the rows of each table that `scaling probe` has left.

    Raises `StudyError` where one is not there, or is no such table.
    """
    found = []
    for path in paths:
        try:
            content = read_bytes(absolute(path))
            table = pl.read_parquet(io.BytesIO(content))
        except OSError as error:
            raise StudyError(f"--references {path}: {error.strerror or 'not there'}") from None
        except pl.exceptions.PolarsError as error:
            raise StudyError(f"--references {path} is no Parquet table: {str(error).splitlines()[0]}") from None
        if missing := [name for name in NEEDED if name not in table.columns]:
            raise StudyError(f"--references {path} has no column {missing[0]}: give a scores.parquet of scaling probe")
        if (table["reference"].fill_null("") == "").any():
            raise StudyError(f"--references {path} holds runs, where references are needed")
        found.append((bytes_digest(content), table))
    return found


def with_references(scores: pl.DataFrame, tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """A study's scores, and behind them those rows of references whose tasks the study has.

    Raises `StudyError` where one is called as a reference or a run that is there already.
    """
    for table in tables:
        names = set(table["reference"]) | set(table["run"])
        if taken := names & (set(scores["reference"]) | set(scores["run"])) - {""}:
            raise StudyError(f"two references are called {taken.pop()}: give each encoder's folder its own name")
        rows = table.filter(pl.col("task").is_in(scores["task"].unique().to_list()))
        rows = rows.select(name for name in scores.columns if name in rows.columns)
        rows = rows.cast({name: scores.schema[name] for name in rows.columns})
        scores = pl.concat([scores, rows], how="diagonal")
        text = [name for name, dtype in scores.schema.items() if dtype == pl.String]
        scores = scores.with_columns(pl.col(text).fill_null(""), pl.col("excluded").fill_null(False))
    return scores
