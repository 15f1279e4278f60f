"""A task file and its table of clips, to be changed by tests."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from scaling.data.tasks.task import Labelled

ENTRY = {
    "name": "birds",
    "domain": "environment",
    "clips": "clips.csv",
    "audio": "sounds",
    "label": "bird",
    "metric": "accuracy",
}
ROWS = [
    {"file": "1.flac", "split": "train", "bird": "wren", "caption": "a wren"},
    {"file": "2.flac", "split": "val", "bird": "wren", "caption": "a wren again"},
    {"file": "3.flac", "split": "test", "bird": "crow", "caption": "a crow"},
    {"file": "4.flac", "split": "train", "bird": "", "caption": "nobody knows"},
]


def write_tasks(folder: Path, *entries: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(ROWS if rows is None else rows).write_csv(folder / "clips.csv")
    lines = []
    for entry in entries:
        lines.append("[[task]]")
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in entry.items())
    path = folder / "tasks.toml"
    path.write_text("\n".join(lines))
    return path


def counts(labelled: Labelled, task: str) -> dict[str, int]:
    return dict(labelled.rows.filter(pl.col("task") == task).group_by("split").len().iter_rows())
